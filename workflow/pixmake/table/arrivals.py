"""Which files have arrived whole, for a project whose images are still being written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pixmake.base.files import written_whole
from pixmake.images.remote.uris import is_remote
from pixmake.job.record import failure_counts, last_failures, read_record
from pixmake.table.table import Note, Table

ENVIRONMENT = "PIXMAKE_ARRIVED"
"""The environment variable that names the list of `write_arrived`, for the runs of `pixmake watch`."""

SLICE = "PIXMAKE_SLICE"
"""In the environment of a run over a part of the images: ``3/10``, or `LAST`."""

LAST = "tables"
"""The run after all slices, which does not try again what has failed in them."""

UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".download")
"""What programs add to the name of a file that they are still writing."""

NOT_YET = "not here yet, or not whole"
"""Why a row is left out of a run while images arrive."""

ASKED = "asked for by pixmake retry"
"""The line that asks for a job again, among those that say why it failed."""

Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""


@dataclass(frozen=True)
class Arrivals:
    """What has been seen of some files, look by look."""

    seen: Mapping[str, tuple[Stamp, float]] = field(default_factory=dict)
    """Of each file that is there: what it was at the last look, and since when."""
    whole: Mapping[str, Stamp] = field(default_factory=dict)
    """Files that have not changed for long enough; one that changes again stays until it is whole again."""

    @property
    def waiting(self) -> list[str]:
        """Files that are there, but are still changing, or may be."""
        return [path for path, (stamp, _) in self.seen.items() if self.whole.get(path) != stamp]


def look(arrivals: Arrivals, paths: Iterable[str], now: float, settle: float) -> Arrivals:
    """Look at files once more.

    Parameters
    ----------
    arrivals
        What was seen so far.
    paths
        The files that are to come, there or not.
    now
        The time in seconds, of a clock that only goes forward.
    settle
        For how many seconds a file's size and time of change must stay to take it as whole.
    """
    seen: dict[str, tuple[Stamp, float]] = {}
    whole: dict[str, Stamp] = {}
    for path in paths:
        stamp = _stamp(path)
        if stamp is None:
            continue
        before, since = arrivals.seen.get(path, (None, now))
        since = since if before == stamp else now
        seen[path] = (stamp, since)
        if now - since >= settle:
            whole[path] = stamp
        elif path in arrivals.whole:
            whole[path] = arrivals.whole[path]
    return Arrivals(seen, whole)


def is_unfinished(path: str) -> bool:
    """Whether a file's name says that it is still being written.

    Examples
    --------
    >>> is_unfinished("in/a.png.part"), is_unfinished("in/.a.png.Xy12"), is_unfinished("in/a.png")
    (True, True, False)
    """
    name = os.path.basename(path)
    return name.startswith(".") or name.lower().endswith(UNFINISHED)


def write_arrived(path: str | Path, arrived: Iterable[str], *, again: bool) -> None:
    """Write the list that `only_arrived` reads.

    Parameters
    ----------
    path
        Where.
    arrived
        The files to take.
    again
        Whether images that failed are to be tried again.
    """
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps({"arrived": sorted(arrived), "again": again}), encoding="utf-8")


def only_arrived(table: Table) -> Table:
    """The rows whose files have arrived, the others as notes; without `pixmake watch`, all."""
    listed = os.environ.get(ENVIRONMENT)
    if not listed:
        return table
    arrived = set(json.loads(Path(listed).read_bytes())["arrived"])
    paths = [path or "" for path in table.located]
    there = np.array([is_remote(path) or path in arrived for path in paths], dtype=bool)
    waiting = [
        Note(NOT_YET, paths[row], table.place(row), left_out=True) for row in np.flatnonzero(~there).tolist()
    ]
    return table.keep(there).noting(waiting)


def failures_to_retry(results: str, step: str) -> dict[str, int]:
    """`records.failure_counts`; while images arrive, without the failures of the last run of each job.

    So a batch of new images does not try all failed ones of the night again, nor does the run behind slices.
    """
    counts = failure_counts(results, step)
    listed = os.environ.get(ENVIRONMENT)
    of_batch = listed and not json.loads(Path(listed).read_bytes())["again"]
    if not of_batch and os.environ.get(SLICE) != LAST:
        return counts
    for job_id, last in last_failures(results, step).items():
        try:
            failed = read_record(f"{results}/{step}/{job_id}.json").status == "failed"
        except (OSError, ValueError):
            continue
        if failed and last != ASKED:
            counts[job_id] -= 1
    return counts


def _stamp(path: str) -> Stamp | None:
    if is_unfinished(path):
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
