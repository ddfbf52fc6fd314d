"""Tells a project in which a Snakemake runs from one in which a killed one left its lock."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import platform
import sys
import time
from pathlib import Path
from typing import IO, Any

LOCK = ".snakemake/pixmake/run.lock"
"""Held by each running Snakemake, so that a lock which a killed one left behind can be told."""

_TIMES, _PAUSE = 100, 0.01

_held: list[IO[str]] = []


def hold_run_lock() -> None:
    """Show, for as long as this process lives, that a Snakemake works in this folder."""
    if _held:
        return
    try:
        Path(LOCK).parent.mkdir(parents=True, exist_ok=True)
        lock = Path(LOCK).open("a+")  # noqa: SIM115 (it is held for as long as this process lives)
        _share(lock)
    except OSError:
        return  # a file system without locks: `pixmake run` then leaves Snakemake's lock alone
    _held.append(lock)
    if alone():
        lock.truncate(0)
    if not {"-n", "--dry-run", "--dryrun"} & set(sys.argv):  # that one works on nothing
        lock.write(f"{platform.node()} {os.getpid()}\n")
        lock.flush()


def alone() -> bool:
    """Whether no other Snakemake works in this folder, as far as the file system can tell."""
    if not _held:
        return False
    try:
        fcntl.flock(_held[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            _share(
                _held[0]
            )  # also where it was not to be had: who asks for another lock loses the one that is held
    return True


def _share(lock: IO[str]) -> None:
    """Hold a lock with others; for a moment one of these may have it alone, to see whether there are any."""
    for _ in range(_TIMES):
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(_PAUSE)
    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)


def left_locked() -> bool:
    """Whether Snakemake's lock is there, but no Snakemake of this project runs any more."""
    locks = Path(".snakemake/locks")
    if not locks.is_dir() or not any(locks.iterdir()):
        return False
    try:
        with Path(LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return {line.split()[0] for line in lock.read().splitlines()} <= {platform.node()}
    except OSError:
        return False


def owners() -> list[str]:
    """The Snakemakes that work in this folder, but for this one: each as a person would name it."""
    if not is_running():
        return []
    try:
        lines = [line.split() for line in Path(LOCK).read_text(encoding="utf-8").splitlines()]
    except OSError:
        return []
    found = []
    for host, number in (line for line in lines if len(line) == 2):
        if host != platform.node():
            found.append(f"process {number} on {host}")
        elif int(number) != os.getpid() and _lives(int(number)):
            found.append(f"process {number} on this machine ({host})")
    return found


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True


def tell_of_live_locks() -> None:
    """Have Snakemake name the run that holds a lock, as long as that lives, and not advise to remove it."""
    from snakemake.logging import logger

    logger.addFilter(_named)


def _named(record: Any) -> bool:
    if str(record.msg).startswith(("LockException", "Error: Directory cannot be locked")):
        there = owners()
        if there:
            record.msg = (
                f"Another run is at work on the same results: {' and '.join(there)}.\n"
                "Wait until it has ended, or end it: `pixmake status --watch` shows how far it is."
            )
            record.args = ()
    return True


def is_running() -> bool:
    """Whether a Snakemake of this project runs, but for this one, as far as the file system can tell."""
    if _held:
        return not alone()
    try:
        with Path(LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
