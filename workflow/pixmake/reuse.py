"""What an image's process puts back before it works on another image (`images_per_process`).

A fresh process finds everything as the warm one left it. One that goes on finds its own variables and streams
again (and its folder: the runner of functions goes back there), and what NumPy was told of errors and of
printing; a project's own modules are imported anew. What it cannot put back is what other installed libraries
keep for themselves, which is why a step must ask for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.runners.imports import own


@dataclass(frozen=True)
class Found:
    """What a process found when it began."""

    environment: dict[str, str]
    path: list[str]
    modules: frozenset[str]
    streams: tuple[object, ...]
    mask: int
    numpy: tuple[dict[str, Any], dict[str, Any]] | None
    """Its `geterr` and `get_printoptions`, if it is loaded."""


def look() -> Found:
    """What there is now."""
    return Found(
        dict(os.environ),
        sys.path[:],
        frozenset(sys.modules),
        (sys.stdin, sys.stdout, sys.stderr),
        _file_mask(),
        (numpy.geterr(), numpy.get_printoptions()) if (numpy := sys.modules.get("numpy")) else None,
    )


def put_back(found: Found) -> bool:
    """Have the next image find what this one found; whether that can be.

    It cannot where something goes on beside it: a process or a thread that nobody has waited for. Threads
    that are daemons belong to libraries (zarr's, fsspec's), and stay.
    """
    if _has_children() or any(
        not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()
    ):
        return False
    if dict(os.environ) != found.environment:
        os.environ.clear()
        os.environ.update(found.environment)
    os.umask(found.mask)
    if found.numpy is not None:
        errors, printing = found.numpy
        sys.modules["numpy"].seterr(**errors)
        sys.modules["numpy"].set_printoptions(**printing)
    sys.path[:] = found.path
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    sys.stdin, sys.stdout, sys.stderr = found.streams
    for name in own([name for name in sys.modules if name not in found.modules]):
        del sys.modules[name]
    with contextlib.suppress(OSError):  # Linux alone: the peak of memory is to be the next image's own
        Path("/proc/self/clear_refs").write_text("5")
    return True


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    except AttributeError:  # macOS before Python 3.13
        return True
    return True


def _file_mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
