"""Keeps the files of the contestants' programs in memory while they are measured.

On a machine that is in use they are there anyway. But some systems drop what nobody has read for a minute
(virtual machines that give memory back do, by Linux's DAMON), and then whoever comes after another one's long
run waits for the disk: up to 13 s were seen, the longer the more files its programs have.
"""

from __future__ import annotations

import contextlib
import os
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import environments

SECONDS = 40
"""How often they are read. It takes a thousandth of a second for a megabyte that is in memory."""

_NOT_READ = (".py", ".h", ".a", ".txt", ".md", ".rst")
"""Suffixes of what lies in environments and is not read by programs: of modules they read the bytecode."""


@contextlib.contextmanager
def held(*, quick: bool) -> Iterator[None]:
    """Read the files of all environments that were asked for, once now and then again and again.

    Not for a quick measurement: to read them all from a disk may take longer than that.
    """
    if quick:
        yield
        return
    files = list(_files([*environments.used(), environments.REPOSITORY / "workflow"]))
    _read(files)
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(SECONDS):
            _read(files)

    reader = threading.Thread(target=again, daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()


def _files(folders: Iterable[Path]) -> Iterator[str]:
    for folder in folders:
        yield from _below(str(folder), skipped=())
    # what a Python comes with, without what is installed beside that
    yield from _below(sysconfig.get_path("stdlib"), skipped=("site-packages", "test"))


def _below(folder: str, skipped: tuple[str, ...]) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skipped]
        yield from (os.path.join(here, name) for name in names if not name.endswith(_NOT_READ))


def _read(files: Iterable[str]) -> None:
    buffer = bytearray(1 << 20)
    for path in files:
        with contextlib.suppress(OSError), open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
