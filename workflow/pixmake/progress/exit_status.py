"""How a run ends: an exit status that tells whether images failed, and five lines that say it."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

from pixmake.job.record import failure_counts, read_record
from pixmake.job.run import PREREQUISITE
from pixmake.plan.plan import LOGS
from pixmake.progress.display import duration, speed
from pixmake.progress.log_handler import Run, end_run
from pixmake.results.image_counts import ImageSum, count_records, image_sum, read_counts

PAGE = "report.html"
"""The page of results, beside the tables."""


def conclude(
    run: Run,
    records: Sequence[str],
    measurements: str,
    failures: str,
    max_failures: int | str,
    over_several: Sequence[str] = (),
    keep: str = "all",
    rows: str = "",
) -> None:
    """Say how many images are done and failed, where the tables and the page are, and how long it took.

    Parameters
    ----------
    run
        The run as it began; see `pixmake.rules.run_handlers.begin_run`.
    records
        What it was to make.
    measurements, failures
        The tables.
    max_failures
        How many images may fail: a number, or a share of them such as ``5%``.
    over_several
        Steps whose jobs are over several images: those that failed are counted by themselves.
    keep
        ``failed``: only failed images keep their logs.
    rows
        The sum of the source's rows.

    Raises
    ------
    SystemExit
        With status 1: more failed than is allowed. Every table is written by then.
    """
    if keep == "failed":
        remove_logs(records)
    of_step = {step: [path for path in records if Path(path).parent.name == step] for step in over_several}
    images = _images(records, over_several)
    failed = failed_images(path for path in records if Path(path).parent.name not in over_several)
    lost = {step: len(failed_images(paths)) for step, paths in of_step.items()}
    total = len(failed) + sum(lost.values())
    counts = [f"{len(failed)} of {len(images)} images"] if failed or not total else []
    counts += [f"{lost[step]} of {len(of_step[step])} jobs of {step}" for step in lost if lost[step]]
    tables = [table for table in (measurements, failures) if Path(table).exists()]
    where = f"see {failures}" if failures in tables else "see their logs under logs/"
    too_many = total > allowed_failures(max_failures, len(images))
    counts_of = read_counts(Path(measurements).parent, run.begun) or count_records(records)
    found = image_sum(images, counts_of, failed=failed, over_several=over_several)
    lines = _sums(found, rows)
    if too_many:
        lines.append(f"{' and '.join(counts)} failed: {where}. The next run tries them again.")
    elif total:
        lines.append(f"{' and '.join(counts)} failed, as max_failures allows: {where}")
    else:
        lines.append("No image failed")
    if tables:
        lines.append(f"Tables: {', '.join(tables)}")
    page = Path(measurements).parent / PAGE
    if page.exists():
        lines.append(f"Page: {page}")
    _say([*lines, _time(run, len(images) - run.before)])
    if too_many:
        # not an exception of Snakemake's: it would print where in our files it was raised
        raise SystemExit(1)


def stopped(run: Run, unfinished: Iterable[str], over_several: Sequence[str] = (), rows: str = "") -> None:
    """Say how far a run came that an error or its user ended.

    Parameters
    ----------
    run
        The run as it began.
    unfinished
        The records that were not made.
    over_several
        Steps whose jobs are over several images.
    rows
        The sum of the source's rows.
    """
    end_run()  # by now it is known which jobs failed and left nothing
    images, missing = _images(run.records, over_several), set(unfinished)
    there = [path for path in run.records if path not in missing]
    failed = failed_images(path for path in there if Path(path).parent.name not in over_several)
    lost = run.lost() | failed
    found = image_sum(
        images,
        count_records(there),
        failed=lost,
        not_run=_images(missing, over_several),
        over_several=over_several,
    )
    done = found.measured + found.empty
    lines = [
        *_sums(found, rows, "; the run ended early"),
        "The next run goes on from here. Logs are under logs/",
        "Tables: not written",
    ]
    _say([*lines, _time(run, max(done - run.before, 0))])


def _sums(images: ImageSum, rows: str, more: str = "") -> list[str]:
    """How many images are done, and where all rows and all images are."""
    lines = [f"{images.measured + images.empty} of {images.images} images done{more}"]
    lines.append(f"Sum: {f'{rows}; ' if rows else ''}{images}")
    if images.empty:
        lines.append(f"{images.empty} of {images.images} images measured nothing")
    return lines


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


def _images(records: Iterable[str], over_several: Sequence[str]) -> set[str]:
    return {_id(path) for path in records if Path(path).parent.name not in over_several}


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


def _time(run: Run, images: int) -> str:
    seconds = time.time() - run.begun
    before = f"; {run.before} were done before" if run.before else ""
    pace = f", {speed(images / seconds)}" if images else ""
    return f"Time: {duration(seconds)}{pace}{before}"


def _say(lines: list[str]) -> None:
    end_run()
    print("\n".join(lines), file=sys.stderr, flush=True)
