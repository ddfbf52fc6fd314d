"""Many calls of Python functions at once, in threads or in forked processes: `Parallel` and `Task`.

Standard library only (and tqdm for a progress bar); nothing here knows of images or of Snakemake.

Examples
--------
>>> from pixmake import Parallel, Task
>>> Parallel([Task(pow, 2, exponent) for exponent in range(5)], max_threads=2).run()
[1, 2, 4, 8, 16]

A failed task leaves a `Failed`, or with ``pass_fail_job=False`` raises its exception:

>>> results = Parallel([Task(int, "7"), Task(int, "x")], pass_fail_job=True, verbose=False).run()
>>> results[0], results[1].exception
(7, ValueError("invalid literal for int() with base 10: 'x'"))
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import heapq
import inspect
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback as tracebacks
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Generic, Literal, Protocol, TypeVar, overload

from pixmake.api.progress_bar import Bar, shown_bar
from pixmake.base.notebooks import in_places, own_lines

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

BACK_OFF = 0.2
"""Seconds before a failed task is tried again; they double with each further attempt …"""

LONGEST_BACK_OFF = 10.0
"""… up to these."""

_OURS = (__file__, os.path.dirname(asyncio.__file__) + os.sep)
"""Where the files are whose frames say nothing of a task."""

_POLL = 0.2
"""Seconds between two looks for processes that ended while something else keeps their pipe open."""


class Task(Generic[T]):
    """A function with its arguments, to be called later.

    Parameters
    ----------
    func
        What to call.
    *args, **kwargs
        With what.

    Examples
    --------
    >>> task = Task(round, 3.14159, ndigits=2)
    >>> task
    Task(round, 3.14159, ndigits=2)
    >>> task()
    3.14
    """

    __slots__ = ("args", "func", "kwargs")

    def __init__(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> None:
        if not callable(func):
            raise TypeError(f"a task needs a function to call, not {func!r}")
        self.func = func
        self.args = args
        self.kwargs = kwargs

    def __call__(self) -> T:
        """Call the function."""
        return self.func(*self.args, **self.kwargs)

    def __repr__(self) -> str:
        given = [_short(value) for value in self.args]
        given += [f"{name}={_short(value)}" for name, value in self.kwargs.items()]
        return f"Task({', '.join([_name(self.func), *given])})"


class TaskError(RuntimeError):
    """A task that ended without a result or an exception that can be handed on; the message says how."""


class RemoteTraceback(Exception):
    """The traceback of another process as text; Python shows it above the exception that it caused."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


@dataclass(frozen=True, eq=False)
class Failed:
    """What stands in the results where a task failed.

    It has no truth value, so that no test such as ``if result:`` takes it for a result, or an empty
    result for it: ask ``isinstance(result, Failed)``.
    """

    task: Task[Any]
    """The task; a plain function as a task without arguments."""
    exception: BaseException
    """What its last attempt raised."""
    traceback: str
    """Where it was raised, as Python prints it."""
    attempts: int
    """How often it was tried."""

    def __bool__(self) -> bool:
        raise TypeError("a failed task is neither true nor false: ask isinstance(result, pixmake.Failed)")

    def __repr__(self) -> str:
        return f"Failed({_told(self.exception)}, attempts={self.attempts}, task={self.task!r})"


