"""How a run ends: an exit status that tells whether images failed, and a last line that says it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pixmake.job import PREREQUISITE
from pixmake.records import failure_counts, read_record


def asked_records(jobs: Iterable[Any]) -> list[str]:
    """The records that a run is to make; asked before the run, since Snakemake forgets ended jobs."""
    return [str(job.output.record) for job in jobs if hasattr(job.output, "record")]


def conclude(records: Sequence[str], measurements: str, failures: str, max_failures: int | str) -> None:
    """Say how many images are done and how many failed.

    Parameters
    ----------
    records
        The records of this run; see `asked_records`.
    measurements, failures
        The tables.
    max_failures
        How many images may fail: a number, or a share of them such as ``5%``.

    Raises
    ------
    SystemExit
        With status 1: more images failed than are allowed. Every table is written by then.
    """
    images = {Path(record).name.removesuffix(".json") for record in records}
    failed = failed_images(records)
    tables = f"see {failures}" if Path(failures).exists() else "see their logs under logs/"
    if len(failed) > allowed_failures(max_failures, len(images)):
        # not an exception of Snakemake's: it would print where in our files it was raised
        again = "The next run tries them again."
        print(f"{len(failed)} of {len(images)} images failed: {tables}. {again}", file=sys.stderr)
        raise SystemExit(1)
    allowed = f", {len(failed)} failed as max_failures allows: {tables}" if failed else ""
    table = f": {measurements}" if Path(measurements).exists() else ""
    print(f"{len(images) - len(failed)} of {len(images)} images done{table}{allowed}", file=sys.stderr)


def allowed_failures(max_failures: int | str, images: int) -> int:
    """How many of so many images may fail.

    Examples
    --------
    >>> allowed_failures("5%", 250), allowed_failures("5%", 10), allowed_failures(3, 10)
    (12, 0, 3)
    """
    if isinstance(max_failures, str):
        return math.floor(Fraction(max_failures.rstrip(" %")) * images / 100)
    return max_failures


def failed_images(records: Iterable[str]) -> set[str]:
    """The ids of those that failed by themselves, not for a step that they need.

    Of a step only the records of jobs that have ever failed are read.
    """
    by_step: dict[Path, set[str]] = {}
    for record in map(Path, records):
        by_step.setdefault(record.parent, set()).add(record.name.removesuffix(".json"))
    failed = set()
    for folder, ids in by_step.items():
        for job_id in ids & set(failure_counts(folder.parent, folder.name)):
            error = read_record(folder / f"{job_id}.json").error
            if error is not None and error.type != PREREQUISITE:
                failed.add(job_id)
    return failed
