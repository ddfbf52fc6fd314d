"""Working in a project's folder, from which the paths of its config start."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

_moving = threading.RLock()


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Have this Python work in a folder for as long as the block lasts; one thread at a time."""
    with _moving:
        if folder == Path.cwd():
            yield
            return
        with contextlib.chdir(folder):
            yield