class Parallel(Generic[R_co]):
    """Tasks that are run at once.

    Parameters
    ----------
    tasks
        Each a `Task`, or a function without arguments.
    max_threads
        How many run at the same time; 0: as many as there are cores, -1: all.
    max_retries
        How often a failed task is tried again, each time after a longer pause.
    pass_fail_job
        False: the first failure, in time, stops the rest at once and is raised with its own traceback.
        True: the rest goes on, and a `Failed` stands in the failed task's place.
    verbose
        Tell on the standard error stream of each failed attempt.
    threading
        True: in threads, for functions that wait (for a server, a disk) or release Python's lock, as
        OpenCV and NumPy do. False: each task in a process of its own, forked from this one with all
        that it has loaded and defined, so that closures and functions of a notebook work. What such
        a task returns must be picklable; what it changes stays its own; a crash is its failure alone.
        OpenCV and BLAS are held to one thread there, since the tasks are what runs side by side.
    progress_bar
        Show a progress bar, in a terminal or in a notebook.

    Raises
    ------
    TypeError
        A task that cannot be called.

    Notes
    -----
    Ctrl-C ends a run with all its processes. Python cannot end a thread from outside: after Ctrl-C or
    a first failure, a thread stops at its next Python instruction, and nothing waits for it.
    """

    @overload
    def __init__(
        self: Parallel[T],
        tasks: Iterable[Callable[[], T]],
        max_threads: int = ...,
        max_retries: int = ...,
        pass_fail_job: Literal[False] = ...,
        verbose: bool = ...,
        threading: bool = ...,
        progress_bar: bool = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: Parallel[T | Failed],
        tasks: Iterable[Callable[[], T]],
        max_threads: int = ...,
        max_retries: int = ...,
        pass_fail_job: bool = ...,
        verbose: bool = ...,
        threading: bool = ...,
        progress_bar: bool = ...,
    ) -> None: ...

    def __init__(
        self,
        tasks: Iterable[Callable[[], Any]],
        max_threads: int = 10,
        max_retries: int = 0,
        pass_fail_job: bool = False,
        verbose: bool = True,
        threading: bool = True,
        progress_bar: bool = False,
    ) -> None:
        self.tasks: tuple[Task[Any], ...] = tuple(_tasks(tasks))
        self.max_threads = max_threads
        self.max_retries = max_retries
        self.pass_fail_job = pass_fail_job
        self.verbose = verbose
        self.threading = threading
        self.progress_bar = progress_bar

    def run(self, progress_bar: bool | None = None) -> list[R_co]:
        """Run the tasks and wait for them.

        Parameters
        ----------
        progress_bar
            Overrides the one of the same name above.

        Returns
        -------
        list
            The results in the order of the tasks.

        Raises
        ------
        Exception
            What the first failed task raised, with ``pass_fail_job=False``.
        TaskError
            The same, if it ended without one: its process crashed, or its result could not be pickled.
        """
        __tracebackhide__ = True  # IPython shows the caller's line and then the task's own
        if not self.tasks:
            return []
        at_once = _at_once(self.max_threads, len(self.tasks))
        workers = _Threads(self.tasks, at_once) if self.threading else _Processes(self.tasks)
        with (
            shown_bar(self.progress_bar if progress_bar is None else progress_bar, "task") as bar,
            contextlib.closing(workers),
        ):
            return self._run(workers, at_once, bar)

    def _run(self, workers: _Workers, at_once: int, bar: Bar) -> list[R_co]:
        __tracebackhide__ = True
        results: list[Any] = [None] * len(self.tasks)
        attempts = [0] * len(self.tasks)
        ready = deque(range(len(self.tasks)))
        later: list[tuple[float, int]] = []
        running = ended = 0
        bar.show(0, len(self.tasks))
        while ready or later or running:
            while later and later[0][0] <= time.monotonic():
                ready.append(heapq.heappop(later)[1])
            while ready and running < at_once:
                index = ready.popleft()
                attempts[index] += 1
                workers.start(index)
                running += 1
            for index, outcome in workers.wait(later[0][0] if later and running < at_once else None):
                running -= 1
                if outcome.error is None:
                    results[index] = outcome.value
                    ended += 1
                    bar.show(ended, len(self.tasks))
                    continue
                left = self.max_retries + 1 - attempts[index]
                pause = min(BACK_OFF * 2 ** (attempts[index] - 1), LONGEST_BACK_OFF)
                self._tell(bar, index, attempts[index], outcome, pause if left > 0 else None)
                if left > 0:
                    heapq.heappush(later, (time.monotonic() + pause, index))
                elif self.pass_fail_job:
                    told = in_places(outcome.traceback)
                    results[index] = Failed(self.tasks[index], outcome.error, told, attempts[index])
                    ended += 1
                    bar.show(ended, len(self.tasks))
                else:
                    raise outcome.error
        return results

    def _tell(self, bar: Bar, index: int, attempt: int, outcome: _Outcome, pause: float | None) -> None:
        if not self.verbose or outcome.error is None:
            return
        which = f", attempt {attempt} of {self.max_retries + 1}" if self.max_retries else ""
        then = f"; again in {pause:g} s" if pause is not None else ""
        bar.say(f"{self.tasks[index]!r} failed{which}: {_told(outcome.error)}{then}")
        if pause is None and self.pass_fail_job:
            bar.say(in_places(outcome.traceback.rstrip()))


# --- how tasks are run ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Outcome:
    """How an attempt ended."""

    value: Any = None
    error: BaseException | None = None
    traceback: str = ""


class _Workers(Protocol):
    """Runs tasks by their number; `_Threads` or `_Processes`."""

    def start(self, index: int) -> None:
        """Start a task."""

    def wait(self, until: float | None) -> Sequence[tuple[int, _Outcome]]:
        """The tasks that have ended, in the order in which they did: at least one, or none at ``until``."""

    def close(self) -> None:
        """Stop what still runs."""


def _attempt(task: Callable[[], Any]) -> _Outcome:
    """Call a task; whatever it raises is its outcome."""
    try:
        value = task()
        # a coroutine function has done nothing yet: what it gives is still to be awaited
        return _Outcome(asyncio.run(value) if inspect.iscoroutine(value) else value)
    except _Stopped:
        raise
    except BaseException as error:
        return _failure(error)


