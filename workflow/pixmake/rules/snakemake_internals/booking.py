"""What Snakemake does about each job, done for all jobs of a round at once and no more than there is to do.

Snakemake has one thread for that, and all cores wait for it: between two images it looked at every job of the
run, asked the same questions of a file up to six times, and started an event loop four times. Here a job that
hands an image over (`Book.begin`) is looked at once before and once after, and leaves the same files:
Snakemake's metadata, and meanwhile its marker of a job that has not ended.
Whatever is unusual about a job, or did not go as it should, is left to Snakemake's own code.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import stat
import threading
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake.logging import logger
from snakemake.persistence import RECORD_FORMAT_VERSION
from snakemake.persistence.file import FilePersistence
from snakemake.scheduling.greedy import Scheduler as GreedyScheduler
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.settings.types import SharedFSUsage
from snakemake_interface_executor_plugins.settings import ExecMode  # type: ignore[import-untyped]
from snakemake_interface_logger_plugins.common import LogEvent

LOOKED_AT = 8
"""Ready jobs that are looked at in a round, beyond one for each free core."""

PATIENCE = 0.02
"""Seconds that the end of a job waits at the most for others, to be booked in one round with them."""

_MODE = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IWGRP
"""Of a file of metadata, as Snakemake has it."""

_USUAL_FLAGS = {"temp", "report"}
"""Flags of an output that change nothing about how it is looked at."""

_LATE = 1.0
"""Seconds by which a file's date may be earlier than the clock says: file systems round it."""


@dataclass
class Book:
    """The jobs that were begun here and have not ended, each with the time of its begin."""

    workflow: Any
    begun: dict[Any, float] = field(default_factory=dict)

    def begin(self, job: Any) -> bool:
        """Prepare a job and mark its outputs as incomplete; ``False`` if Snakemake is to do so.

        Outputs and logs of before are removed, and folders made for new ones.
        """
        if not _is_usual(job):
            return False
        try:
            self._prepare(job)
            for path in job.output:
                self._mark(str(path))
        except OSError:
            return False
        self.begun[job] = time.time()
        return True

    def give_back(self, job: Any) -> None:
        """Leave the end of a job to Snakemake: with a marker that says when it began."""
        began = self.begun.pop(job, None)
        if began is None:
            return
        persistence = self.workflow.persistence
        for path in job.output:
            marker = _marker(persistence, str(path))
            with contextlib.suppress(OSError):
                os.unlink(marker)  # it has other names
                persistence._mark_incomplete(str(path), None)
                os.utime(marker, (began, began))

    def _prepare(self, job: Any) -> None:
        for path in job.input:
            os.stat(path)
        for path in (*job.output, *job.log):
            if os.path.lexists(path):
                missed = self.workflow.dag.reason(job).missing_output
                _remove(str(path), known=path not in missed)
        folders = {os.path.dirname(path) for path in (*job.output, *job.log)}
        for folder in (*folders, job.resources.get("tmpdir")):
            if folder and not os.path.isdir(folder):
                os.makedirs(folder, exist_ok=True)

    def _mark(self, path: str) -> None:
        """Give the one file that says "incomplete" another name, which costs a fifth of a file of its own."""
        marker = _marker(self.workflow.persistence, path)
        try:
            os.link(self._mother, marker)
        except OSError:  # it is there, has as many names as can be, or its folder is missing
            with contextlib.suppress(FileNotFoundError):
                os.unlink(marker)
            self.workflow.persistence._mark_incomplete(path, None)

    @functools.cached_property
    def _mother(self) -> str:
        path = Path(self.workflow.persistence.path) / "pixmake" / "incomplete"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # its other names are of a run that was killed
        path.write_text('{"external_jobid": null}')
        path.chmod(_MODE)
        return str(path)

    async def end(self, job: Any) -> bool:
        """Write down how a job's outputs were made; ``False`` if they are not as they should be."""
        began = self.begun[job]
        try:
            made = _dates(job, began)
            if not made:
                return False
            persistence = self.workflow.persistence
            facts = await _facts(persistence, job, began)
            for path, date in made.items():
                _write(persistence._record_path(persistence._metadata_path, path), {**facts, "endtime": date})
                persistence._unmark_incomplete(path)
        except OSError:
            return False
        del self.begun[job]
        return True


