"""What a step loads once (`load`): its models, which its function gets by name.

The process that loads them works for all images: the warm process of that step, which forks, or a serving
process (see `pixmake.job.serving`). Where there is neither, each image's process loads for itself.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base import plugins
from pixmake.base.counted import counted
from pixmake.job import gpus
from pixmake.job.runners import runner
from pixmake.job.runners.function import asked_by, load_module
from pixmake.job.task import Limits, Task, one_line
from pixmake.job.tracebacks import user_traceback

if TYPE_CHECKING:
    from pixmake.job.run import Job

NOT_FORKED = ("torch", "tensorflow", "onnxruntime", "jaxlib", "openvino", "paddle", "mxnet")
"""Libraries whose threads and devices are lost in a fork: once one is loaded, no image is forked."""

NOT_LOADED = "pixmake: not loaded: "
"""How the line of a load's log begins that says why; as in client.py."""

LOADED = "pixmake: loaded in "
"""How the last line of a load's log begins that went well; as in client.py."""


class LoadError(Exception):
    """A model could not be loaded, so no image of its step can be worked on."""


_loaded: dict[str, Mapping[str, Any]] = {}
"""By the loaders and the params: what this process has loaded."""


def has_models(task: Task) -> bool:
    """Whether a task's step loads something once."""
    return bool(task.work.get("load"))


def models_for(task: Task, limits: Limits, threads: int) -> Mapping[str, Any]:
    """What a step has loaded, by name; loaded now if it is not there.

    Raises
    ------
    LoadError
        Why it cannot be.
    """
    if not has_models(task):
        return {}
    key = one_line([task.work["load"], task.params])
    if key not in _loaded:
        _loaded[key] = _load(task, limits, threads)
    return _loaded[key]


def load_first(job: Job, threads: int, late: Callable[[], object] = int) -> bool:
    """Load what a job's step loads, and execute its function's file; whether that went well.

    Why not, is at the end of the step's load log. If it takes longer than it may, this process ends.

    Parameters
    ----------
    late
        Called before that.
    """
    begun = time.monotonic()
    try:
        with _in_time(job, late):
            models_for(job.task, job.limits, threads)
            if function := job.task.work.get("function"):
                _execute(f"steps.{job.task.step}.function", function)
    except LoadError as error:
        tell(load_log(job.log), error)
        return False
    if (torch := sys.modules.get("torch")) is not None:
        with contextlib.suppress(Exception):
            torch.set_num_threads(threads)
    _append(load_log(job.log), f"{LOADED}{time.monotonic() - begun:.1f} s\n")
    return True


@contextlib.contextmanager
def _in_time(job: Job, late: Callable[[], object]) -> Iterator[None]:
    """End this process if a load takes longer than it may: it may be where no exception reaches it."""

    def end() -> None:
        what = f"steps.{job.task.step}.load: took longer than the {job.limits.load_timeout:g} s"
        tell(load_log(job.log), LoadError(f"{what} that `load_timeout` allows"))
        with contextlib.suppress(Exception):
            late()
        os._exit(68)  # UNLOADED in run.py

    timer = threading.Timer(job.limits.load_timeout, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def forget() -> None:
    """Let go of what was loaded here."""
    _loaded.clear()


def why_not_forked() -> str:
    """What is here by now that does not cross a fork; nothing if all does."""
    found = [name for name in NOT_FORKED if name in sys.modules]
    if found:
        return found[0]
    return "a thread" if threading.active_count() > 1 else ""


def load_log(log: str) -> str:
    """Where it is written what a step's load has printed, from the log of one of its images."""
    return f"{os.path.dirname(log)}.load.log"


def tell(log: str, error: BaseException) -> None:
    """Say at the end of a load's log why it failed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    cause = error.__cause__
    told = user_traceback(cause) if cause else ""
    _append(log, f"{told}{NOT_LOADED}{error}\n")


def device_of(limits: Limits) -> str:
    """Where a model is to be: ``cuda`` if this process has devices for itself, else ``cpu``.

    Raises
    ------
    LoadError
        The step asks for devices that are not here.
    """
    if not limits.gpu:
        return "cpu"
    if len(gpus.devices()) >= limits.gpu:
        return "cuda"
    if limits.cpu_fallback:
        return "cpu"
    there = len(gpus.devices())
    what = f"the step asks for {counted(limits.gpu, 'GPU')}, and {there} can be seen here"
    raise LoadError(f"{what}; `cpu_fallback: true` lets the CPU do the work")


def facts(task: Task, limits: Limits) -> dict[str, Any]:
    """What a record says of the model's device, as far as a library tells."""
    if not (has_models(task) and limits.gpu):
        return {}
    told: dict[str, Any] = {"device": device_of(limits)}
    with contextlib.suppress(Exception):
        cuda = sys.modules["torch"].cuda
        if cuda.is_initialized():
            told["gpu_mb"] = round(cuda.max_memory_allocated() / 1e6, 1)
            cuda.reset_peak_memory_stats()
    return told


def _load(task: Task, limits: Limits, threads: int) -> dict[str, Any]:
    place = f"steps.{task.step}.load"
    try:
        device = device_of(limits)
    except LoadError as error:
        raise LoadError(f"{place}: {error}") from None
    for name, loader in task.work["load"].items():
        for path, sha256 in loader.get("files", {}).items():
            _told(f"{place}.{name}", path, lambda path=path, sha256=sha256: _see_unchanged(path, sha256))
    plugins.use(limits.plugins)
    if (own := getattr(runner(task.kind), "load", None)) is not None:
        (name,) = task.work["load"]
        return {name: _told(place, task.kind, lambda: own(task.work, device=device, threads=threads))}
    found: dict[str, Any] = {}
    given = {"device": device, "threads": threads, **task.params}
    for name, loader in task.work["load"].items():
        at, what = f"{place}.{name}", loader["function"]
        function = _execute(at, what)
        asked, takes_any = asked_by(function)
        wanted = given if takes_any else {key: given[key] for key in given if key in asked}
        found[name] = _told(at, what, lambda function=function, wanted=wanted: function(**wanted))
    return found


def _execute(place: str, function: str) -> Any:
    """A function of a user's file, which is executed once."""
    file, _, name = function.rpartition(":")
    return _told(place, function, lambda: getattr(load_module(file, once=True), name))


def _told(place: str, what: str, work: Any) -> Any:
    """What some work gives; an exception of it says where it belongs."""
    try:
        return work()
    except BaseException as error:
        said = str(error).strip() or "no message was given"
        line = " ".join(said.split())
        raise LoadError(f"{place}: {what}: {type(error).__name__}: {line}") from error


def _see_unchanged(path: str, sha256: str) -> None:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else ""
    if not found:
        found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError("is another file than it was when the run began; run again")


def _append(log: str, text: str) -> None:
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(log) or ".", exist_ok=True)
        with open(log, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
