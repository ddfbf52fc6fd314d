"""Snakemake's executor ``pixmake``: its ``local`` one, which hands images to the warm process by itself.

A rule's command starts a shell and the client, which hands the job over and waits: most of what Snakemake
costs for a short image. This executor does in one of its threads what that client does. All other jobs, and
those whose command needs a shell's help (conda, containers, modules, shadow folders), run as they always do,
as does a job whose warm process is not there.

Snakemake starts a job when it has booked the end of another, and a core rests meanwhile: some milliseconds,
as long as a short image takes. So this executor asks for some jobs more than there are cores for, and has
them wait in line (`gate`): the next one begins in the moment in which another ends.

Snakemake imports every executor at each of its starts, so nothing of pixmake is imported here at once.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from snakemake.exceptions import SpawnedJobError
from snakemake.executors import local
from snakemake.settings.types import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from _socket import socket

    from pixmake.rules.snakemake_internals.booking import Book

common_settings = local.common_settings

_START = "exec {params.run} "
"""How the commands of pixmake's rules begin, and no others do."""

AHEAD = 8
"""Jobs in hand beyond those that run, or half as many as there are cores where that is more. Jobs that end
are booked in rounds (`pixmake.rules.snakemake_internals.booking`): meanwhile the line must not run empty."""

_IMAGES_DONE = "records"
"""The rule that runs once no image is left: it gathers what all of them have left."""

_WORKERS = 10_000
"""Threads at the most, each made when it is needed. It is the gate that says how many jobs run: a group that
waits for the threads of its members, while all are with jobs that wait for it, would do so for ever."""

_MOMENT = 0.3
"""Seconds by which a signal for all processes of a job may reach this one later than the warm one."""

_UNSAID = {
    "rule_msg": None,
    "benchmark": None,
    "priority": 0,
    "indent": False,
    "is_checkpoint": False,
    "is_handover": False,
    "printshellcmd": False,
    "shellcmd": None,
}
"""What Snakemake says of a job that starts, too, and is the same of all that hand an image over."""