def _failure(error: BaseException) -> _Outcome:
    """An exception as an outcome, without the frames of this module and of what awaits a coroutine."""
    here = error.__traceback__
    while (
        here is not None and here.tb_next is not None and here.tb_frame.f_code.co_filename.startswith(_OURS)
    ):
        here = here.tb_next
    text = "".join(tracebacks.format_exception(type(error), error, here))
    if not isinstance(error, Exception):
        # raised here, it would end this Python
        told = f"the task ended itself with {type(error).__name__}: {error}"
        return _Outcome(error=TaskError(told).with_traceback(here), traceback=text)
    return _Outcome(error=error.with_traceback(here), traceback=text)


class _Stopped(BaseException):
    """Raised in threads whose run is over."""


class _Threads:
    """Tasks in threads of this process."""

    def __init__(self, tasks: Sequence[Callable[[], Any]], number: int) -> None:
        self._tasks = tasks
        self._inbox: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[tuple[int, _Outcome]] = queue.SimpleQueue()
        # daemons: a thread that cannot be stopped must not keep Python from ending
        self._threads = [
            threading.Thread(target=self._serve, name=f"pixmake-{number}", daemon=True)
            for number in range(number)
        ]
        self._running: set[int] = set()
        for thread in self._threads:
            thread.start()

    def start(self, index: int) -> None:
        self._running.add(index)
        self._inbox.put(index)

    def wait(self, until: float | None) -> Sequence[tuple[int, _Outcome]]:
        try:
            seconds = None if until is None else max(0.0, until - time.monotonic())
            ended = self._outbox.get(timeout=seconds)
        except queue.Empty:
            return []
        self._running.discard(ended[0])
        return [ended]

    def close(self) -> None:
        for thread in self._threads:
            self._inbox.put(None)
            if self._running and thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident), ctypes.py_object(_Stopped)
                )

    def _serve(self) -> None:
        with contextlib.suppress(_Stopped):
            while (index := self._inbox.get()) is not None:
                self._outbox.put((index, _attempt(self._tasks[index])))


@dataclass(frozen=True)
class _Child:
    """A process and the pipe through which its outcome comes."""

    index: int
    process: int
    pipe: Connection


class _Processes:
    """Each task in a process forked from this one."""

    def __init__(self, tasks: Sequence[Callable[[], Any]]) -> None:
        if not hasattr(os, "fork"):
            raise OSError("threading=False needs an operating system that can fork: use threading=True")
        self._tasks = tasks
        self._children: list[_Child] = []
        self._held = contextlib.ExitStack()
        self._held.enter_context(_one_thread_each())

    def start(self, index: int) -> None:
        ours, theirs = Pipe(duplex=False)
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)  # or the child would print it again
        # Ctrl-C waits until each side knows which it is: the child would unwind as if it were this process
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of threads: those of a notebook do not hold locks that a task needs
                warnings.simplefilter("ignore", DeprecationWarning)
                process = os.fork()
            if process == 0:
                _be_child(self._tasks[index], theirs, before)
            theirs.close()
            with contextlib.suppress(OSError):
                os.setpgid(process, process)
            self._children.append(_Child(index, process, ours))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def wait(self, until: float | None) -> Sequence[tuple[int, _Outcome]]:
        while True:
            left = _POLL if until is None else min(_POLL, max(0.0, until - time.monotonic()))
            told = set(wait([child.pipe for child in self._children], left)) if self._children else set()
            if not self._children:
                time.sleep(left)
            ended = []
            for child in list(self._children):
                if child.pipe in told:
                    ended.append((child.index, self._outcome(child)))
                elif not told:
                    status = _reaped(child.process)
                    if status is not None:
                        ended.append((child.index, self._outcome(child, status)))
            if ended or (until is not None and time.monotonic() >= until):
                return ended

    def close(self) -> None:
        for child in self._children:
            _kill(child.process)
        for child in self._children:
            _reaped(child.process, block=True)
            child.pipe.close()
        self._children.clear()
        self._held.close()

    def _outcome(self, child: _Child, status: int | None = None) -> _Outcome:
        """What a child has sent, or why it has sent nothing; its process ends with that."""
        self._children.remove(child)
        content = b""
        with contextlib.suppress(EOFError, OSError):
            if child.pipe.poll(0):
                content = child.pipe.recv_bytes()
        child.pipe.close()
        if status is None and not content:
            status = _reaped(child.process, block=True)
        _kill(child.process)
        if status is None:
            _reaped(child.process, block=True)
        if content:
            return _unpacked(content)
        told = f"the task's process {_ending(status)}"
        return _Outcome(error=TaskError(told), traceback=f"pixmake.TaskError: {told}\n")


