"""The records as the page asks for them: those that are as they were are not read again.

A page of a hundred thousand points is made of all records, of which few are new. So what it asks of each is
kept in a form that is read in a fifth of the time; see `pixmake.results.kept_parts`.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixmake.base.ids import memory_of
from pixmake.job.record import Failure, Record
from pixmake.results.kept_parts import Memory, Parts, lines_of, write_parts

POINTS = "points"
"""What the file is called among what is kept of it."""

_OF_TASK = ("kind", "files", "names", "parts", "versions")


def records_of_page(records: str | Path, results: str) -> Iterator[Record]:
    """The records of a file that `pixmake.results.record_lines.gather` wrote, one at a time.

    Parameters
    ----------
    records
        The file.
    results
        The folder of results.

    Yields
    ------
    Record
        With that part of its origin alone of which the page says something.
    """
    path = Path(memory_of(results)) / "page.points"
    with lines_of(records) as lines:
        parts = Parts(lines.keys)

        def make(number: int) -> dict[str, bytes]:
            return {POINTS: marshal.dumps(_plain(lines.record(number)))}

        write_parts(Memory(results, "page", ""), parts, {POINTS: (path, b"")}, make)
    with open(path, "rb") as file:
        for length in parts.lengths[POINTS]:  # by `marshal.load` each byte would be asked for
            yield _record(marshal.loads(file.read(length)))


def _plain(record: Record) -> tuple[Any, ...]:
    error = None if record.error is None else tuple(vars(record.error).values())
    parts = (record.id, record.step, record.status, record.metadata, record.measurements, record.files, error)
    return (*parts, record.run, tuple(record.images), _of_origin(record), record.written)


def _of_origin(record: Record) -> dict[str, Any]:
    task = record.origin.get("task", {})
    told = {key: task[key] for key in _OF_TASK if key in task}
    if "measurements" in task.get("work", {}):
        told["work"] = {"measurements": ""}
    if record.images:  # whose inputs the page does not ask for
        return {"task": told}
    return {
        "task": told,
        "inputs": [{"path": each.get("path", "")} for each in record.origin.get("inputs", ())],
    }


def _record(plain: tuple[Any, ...]) -> Record:
    job_id, step, status, metadata, measurements, files, error, run, images, origin, written = plain
    failure = None if error is None else Failure(*error)
    return Record(job_id, step, status, metadata, measurements, files, failure, run, images, origin, written)
