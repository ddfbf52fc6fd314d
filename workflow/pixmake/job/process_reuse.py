"""What an image's process puts back before it works on another image (`images_per_process`).

A fresh process finds everything as the warm one left it. One that goes on finds its own variables and streams
again (and its folder: the runner of functions goes back there), handlers of signals, and what NumPy was told
of errors and of printing; a project's own modules are imported anew. What it cannot put back is what other
installed libraries keep for themselves, which is why a step must ask for it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.job.runners.imports import own

MOST_KEPT = 0.1
"""The share of `mem_mb` that images may leave behind: the limit of each is counted from there."""


@dataclass(frozen=True)
class Found:
    """What a process found when it began."""

    environment: dict[str, str]
    path: list[str]
    modules: frozenset[str]
    streams: tuple[object, ...]
    mask: int
    signals: dict[int, Any]
    """What is done about each signal."""
    numpy: tuple[dict[str, Any], dict[str, Any]] | None
    """Its `geterr` and `get_printoptions`, if it is loaded."""
    held: float
    """MB of memory."""


def look() -> Found:
    """What there is now."""
    return Found(
        dict(os.environ),
        sys.path[:],
        frozenset(sys.modules),
        (sys.stdin, sys.stdout, sys.stderr),
        file_mask(),
        _signals(),
        (numpy.geterr(), numpy.get_printoptions()) if (numpy := sys.modules.get("numpy")) else None,
        held_mb(),
    )


def put_back(found: Found, mem_mb: int | None = None) -> bool:
    """Have the next image find what this one found; whether that can be.

    It cannot where something goes on beside it: a process or a thread that nobody has waited for. Threads
    that are daemons belong to libraries (zarr's, fsspec's), and stay. Nor where much of the memory that an
    image may have is not free again, or where a library may need a variable that it has set.
    """
    try:
        return _put_back(found, mem_mb)
    except Exception:  # whatever an analysis has done to its process: its result is there
        return False


def _put_back(found: Found, mem_mb: int | None) -> bool:
    if _has_children() or any(
        not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()
    ):
        return False
    if mem_mb and held_mb() - found.held > mem_mb * MOST_KEPT:
        return False
    new = [name for name in list(sys.modules) if name not in found.modules]
    mine = own(new)
    if dict(os.environ) != found.environment:
        if len(new) > len(mine):
            return False
        os.environ.clear()
        os.environ.update(found.environment)
    os.umask(found.mask)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, now in _signals().items():
        if now is not found.signals[number]:
            signal.signal(number, found.signals[number])
    if found.numpy is not None:
        errors, printing = found.numpy
        sys.modules["numpy"].seterr(**errors)
        sys.modules["numpy"].set_printoptions(**printing)
    sys.path[:] = found.path
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    sys.stdin, sys.stdout, sys.stderr = found.streams
    for name in mine:
        del sys.modules[name]
    with contextlib.suppress(OSError):  # Linux alone: the peak of memory is to be the next image's own
        Path("/proc/self/clear_refs").write_text("5")
    return True


def _signals() -> dict[int, Any]:
    """What is done about each signal; None where a library has seen to it by itself: not to be put back."""
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def held_mb() -> float:
    """MB of memory that this process has, where the system tells."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:  # not on this platform, where there is no limit either
        return 0.0


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    except AttributeError:  # macOS before Python 3.13
        return True
    return True


def file_mask() -> int:
    """The mask of new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
