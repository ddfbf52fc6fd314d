"""How a run ends: an exit status that tells whether images failed, and a last line that says it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pixmake.job import PREREQUISITE
from pixmake.records import read_record


def conclude(workflow: Any, max_failures: int) -> None:
    """Say how many images failed; called when Snakemake has run all of its jobs.

    Raises
    ------
    SystemExit
        With status 1: more images failed than ``max_failures`` allows. Every table is written by then.
    """
    jobs = list(workflow.dag.jobs)
    tables = next((job.output for job in jobs if job.rule.name == "aggregate"), None)
    records = [job.output.record for job in jobs if "record" in job.output]
    if tables is not None:
        failed, where = failed_images(tables.failures), f"see {tables.failures}"
    else:
        failed, where = _failed_records(records), "see their logs under logs/"
    images = len({Path(record).name for record in records})
    if len(failed) > max_failures:
        # not an exception of Snakemake's: it would print where in our files it was raised
        again = "The next run tries them again."
        print(f"{len(failed)} of {images} images failed: {where}. {again}", file=sys.stderr)
        raise SystemExit(1)
    allowed = f", {len(failed)} failed (max_failures allows {max_failures})" if failed else ""
    table = f": {tables.measurements}" if tables is not None else ""
    print(f"{images - len(failed)} of {images} images done{allowed}{table}", file=sys.stderr)


def failed_images(table: str | Path) -> set[str]:
    """The ids of the images in ``failures.csv``."""
    with open(table, newline="", encoding="utf-8") as lines:
        return {row["id"] for row in csv.DictReader(lines)}


def _failed_records(paths: Iterable[str]) -> set[str]:
    found = [read_record(path) for path in paths]
    return {record.id for record in found if record.error is not None and record.error.type != PREREQUISITE}
