"""Keeps the files of the contestants' programs, and of their projects, in memory while they are measured.

On a machine that is in use they are there anyway. But some systems drop what nobody has read for a minute
(virtual machines that give memory back do, by Linux's DAMON), and then whoever comes after another one's long
run, or runs for minutes itself, waits for the disk: up to 30 s were seen, the longer the more files it has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sysconfig
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import environments

SECONDS = 40
"""How often they are read. It takes a thousandth of a second for a megabyte that is in memory."""

_NOT_READ = (".py", ".h", ".a", ".md", ".rst")
"""Suffixes of what lies in environments and is not read by programs: of modules they read the bytecode."""


_MEMORY = Path("/dev/shm")
_LEAST_BYTES = 4 * 2**30


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for the projects of a case: in memory where Linux has room for one there, else on a disk."""
    room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _LEAST_BYTES
    return tempfile.TemporaryDirectory(prefix="pixmake-bench-", dir=_MEMORY if room else None)


@contextlib.contextmanager
def held(*, quick: bool) -> Iterator[None]:
    """Read the files of all environments that were asked for, once now and then again and again.

    Not for a quick measurement: to read them all from a disk may take longer than that.
    """
    if quick:
        yield
        return
    found = list(_folders([*environments.used(), environments.REPOSITORY / "workflow"]))
    _read(found)
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(SECONDS):
            _read(found)

    reader = threading.Thread(target=again, daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()


def _folders(roots: Iterable[Path]) -> Iterator[tuple[str, list[str]]]:
    """Each folder, with those of its files that are read."""
    for root in roots:
        yield from _below(str(root), skipped=())
    # what a Python comes with, without what is installed beside that
    yield from _below(sysconfig.get_path("stdlib"), skipped=("site-packages", "test"))


def _below(root: str, skipped: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    for here, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in skipped]
        yield here, [os.path.join(here, name) for name in names if not name.endswith(_NOT_READ)]


def _read(found: Iterable[tuple[str, list[str]]]) -> None:
    buffer = bytearray(1 << 20)
    for folder, files in found:
        with contextlib.suppress(OSError):
            os.listdir(folder)  # as each import does
        for path in files:
            with contextlib.suppress(OSError), open(path, "rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass
