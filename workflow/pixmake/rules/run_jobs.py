"""The jobs of a run as people count them: those of images, and those of images that it finds on its way."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pixmake.job.record import named
from pixmake.progress.log_handler import MADE, work_of
from pixmake.progress.tally import FOUND, Tally, Work
from pixmake.rules.snakemake_internals import jobs_of

Numbered = tuple[int, Work]
"""A job with Snakemake's number of it."""


@dataclass(frozen=True)
class RunJobs:
    """The jobs that Snakemake has at one moment."""

    to_run: list[Numbered]
    done: list[Work]
    other: Counter[str]
    """Those of no image that are to run, by rule."""
    needed: int
    """How many are to run, of all."""


def jobs_now(workflow: Any, results: str) -> RunJobs:
    """The jobs of a run, of one of its projects: asked in the thread that changes the DAG.

    Parameters
    ----------
    workflow
        Snakemake's.
    results
        The folder of the project's results.
    """
    jobs = list(jobs_of(workflow))
    told = RunJobs([], [], Counter(), sum(needed for _, _, needed in jobs))
    for number, job, needed in jobs:
        record = getattr(job.output, "record", None)
        if not job.output:
            continue  # a target
        if record is None or not named(str(record)).startswith(f"{results}/"):
            told.other[job.rule.name] += int(needed and not job.rule.name.startswith(MADE))
        elif needed:
            told.to_run.append((number, work_of(str(record))))
        else:
            told.done.append(work_of(str(record)))
    return told


class FoundImages(logging.Handler):
    """Tells the display of images that a run has found, as soon as Snakemake has their jobs.

    It is called in the thread that changes the DAG; a logger plugin has one of its own.

    Parameters
    ----------
    workflow, results
        As of `jobs_now`.
    tally
        The run's, which the event names.
    told
        The jobs that it began with.
    note
        Called with all jobs that are known by then, those to run and those that are done.
    """

    def __init__(
        self,
        workflow: Any,
        results: str,
        tally: Tally,
        told: RunJobs,
        note: Callable[[Sequence[Numbered], Sequence[Work]], None],
    ) -> None:
        super().__init__(logging.INFO)
        self.workflow, self.results, self.tally, self.note = workflow, results, tally, note
        self.to_run, self.done, self.jobs = list(told.to_run), list(told.done), told.needed

    def emit(self, record: logging.LogRecord) -> None:
        """Look for new jobs where Snakemake counts other ones than before."""
        if str(getattr(record, "event", None) or "") != "progress":
            return
        total = int(getattr(record, "total", 0))
        if total != self.jobs:
            self.jobs = total
            try:
                self._tell()
            except Exception:
                self.handleError(record)

    def _tell(self) -> None:
        from snakemake.logging import logger

        known = {*self.done, *(work for _, work in self.to_run)}
        now = jobs_now(self.workflow, self.results)
        to_run = [(number, work) for number, work in now.to_run if work not in known]
        done = [work for work in now.done if work not in known]
        self.to_run += to_run
        self.done += done
        found = {"to_run": to_run, "done": done, "jobs": self.jobs}
        logger.info("", extra={"event": FOUND, "tally": self.tally, **found})
        self.note(self.to_run, self.done)