def book_of(workflow: Any) -> Book | None:
    """A book for a run on this machine; ``None`` where jobs need more of Snakemake than that."""
    usual = (
        type(workflow.persistence) is FilePersistence
        and workflow.exec_mode == ExecMode.DEFAULT
        and workflow.local_exec
        and workflow.execution_settings.keep_metadata
        and workflow.execution_settings.edit_notebook is None
        and not workflow.deployment_settings.deployment_method
        and not workflow.remote_execution_settings.immediate_submit
        and not (workflow.dryrun or workflow.touch)
        and SharedFSUsage.INPUT_OUTPUT in workflow.storage_settings.shared_fs_usage
    )
    return Book(workflow) if usual else None


def schedule_in_rounds(workflow: Any, book: Book | None, hurries: threading.Event) -> None:
    """Have the scheduler of a run look at some ready jobs in a round, and at all that have ended.

    Parameters
    ----------
    workflow
        Snakemake's, once there is a scheduler.
    book
        Of jobs whose end is written down by it.
    hurries
        Whether cores will soon have nothing to do: until then a round waits a moment for more jobs to end.
    """
    scheduler = workflow.scheduler
    if type(scheduler) is JobScheduler and workflow.local_exec:
        scheduler.__class__ = _Rounds
        scheduler.book = book
        scheduler._open_jobs = _Bell(scheduler._open_jobs, hurries)


class _Bell:
    """In the place of the semaphore by which jobs that end ask the scheduler for a round."""

    def __init__(self, asked: threading.Semaphore, hurries: threading.Event) -> None:
        self.asked, self.hurries = asked, hurries
        self.release = asked.release

    def acquire(self, blocking: bool = True) -> bool:
        """Wait until a round is asked for, and a moment more for others to ask."""
        found = self.asked.acquire(blocking)
        if blocking:
            self.hurries.wait(PATIENCE)
        return found


class _Rounds(JobScheduler):  # type: ignore[misc]  # Snakemake has no types
    """Snakemake's scheduler, whose rounds cost as much as jobs have begun and ended in them."""

    book: Book | None
    _tofinish: list[Any]

    @property
    def open_jobs(self) -> Sequence[Any]:
        """The ready jobs, or a sample of them before anything is asked of each."""
        ready = self.workflow.dag.ready_jobs
        if not self.subsample or self.dryrun:
            return list(ready)
        size = min(self.subsample, LOOKED_AT + self.resources["_cores"])
        return random.sample(tuple(ready), size) if len(ready) > size else list(ready)

    def _finish_jobs(self) -> None:
        while self._open_jobs.acquire(blocking=False):
            pass  # what asked for another round has its part in this one
        if self.book is not None:
            ended = [job for job in self._tofinish if job in self.book.begun]
            booking = self._book(self.book, ended)
            booked = set(
                self.workflow.async_run(booking) if self.workflow.dag.checkpoint_jobs else _at_once(booking)
            )
            self._tofinish = [job for job in self._tofinish if job not in booked]
        if self._tofinish:
            super()._finish_jobs()

    async def _book(self, book: Book, jobs: Iterable[Any]) -> list[Any]:
        booked = []
        self.workflow.persistence._clear_cache()
        for job in jobs:
            if not await book.end(job):
                book.give_back(job)
                continue
            booked.append(job)
            self.finished_jobs += 1
            self.running.remove(job)
            self._free_resources(job)
            if self.print_progress:
                text = f"Finished jobid: {job.jobid} (Rule: {job.rule.name})"
                logger.info(text, extra={"event": LogEvent.JOB_FINISHED, "job_id": job.jobid})
            # none of these jobs is a checkpoint
            await self.workflow.dag.finish(job, update_checkpoint_dependencies=False)
        if booked and self.print_progress:
            self.progress()
        return booked

    def _error_jobs(self) -> None:
        if self.book is not None:
            for job in self._toerror:
                self.book.give_back(job)
        super()._error_jobs()

    def job_selector(self, jobs: Iterable[Any]) -> Sequence[Any]:
        """As Snakemake's, for the greedy scheduler: it does not ask for the jobs that are left.

        Snakemake lists all of them in each round.
        """
        local = all(not path.is_storage for job in jobs for path in job.input)
        if not (type(self._scheduler) is GreedyScheduler and self.job_rate_limiter is None and local):
            chosen: Sequence[Any] = super().job_selector(jobs)
            return chosen
        if self.resources["_cores"] == 0:
            return []
        for job in jobs:
            self.validate_job(job)
        sizes = {path: _size(path) for job in jobs for path in job.input}
        with self._lock:
            selected: Sequence[Any] = self._job_selector(list(jobs), [], self.resources, sizes)
            self.update_available_resources(selected)
        return selected


