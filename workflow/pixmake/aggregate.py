"""From the records of all jobs to the tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmake.job import PREREQUISITE
from pixmake.records import Record, read_record, written_whole


def write_tables(
    records: Sequence[str], columns: Sequence[str], measurements: str | Path, failures: str | Path
) -> tuple[int, int]:
    """Write ``measurements.csv`` and ``failures.csv``.

    The same records give the same bytes: rows stand in the order of ``records``, metadata in the order
    of ``columns``, measurements in the order in which they first occur.

    Parameters
    ----------
    records
        The record files, image by image, of each image step by step.
    columns
        The metadata terms, in the table's order.
    measurements, failures
        Where to write.

    Returns
    -------
    int, int
        The number of rows of each.
    """
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    names: dict[str, dict[str, None]] = {}
    for path in records:
        record = read_record(path)
        if record.error is not None:
            if record.error.type != PREREQUISITE:
                failed.append(failure_row(record))
        elif record.measurements:
            names.setdefault(record.step, {}).update(dict.fromkeys(record.measurements))
            done.append(measurement_row(record))
    of_steps = {name: None for step in names.values() for name in step}
    terms = [term for term in columns if term not in ("id", "step")]
    measured = [name for name in of_steps if name not in ("id", "step", *terms)]
    _write(measurements, ["id", "step", *terms, *measured], done)
    _write(failures, ["id", "step", "error", "message", "log", *terms], failed)
    return len(done), len(failed)


def measurement_row(record: Record) -> dict[str, Any]:
    """A record as a row: its metadata, then its measurements; a multi-value one as JSON."""
    values = {name: content["value"] for name, content in record.measurements.items()}
    return {**record.metadata, **values, "id": record.id, "step": record.step}


def failure_row(record: Record) -> dict[str, Any]:
    """A failed record as a row: why, where its log is, and its metadata."""
    assert record.error is not None
    return {
        **record.metadata,
        "id": record.id,
        "step": record.step,
        "error": record.error.type,
        "message": record.error.message,
        "log": record.error.log,
    }


def _write(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with (
        written_whole(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as lines,
    ):
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