class Executor(local.Executor):  # type: ignore[misc]  # Snakemake has no types
    """Runs jobs on this machine."""

    def __post_init__(self) -> None:
        """Begin without a connection, and with all cores free."""
        from snakemake_executor_plugin_pixmake.gate import Gate

        super().__post_init__()
        self.connections: set[socket] = set()
        self.cancelled = False
        self.ends = False
        self.ahead = max(AHEAD, (self.cores or 0) // 2)
        self.gate = Gate(self.cores or sys.maxsize, few=self.ahead // 2)
        self.workers = _WORKERS
        self.pool = ThreadPoolExecutor(max_workers=self.workers)
        self.in_groups: set[Any] = set()
        self.batch = 1
        self.models: dict[str, tuple[int, str, Mapping[str, str]]] = {}
        self.failed = False
        self.unloaded = threading.Lock()
        self.not_begun: set[Any] = set()
        self.book: Book | None = None
        self.has_begun = False
        from pixmake.rules.ending import know_executor

        know_executor(self)

    def run_jobs(self, jobs: list[Any]) -> None:
        """Start jobs, or have them wait in line."""
        if not self.has_begun:  # not before: the scheduler makes its executor before itself
            self.has_begun = True
            self._begin()
        super().run_jobs(jobs)

    def _begin(self) -> None:
        """Have the scheduler book jobs in rounds, and look ahead where there is a number of cores."""
        from pixmake.rules.snakemake_internals.booking import book_of, schedule_in_rounds

        self.book = book_of(self.workflow)
        schedule_in_rounds(self.workflow, self.book, self.gate.is_short)
        if self.cores:
            self._look_ahead()

    def _look_ahead(self) -> None:
        """Have Snakemake hand over more jobs than there are cores for; `gate` holds them back."""
        from pixmake.rules.snakemake_internals import hand_over_more

        hand_over_more(self.workflow, self.cores, self.ahead)

    def _look_at_batches(self, job: Any, batch: int) -> None:
        """Have it hand over all images of the batches at work, and of the next one."""
        if batch <= self.batch or not self.cores:
            return
        from pixmake.rules.snakemake_internals import cores_of, hand_over_batches

        hand_over_batches(self.workflow, (batch - self.batch) * (self.cores + cores_of(job)), batch)
        self.batch = batch

    def printjob(self, job: Any) -> None:
        """Say that a job starts, unless that is counted and not shown: then in the moment of its turn."""
        if job.is_group() or not self._counts():
            super().printjob(job)

    def _counts(self) -> bool:
        return Quietness.RULES in (self.workflow.output_settings.quiet or ())

    def _tell_start(self, job: Any) -> None:
        """Say that a job starts; its command would take longest to write down, and is not shown."""
        if not self._is_ours(job) or self.workflow.output_settings.printshellcmds:
            super().printjob(job)
            return
        facts = {
            "event": LogEvent.JOB_INFO,
            "jobid": job.jobid,
            "rule_name": job.rule.name,
            "local": True,
            "input": list(job.input),
            "output": list(job.output),
            "log": list(job.log),
            "wildcards": job.wildcards_dict,
            "reason": job.dag.reason(job),
            "resources": job.resources,
            "threads": job.threads,
            **_UNSAID,
        }
        self.logger.info("", extra=facts)

    def run_single_job(self, job: Any) -> Any:
        """Start a job, by the warm process where that can be: its future."""
        if job.rule.name == _IMAGES_DONE:
            self._let_models_go()
        if not self._is_ours(job):
            return self._run_in_fork(job) or super().run_single_job(job)
        owner, words = _words(job)
        if not words:
            return super().run_single_job(job)
        if self.book is None or job in self.in_groups or not self.book.begin(job):
            self.workflow.async_run(job.prepare())
        by_command = functools.partial(self._run_by_command, job)
        self._look_at_batches(job, _batch_of(words))
        return self.pool.submit(self._hand_over, job, owner, words, _environment(job), by_command)

    def _run_in_fork(self, job: Any) -> Any:
        """Start a command of pixmake's where what it imports is there by now, if that can be: its future."""
        from pixmake.rules.command_forks import FORKS, understood

        if FORKS.channel is None or not self._needs_no_shell(job):
            return None
        command = understood(job.rule.shellcmd, job.shellcmd)
        if command is None:
            return None
        environment = _environment(job)

        def run(*arguments: Any) -> None:
            if not FORKS.run(command, environment, self._known):
                self._see_that_it_goes_on()
                local.run_wrapper(*arguments)  # it says what is wrong

        return self.pool.submit(self.cached_or_run, job, run, *self.job_args_and_prepare(job))

    def _run_by_command(self, job: Any) -> None:
        """Run a job by its command, prepared once more."""
        self.cached_or_run(job, local.run_wrapper, *self.job_args_and_prepare(job))

    def report_job_submission(self, job_info: Any, register_job: bool = True) -> None:
        """Mark a job as one that has not ended, unless it was marked before it began."""
        has_begun = self.book is not None and job_info.job in self.book.begun
        super().report_job_submission(job_info, register_job=register_job and not has_begun)

    def cached_or_run(self, job: Any, run_func: Callable[..., None], *arguments: Any) -> None:
        """Run a job by its command when its turn has come."""
        with self._turn(job):
            super().cached_or_run(job, run_func, *arguments)

    def run_group_job(self, job: Any) -> None:
        """Run jobs that need one another at one time (pipes, services), when there is room for them."""
        with self._turn(job):
            self.in_groups.update(job)
            super().run_group_job(job)

    @contextlib.contextmanager
    def _turn(self, job: Any, words: list[str] | None = None) -> Iterator[None]:
        """Wait until a job may have its cores, and hold them; those of a group are held for all in it.

        A batch of images has together what one image has.
        """
        if job in self.in_groups:
            yield
            return
        from pixmake.rules.snakemake_internals import cores_of, is_ending

        cores, batch = cores_of(job), _batch_of(words) if words else 1
        held = self.gate.held(cores) if batch == 1 else self.gate.shared(_holder_of(words), cores, batch)
        with held:
            if self.cancelled:
                raise KeyboardInterrupt  # the local executor says nothing of such a job
            if self.failed or is_ending(self.workflow):
                self.not_begun.add(job)
                raise SpawnedJobError
            if self._counts() and not job.is_group():
                self._tell_start(job)
            try:
                yield
            except Exception:
                # Snakemake learns it later, and the next in line would begin meanwhile
                is_last = job.attempt > job.restart_times
                self.failed |= is_last and not self.workflow.execution_settings.keep_going
                raise

    def print_job_error(self, job_info: Any, msg: str | None = None, **more: Any) -> None:
        """Tell of a job's failure, but not of one that never began."""
        if job_info.job not in self.not_begun and not self.ends:
            super().print_job_error(job_info, msg, **more)

    @contextlib.contextmanager
    def _known(self, connection: socket) -> Iterator[None]:
        """Have a connection closed when all jobs are to end."""
        self.connections.add(connection)
        try:
            if self.cancelled or self.ends:
                _hang_up(connection)
            yield
        finally:
            self.connections.discard(connection)

    def cancel(self) -> None:
        """End all jobs: the warm process kills an image whose connection is closed."""
        self.cancelled = True
        self.end_jobs()
        super().cancel()

    def end_jobs(self) -> None:
        """End all images that run; no job is told of as failed (see `pixmake.rules.ending`)."""
        self.ends = True
        for connection in list(self.connections):
            _hang_up(connection)

    def _is_ours(self, job: Any) -> bool:
        """Whether a job hands an image over, and its command needs no help of Snakemake's for that."""
        text = job.rule.shellcmd
        return text is not None and text.startswith(_START) and self._needs_no_shell(job)

    def _needs_no_shell(self, job: Any) -> bool:
        """Whether nothing is to be done around a command, and processes may be forked for it."""
        if os.environ.get("PIXMAKE_WARM") == "0":
            return False
        from pixmake.rules.snakemake_internals import wraps_commands

        if wraps_commands():
            return False
        deployed = self.workflow.deployment_settings.deployment_method
        if deployed and (job.conda_env or job.container_img or job.env_modules):
            return False
        return self.workflow.workflow_settings.cache is None and not (job.is_shadow or job.benchmark)

    def _hand_over(
        self,
        job: Any,
        owner: int,
        words: list[str],
        environment: Mapping[str, str],
        by_command: Callable[[], None],
    ) -> None:
        from pixmake.job import client

        if holder := client.holder_of(words):
            self.models[holder] = owner, words[2], environment
        connection = client.connect(owner, words[2], environment, holder)
        if connection is None:
            by_command()
            return
        with contextlib.closing(connection), self._turn(job, words):
            with self._known(connection):
                reply = client.ask(connection, words, environment) or self._died_loading(words)
            if self.cancelled:
                raise SpawnedJobError
            if self.ends and not reply:
                if _is_done(words):
                    return  # it was, in the moment in which it was to end
                raise SpawnedJobError
            if reply:
                if why := client.why_not_loaded(reply, words):
                    self._end_unloaded(why)
                    raise SpawnedJobError
                if client.settle(owner, words, reply, lambda: _explained(words, reply, environment)):
                    raise SpawnedJobError
                return
        self._see_that_it_goes_on()
        by_command()

    def _see_that_it_goes_on(self) -> None:
        """What has ended a process may be ending this one, too: nothing is to begin once more then."""
        time.sleep(_MOMENT)
        from pixmake.rules.snakemake_internals import is_ending

        if self.cancelled or self.ends or is_ending(self.workflow):
            raise SpawnedJobError

    def _let_models_go(self) -> None:
        """Have the processes that hold models end: tables and page need the memory, or another program."""
        from pixmake.job import client, warm_server

        for holder, of in self.models.items():
            if (connection := client.connect(*of, holder, start=False)) is not None:
                with contextlib.closing(connection), contextlib.suppress(OSError):
                    connection.sendall(warm_server.message(warm_server.ENOUGH))

    def _died_loading(self, words: list[str]) -> str:
        from pixmake.job import client

        return "" if self.cancelled or self.ends else client.died_loading(words)

    def _end_unloaded(self, why: str) -> None:
        """Say once why no image of a step can be worked on, and end the run."""
        self.ends = True  # by now: of the jobs that learn it in this moment none is told of as failed
        if self.unloaded.acquire(blocking=False):  # the jobs that run at one time learn it at one time
            from pixmake.rules.snakemake_internals import begin_no_more

            sys.stderr.write(f"pixmake: {why}\n")  # at once, with its end: other threads write there, too
            sys.stderr.flush()
            begin_no_more(self.workflow)
            self.end_jobs()


def _words(job: Any) -> tuple[int, list[str]]:
    """Whose job it is, and the words that the client would get; none if some are for it to find."""
    from pixmake.job.client import ACTIVATED, CONTAINED

    *_, owner, limits, python = _split(job.params.run)
    if owner == str(CONTAINED) or python == ACTIVATED:
        return CONTAINED, []
    known = {
        "params": job.params,
        "resources": job.resources,
        "log": job.log,
        "output": job.output,
        "input": job.input,
    }
    task, *rest = [list(_values(known, field)) for field in job.rule.shellcmd[len(_START) :].split()]
    return int(owner), [*task, limits, python, *(word for words in rest for word in words)]


def _batch_of(words: list[str]) -> int:
    """How many images the step of a job works on together."""
    from pixmake.job import client

    return client.batch_of(words)


def _holder_of(words: list[str] | None) -> str:
    from pixmake.job import client

    return client.holder_of(words or ["", ""])


@functools.lru_cache(maxsize=64)
def _split(command: str) -> tuple[str, ...]:
    return tuple(shlex.split(command))


def _values(known: Mapping[str, Any], field: str) -> Iterator[str]:
    """What stands for a field such as ``{input.images:q}`` in a command, word by word."""
    first, *names = field.strip("{}").removesuffix(":q").split(".")
    value = known[first]
    for name in names:
        value = getattr(value, name)
    if isinstance(value, (list, tuple)):
        yield from map(str, value)
    else:
        yield str(value)


def _environment(job: Any) -> Mapping[str, str]:
    """What a command finds: what Snakemake sets for threads and temporary files, and the shell's folder."""
    return _environment_of(str(job.threads), str(job.resources.get("tmpdir") or ""))


@functools.lru_cache(maxsize=64)
def _environment_of(threads: str, folder: str) -> Mapping[str, str]:
    """It is that of the first job that asks: the environment of a run does not change while it lasts."""
    from pixmake.job.warm_server import command_environment

    given = command_environment(threads)
    if folder:
        given.update(dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), folder))
    return given


def _is_done(words: list[str]) -> bool:
    """Whether a job has left its record, which is the last that it does, with a result."""
    try:
        with open(words[5], "rb") as record:
            return b'"status": "ok"' in record.read(1024)
    except OSError:
        return False


def _hang_up(connection: socket) -> None:
    with contextlib.suppress(OSError):  # it may just have ended
        connection.shutdown(2)


def _explained(words: list[str], reply: str, environment: Mapping[str, str]) -> int:
    """Have the record written that a job did not leave; in another process, as that redirects its log."""
    from pixmake.job import warm_server as worker

    command = [sys.executable, str(worker.__file__), "explain", reply]
    done = subprocess.run(command, input=json.dumps(words).encode(), env=dict(environment), check=False)
    return done.returncode
