"""How a run ends that is told to, by Ctrl-C, SIGTERM or SIGHUP: within five seconds, what is finished kept.

Snakemake's own handler of SIGTERM waits for a lock that its thread may hold already (docs/upstream.md),
Ctrl-C raises an exception wherever the main thread happens to be, and SIGHUP leaves the lock behind. So the
operating system notes a signal in a pipe, whatever the main thread does, and a thread that waits there sees
to the end. That is for runs on this machine: on a cluster jobs are to be cancelled, as Snakemake does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from pixmake.job.memory import tree
from pixmake.rules.cluster_node import is_started_by_another
from pixmake.rules.snakemake_internals import begin_no_more

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

GRACE = 1.5
"""Seconds that images at work have to end after SIGTERM or SIGHUP; with Ctrl-C none."""

LONGEST = 4.0
"""After so many seconds the process ends, whatever it waits for."""


class EndsJobs(Protocol):
    """An executor that can end what it runs; see the plugin `pixmake`."""

    def end_jobs(self) -> None:
        """End all images that run; no job is told of as failed."""


class _Known:
    """What there is to end, as far as the run has come."""

    workflow: Any = None
    executor: EndsJobs | None = None
    listens = False


_known = _Known()


def listen() -> None:
    """Be the one to whom signals are told from now on, unless another program runs Snakemake in itself.

    Not where another Snakemake has started this one, such as on a cluster's node: that one tells it to end,
    and a thread costs memory that some schedulers count before it is used (Grid Engine's `h_vmem`).
    """
    if _known.listens or not _is_snakemake() or is_started_by_another():
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    _known.listens = True
    _take()
    threading.Thread(target=_wait, args=(reader,), name="pixmake-ending", daemon=True).start()


def know(workflow: Any) -> None:
    """Learn what is run."""
    _known.workflow = workflow


def know_executor(executor: EndsJobs) -> None:
    """Learn what runs its jobs."""
    _known.executor = executor


def begin(workflow: Any) -> None:
    """Before the first job: take SIGTERM back from Snakemake; or leave all signals to it, on a cluster."""
    if not _known.listens:
        return
    if workflow.local_exec:
        _take()
        return
    _known.listens = False
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is _noted:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _is_snakemake() -> bool:
    program = Path(sys.argv[0])
    named = "snakemake" in (program.name, program.parent.name)
    return named and threading.current_thread() is threading.main_thread()


def _noted(*_: object) -> None:
    """Do nothing: that it has come stands in the pipe by now."""


def _take() -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, _noted)


def _wait(reader: int) -> None:
    """Wait for a signal, and end the run."""
    while number := os.read(reader, 1)[0]:
        if number in SIGNALS and _known.listens:
            break
    name, since = signal.Signals(number).name, time.monotonic()
    if _known.workflow is None or _known.workflow.scheduler is None:
        _leave(number, f"pixmake: ended by {name} before the first image")
    grace = 0.0 if number == signal.SIGINT else GRACE
    begin_no_more(_known.workflow)
    _say(
        f"pixmake: {name}: no other image begins" + (", those that run have a moment to end" if grace else "")
    )
    time.sleep(grace)
    if _known.executor is not None:
        _known.executor.end_jobs()
    for process in _of_this_session():
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
    time.sleep(max(0.0, since + LONGEST - time.monotonic()))
    _leave(number, f"pixmake: ended by {name}")


def _of_this_session() -> list[int]:
    """The commands of rules; the warm process has a session of its own, and ends with this one."""
    found = []
    for process in tree(os.getpid()):
        with contextlib.suppress(OSError):
            if process != os.getpid() and os.getsid(process) == os.getsid(0):
                found.append(process)
    return found


def _leave(number: int, line: str) -> None:
    """End this process now, without the lock of a run that there is no more."""
    _say(line)
    with contextlib.suppress(BaseException):
        if _known.workflow is not None and _known.workflow.scheduler is not None:
            _known.workflow.persistence.unlock()
    with contextlib.suppress(BaseException):
        sys.stderr.flush()
    os._exit(128 + number)


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # the terminal is gone with SIGHUP
        print(line, file=sys.stderr, flush=True)