def _at_once(coroutine: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """What a coroutine returns that waits for nothing: an event loop for it costs as much as it does."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        found: list[Any] = ended.value
        return found
    raise RuntimeError("what was to end at once waits for something")


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _is_usual(job: Any) -> bool:
    """Whether a job has files alone, with nothing to be done about them."""
    return not (
        job.rule.is_checkpoint
        or job.rule.is_template_engine
        or any(path.is_storage or path.flags for path in (*job.input, *job.log))
        or any(path.is_storage or not path.flags.keys() <= _USUAL_FLAGS for path in job.output)
    )


def _remove(path: str, *, known: bool) -> None:
    """Remove an output of before.

    Raises
    ------
    OSError
        It is a folder, may not be written, or was not there when the DAG was made: Snakemake warns of that.
    """
    if not known or not stat.S_ISREG(os.lstat(path).st_mode) or not os.access(path, os.W_OK):
        raise FileExistsError(path)
    os.unlink(path)


def _dates(job: Any, began: float) -> dict[str, float]:
    """When each output was written; nothing if one is missing, or older than what it was made of."""
    oldest = max([began - _LATE, *(os.lstat(path).st_mtime for path in job.input)])
    made = {}
    for path in job.output:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_mtime < oldest:
            return {}
        made[str(path)] = found.st_mtime
    return made if all(os.path.exists(path) for path in job.log) else {}


async def _facts(persistence: Any, job: Any, began: float) -> dict[str, Any]:
    """What Snakemake keeps of a job: the fields of its `MetadataRecord`."""
    checksums = {str(path): await path.checksum(persistence.max_checksum_file_size) for path in job.input}
    return {
        "rule": job.rule.name,
        "input": persistence._input(job),
        "log": persistence._log(job),
        "shellcmd": job.shellcmd,
        "params": persistence._params(job),
        "code": persistence._code(job.rule),
        "record_format_version": RECORD_FORMAT_VERSION,
        "conda_env": persistence._conda_env(job),
        "container_img_url": job.container_img_url,
        "software_stack_hash": persistence._software_stack_hash(job),
        "job_hash": hash(job),
        "starttime": began,
        "endtime": began,
        "incomplete": False,
        "external_jobid": None,
        "input_checksums": {path: value for path, value in checksums.items() if value is not None},
    }


def _marker(persistence: Any, path: str) -> str:
    return str(persistence._record_path(persistence._incomplete_path, path))


def _write(path: str, content: dict[str, Any]) -> None:
    text = json.dumps(content).encode()
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
    except FileNotFoundError:  # a long name is several folders
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
    try:
        with contextlib.suppress(PermissionError):  # somebody else's, who has let us write
            mode = stat.S_IMODE(os.fstat(file).st_mode)
            if mode & _MODE != _MODE:
                os.fchmod(file, mode | _MODE)
        while text:
            text = text[os.write(file, text) :]
    finally:
        os.close(file)
