"""How a run ends: an exit status that tells whether images failed, and five lines that say it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pixmake.display import duration, speed
from pixmake.job import PREREQUISITE
from pixmake.progress import Run, end_run
from pixmake.records import failure_counts, read_record

PAGE = "report.html"
"""The page of results, beside the tables."""


def conclude(run: Run, measurements: str, failures: str, max_failures: int) -> None:
    """Say how many images are done and failed, where the tables and the page are, and how long it took.

    Parameters
    ----------
    run
        What the run was asked for; see `pixmake.progress.begin_run`.
    measurements, failures
        The tables.
    max_failures
        How many images may fail.

    Raises
    ------
    SystemExit
        With status 1: more images failed than are allowed. Every table is written by then.
    """
    failed = len(failed_images(run.records))
    tables = [table for table in (measurements, failures) if Path(table).exists()]
    where = f"see {failures}" if failures in tables else "see their logs under logs/"
    lines = [f"{run.images - failed} of {run.images} images done"]
    if failed > max_failures:
        lines.append(f"{failed} of {run.images} images failed: {where}. The next run tries them again.")
    elif failed:
        lines.append(f"{failed} of {run.images} images failed, as max_failures allows: {where}")
    else:
        lines.append("No image failed")
    if tables:
        lines.append(f"Tables: {', '.join(tables)}")
    page = Path(measurements).parent / PAGE
    if page.exists():
        lines.append(f"Page: {page}")
    _say([*lines, _time(run, run.images - run.before)])
    if failed > max_failures:
        # not an exception of Snakemake's: it would print where in our files it was raised
        raise SystemExit(1)


def stopped(run: Run, unfinished: Iterable[str]) -> None:
    """Say how far a run came that an error or its user ended.

    Parameters
    ----------
    run
        What the run was asked for.
    unfinished
        The records that were not made.
    """
    failed = failed_images(run.records)
    open_images = {Path(record).name for record in unfinished}
    done = run.images - len(open_images) - len([f for f in failed if f"{f}.json" not in open_images])
    lines = [
        f"{done} of {run.images} images done; the run ended early",
        "The next run goes on from here. Logs are under logs/",
        "Tables: not written",
    ]
    _say([*lines, _time(run, done - run.before)])


def unfinished(dag: Any) -> list[str]:
    """The records that Snakemake's jobs have not made."""
    jobs = dag.needrun_jobs(exclude_finished=True)
    return [str(job.output.record) for job in jobs if hasattr(job.output, "record")]


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


def _time(run: Run, images: int) -> str:
    seconds = time.time() - run.begun
    before = f"; {run.before} were done before" if run.before else ""
    pace = f", {speed(images / seconds)}" if images else ""
    return f"Time: {duration(seconds)}{pace}{before}"


def _say(lines: list[str]) -> None:
    end_run()
    print("\n".join(lines), file=sys.stderr, flush=True)