def _be_child(task: Callable[[], Any], pipe: Connection, signals: Iterable[int]) -> None:
    """The life of a forked process: one task. Does not return."""
    status = 1
    try:
        os.setpgid(0, 0)  # Ctrl-C is the parent's, and a kill reaches what the task starts
        _die_with_parent()
        with contextlib.suppress(ValueError):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed()  # or every task would draw the same numbers
        content = _packed(_attempt(task))
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        pipe.send_bytes(content)
        status = 0
    finally:
        os._exit(status)


def _packed(outcome: _Outcome) -> bytes:
    if outcome.error is None:
        try:
            return pickle.dumps(outcome, protocol=5)
        except Exception as error:
            kind = type(outcome.value).__name__
            told = f"the task's result, of type {kind}, cannot be handed over by its process: {error}"
            outcome = _Outcome(error=TaskError(told), traceback=f"pixmake.TaskError: {told}\n")
    try:
        content = pickle.dumps(outcome, protocol=5)
        pickle.loads(content)  # an exception with a constructor of its own may go in but not come out
    except Exception:
        assert outcome.error is not None
        plain = TaskError(_told(outcome.error))
        content = pickle.dumps(_Outcome(error=plain, traceback=outcome.traceback), protocol=5)
    return content


def _unpacked(content: bytes) -> _Outcome:
    try:
        outcome = pickle.loads(content)
        assert isinstance(outcome, _Outcome)
    except Exception as error:
        told = f"the task's result cannot be taken over from its process: {_told(error)}"
        return _Outcome(error=TaskError(told), traceback=f"pixmake.TaskError: {told}\n")
    if outcome.error is not None:
        _show_as_there(outcome.error, outcome.traceback)
    return outcome


def _show_as_there(error: BaseException, told: str) -> None:
    """Have an exception of another process shown with the traceback that it had there."""
    error.__cause__ = RemoteTraceback(told)
    with contextlib.suppress(AttributeError):  # of a class with slots
        # IPython asks for it; no lambda, since the exception may be handed on by one more process
        error._render_traceback_ = partial(_shown, error, told)  # type: ignore[attr-defined]


def _shown(error: BaseException, told: str) -> list[str]:
    return [*own_lines(error), in_places(told.rstrip())]


def _ending(status: int | None) -> str:
    """How a process ended that has sent nothing, in words."""
    if status is None:
        return "is gone"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in set(signal.Signals) else "signal"
        hint = " (the system may have run out of memory)" if name == "SIGKILL" else ""
        return f"was ended by {name} ({number}){hint}"
    return f"exited with status {os.waitstatus_to_exitcode(status)} and gave no result"


def _reaped(process: int, *, block: bool = False) -> int | None:
    """The status of an ended child; None if it still runs, or if someone else has waited for it."""
    try:
        ended, status = os.waitpid(process, 0 if block else os.WNOHANG)
    except ChildProcessError:
        return None
    return status if ended else None


def _kill(process: int) -> None:
    """End a child, and what it started."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(process, signal.SIGKILL)
            return


def _die_with_parent() -> None:
    """End with the parent, whatever way it ends."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Hold the libraries that are loaded to one thread.

    Their pools of threads are not there after a fork, and some wait for them for ever.
    """
    with contextlib.ExitStack() as held:
        cv2 = sys.modules.get("cv2")
        if cv2 is not None:
            held.callback(cv2.setNumThreads, cv2.getNumThreads())
            cv2.setNumThreads(0)
        threadpoolctl = sys.modules.get("threadpoolctl")  # scikit-learn and joblib bring it along
        if threadpoolctl is not None:
            held.enter_context(threadpoolctl.threadpool_limits(1))
        yield


# --- words -------------------------------------------------------------------------------------------------


def _tasks(tasks: Iterable[Callable[[], Any]]) -> Iterator[Task[Any]]:
    for number, task in enumerate(tasks):
        if not callable(task):
            raise TypeError(f"tasks[{number}] is no task: {_short(task)} cannot be called")
        yield task if isinstance(task, Task) else Task(task)


def _at_once(max_threads: int, tasks: int) -> int:
    if max_threads == 0:
        return min(os.cpu_count() or 1, tasks)
    return tasks if max_threads < 0 else min(max_threads, tasks)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", None) or repr(function)


def _short(value: Any) -> str:
    """A value in a line; an array by its shape."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"<{' × '.join(map(str, value.shape))} {value.dtype}>"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}…"


def _flush(stream: Any) -> None:
    with contextlib.suppress(Exception):
        stream.flush()
