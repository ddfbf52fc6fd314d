"""What a project has on disk, as pandas DataFrames: the rows of its tables, read from the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pixmake.api.working_directory import inside
from pixmake.base.errors import PixmakeError
from pixmake.job.record import PREREQUISITE, Record, read_record
from pixmake.plan.found_images import found_plan
from pixmake.plan.plan import Plan
from pixmake.results.image_counts import declares_measurements
from pixmake.results.read import measured_values
from pixmake.rules.image_rules import records
from pixmake.table.term_names import OURS, WHY, column_names


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
                found.append({**_terms(record), **values, "id": record.id, "step": record.step})
        rows = [row for row in found if row["step"] in measuring]
        return _frame(rows, ["id", "step", *column_names(self.known.columns).values(), *names])

    @property
    def failures(self) -> pd.DataFrame:
        """One row a failed image: ``id``, ``step``, ``error``, ``message``, ``log``, the metadata."""
        rows = [
            {
                **_terms(record, (*OURS, *WHY)),
                "id": record.id,
                "step": record.step,
                "error": record.error.type,
                "message": record.error.message,
                "log": record.error.log,
            }
            for record in self.records()
            if record.error is not None and record.error.type != PREREQUISITE
        ]
        ours = (*OURS, *WHY)
        return _frame(rows, [*ours, *column_names(self.known.columns, ours).values()])

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


def _terms(record: Record, ours: Sequence[str] = OURS) -> dict[str, Any]:
    """A record's metadata as the tables have them."""
    names = column_names(record.terms, ours)
    return {names[term]: value for term, value in record.terms.items()}


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(dict.fromkeys(columns)))
