"""GPUs of one machine: each job gets devices of its own, whichever Snakemake it belongs to.

Standard library only: it runs in whatever interpreter a step names.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from pathlib import Path
from typing import IO

from pixmake.base.own_folder import OTHERS_READ, own_folder

VISIBLE = "CUDA_VISIBLE_DEVICES"
DRIVER = "/proc/driver/nvidia/gpus"
"""Where Linux lists the devices, which is faster to read than a program is started."""

POLL_SECONDS = 0.1

_held: list[IO[str]] = []


def claim_devices(count: int) -> tuple[str, ...]:
    """Wait for free devices, keep them until this process ends, and hide the others from CUDA.

    Parameters
    ----------
    count
        How many. On a machine with none, or fewer than that, nothing is claimed and nothing hidden: CUDA
        itself then says what it lacks.

    Returns
    -------
    tuple of str
        The devices, as CUDA names them.
    """
    there = devices()
    if not count or len(there) < count:
        return ()
    usual = f"/tmp/pixmake-{os.geteuid()}"
    # no folder of a session's, as that of sockets: all runs of a user are to look at the same locks
    folder = own_folder([usual, *(f"{usual}.{number}" for number in range(1, 10))], OTHERS_READ)
    while True:
        locks = {}
        for device in there:
            lock = _lock(folder / f"gpu-{re.sub(r'[^A-Za-z0-9-]', '_', device)}")
            if lock is not None:
                locks[device] = lock
            if len(locks) == count:
                _held.extend(locks.values())
                os.environ[VISIBLE] = ",".join(locks)
                return tuple(locks)
        # all or none: two jobs that each hold one and wait for another would wait for ever
        for lock in locks.values():
            lock.close()
        time.sleep(POLL_SECONDS)


def devices() -> tuple[str, ...]:
    """The devices that this process may use: those that a scheduler left visible, else all."""
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip())
    with contextlib.suppress(OSError):
        return tuple(str(number) for number in range(len(os.listdir(DRIVER))))
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(re.findall(r"^GPU (\d+):", listed, re.MULTILINE))


def _lock(path: Path) -> IO[str] | None:
    """The lock of a device, if nobody holds it; the kernel frees it when this process ends."""
    import fcntl

    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock
