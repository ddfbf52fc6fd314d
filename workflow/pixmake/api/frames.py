"""What a project has on disk, as pandas DataFrames: the rows of its tables, read from the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pixmake.api.working_directory import inside
from pixmake.base.errors import PixmakeError
from pixmake.job.record import Record, read_record
from pixmake.job.run import PREREQUISITE
from pixmake.plan.found_images import found_plan
from pixmake.plan.plan import Plan
from pixmake.results.image_counts import declares_measurements
from pixmake.rules.image_rules import records

_NUMBERS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


@dataclass(frozen=True)
class Results:
    """The results of a project, as far as they are there.

    In a notebook it shows itself: the measurements, with thumbnails of the images and of the files made
    from them, the failures first.
    """

    plan: Plan
    folder: Path

    @property
    def known(self) -> Plan:
        """The plan of the images that are known; of those that a run finds, once it has found them."""
        with inside(self.folder):
            return known_plan(self.plan)

    @property
    def measurements(self) -> pd.DataFrame:
        """One row an image and step that measures: ``id``, ``step``, the metadata, the measurements."""
        found, names, measuring = [], dict[str, None](), set[str]()
        for record in self.records():
            if record.error is None:
                values = measured_values(record)
                names.update(dict.fromkeys(values))
                if values or declares_measurements(record):
                    measuring.add(record.step)
                found.append({**record.metadata, **values, "id": record.id, "step": record.step})
        rows = [row for row in found if row["step"] in measuring]
        return _frame(rows, ["id", "step", *self.known.columns, *names])

    @property
    def failures(self) -> pd.DataFrame:
        """One row a failed image: ``id``, ``step``, ``error``, ``message``, ``log``, the metadata."""
        rows = [
            {
                **record.metadata,
                "id": record.id,
                "step": record.step,
                "error": record.error.type,
                "message": record.error.message,
                "log": record.error.log,
            }
            for record in self.records()
            if record.error is not None and record.error.type != PREREQUISITE
        ]
        return _frame(rows, ["id", "step", "error", "message", "log", *self.known.columns])

    def records(self) -> Iterator[Record]:
        """The records that are there: image by image in the table's order, then those over several."""
        for path in records(self.known):
            try:
                yield read_record(self.folder / path)
            except (FileNotFoundError, ValueError):
                continue  # not made yet

    def path(self, name: str) -> Path:
        """A file that a record or a row names, from wherever this Python works."""
        return self.folder / name

    def _repr_html_(self) -> str:
        from pixmake.api.html import results_html

        return results_html(self)


def known_plan(plan: Plan) -> Plan:
    """A plan with its images: those that were found in files in the last run, or until then these files."""
    if plan.containers is None:
        return plan
    try:
        return found_plan(plan.config)
    except PixmakeError:
        return plan.containers


def measured_values(record: Record) -> dict[str, Any]:
    """What a record holds as measured, by name."""
    return {name: _value(content["value"]) for name, content in record.measurements.items()}


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(dict.fromkeys(columns)))


def _value(value: Any) -> Any:
    """A measured value: JSON has no NaN, a record says it as text."""
    return _NUMBERS.get(value, value) if isinstance(value, str) else value
