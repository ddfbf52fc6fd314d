"""Tells a project in which a Snakemake runs from one in which a killed one left its lock."""

from __future__ import annotations

import fcntl
import platform
from pathlib import Path
from typing import IO

LOCK = ".snakemake/pixmake/run.lock"
"""Held by each running Snakemake, so that a lock which a killed one left behind can be told."""

_held: list[IO[str]] = []


def hold_run_lock() -> None:
    """Show, for as long as this process lives, that a Snakemake works in this folder."""
    if _held:
        return
    try:
        Path(LOCK).parent.mkdir(parents=True, exist_ok=True)
        lock = Path(LOCK).open("a+")  # noqa: SIM115 (it is held for as long as this process lives)
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return  # a file system without locks: `pixmake run` then leaves Snakemake's lock alone
    lock.truncate(0)
    lock.write(f"{platform.node()}\n")
    lock.flush()
    _held.append(lock)


def alone() -> bool:
    """Whether no other Snakemake works in this folder, as far as the file system can tell."""
    if not _held:
        return False
    try:
        fcntl.flock(_held[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(_held[0], fcntl.LOCK_SH)
    return True


def left_locked() -> bool:
    """Whether Snakemake's lock is there, but no Snakemake of this project runs any more."""
    locks = Path(".snakemake/locks")
    if not locks.is_dir() or not any(locks.iterdir()):
        return False
    try:
        with Path(LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock.read().strip() == platform.node()
    except OSError:
        return False


def is_running() -> bool:
    """Whether a Snakemake of this project runs, as far as the file system can tell."""
    try:
        with Path(LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
