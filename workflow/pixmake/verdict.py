"""How a run ends: an exit status that tells whether images failed, and a last line that says it."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pixmake.job import PREREQUISITE
from pixmake.plan import LOGS
from pixmake.records import failure_counts, read_record


def asked_records(jobs: Iterable[Any]) -> list[str]:
    """The records that a run is to make; asked before the run, since Snakemake forgets ended jobs."""
    return [str(job.output.record) for job in jobs if hasattr(job.output, "record")]


def conclude(
    records: Sequence[str],
    measurements: str,
    failures: str,
    max_failures: int | str,
    over_several: Sequence[str] = (),
    keep: str = "all",
) -> None:
    """Say how many images are done and how many failed.

    Parameters
    ----------
    records
        The records of this run; see `asked_records`.
    measurements, failures
        The tables.
    max_failures
        How many images may fail: a number, or a share of them such as ``5%``.
    over_several
        Steps whose jobs are over several images: those that failed are counted by themselves.
    keep
        ``failed``: only failed images keep their logs.

    Raises
    ------
    SystemExit
        With status 1: more failed than is allowed. Every table is written by then.
    """
    if keep == "failed":
        remove_logs(records)
    of_step = {step: [path for path in records if Path(path).parent.name == step] for step in over_several}
    images = {_id(path) for path in records if Path(path).parent.name not in over_several}
    failed = failed_images(path for path in records if Path(path).parent.name not in over_several)
    lost = {step: len(failed_images(paths)) for step, paths in of_step.items()}
    total = len(failed) + sum(lost.values())
    counts = [f"{len(failed)} of {len(images)} images"] if failed or not total else []
    counts += [f"{lost[step]} of {len(of_step[step])} jobs of {step}" for step in lost if lost[step]]
    tables = f"see {failures}" if Path(failures).exists() else "see their logs under logs/"
    if total > allowed_failures(max_failures, len(images)):
        # not an exception of Snakemake's: it would print where in our files it was raised
        again = "The next run tries them again."
        print(f"{' and '.join(counts)} failed: {tables}. {again}", file=sys.stderr)
        raise SystemExit(1)
    allowed = f", {total} failed as max_failures allows: {tables}" if total else ""
    table = f": {measurements}" if Path(measurements).exists() else ""
    print(f"{len(images) - len(failed)} of {len(images)} images done{table}{allowed}", file=sys.stderr)


def remove_logs(records: Iterable[str]) -> None:
    """Remove the logs of jobs that did not fail, for ``keep: failed``.

    A job cannot do it: Snakemake makes an empty log where there is none.
    """
    failed: dict[Path, set[str]] = {}
    for record in map(Path, records):
        folder = record.parent
        if folder not in failed:
            suspects = failure_counts(folder.parent, folder.name)
            failed[folder] = failed_images(f"{folder}/{job_id}.json" for job_id in suspects)
        if _id(str(record)) not in failed[folder]:
            (Path(LOGS) / folder.name / f"{_id(str(record))}.log").unlink(missing_ok=True)
    for folder in failed:
        with contextlib.suppress(OSError):  # it holds the log of an image that failed
            (Path(LOGS) / folder.name).rmdir()


def _id(record: str) -> str:
    return Path(record).name.removesuffix(".json")


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
            try:
                error = read_record(folder / f"{job_id}.json").error
            except FileNotFoundError:
                continue
            if error is not None and error.type != PREREQUISITE:
                failed.add(job_id)
    return failed
