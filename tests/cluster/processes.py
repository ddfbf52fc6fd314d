"""Processes of a cluster for tests: started in the background, known by their numbers, ended by them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def install(packages: Sequence[str]) -> None:
    """Install Debian's packages."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *words], env=environment, check=True, stdout=subprocess.DEVNULL)


def in_background(
    folder: Path, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> int:
    """Start a command that writes into ``<name>.log``; its number, which is in ``<name>.pid`` too."""
    with (folder / f"{name}.log").open("a") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    (folder / f"{name}.pid").write_text(str(process.pid))
    return process.pid


def end(pid_file: Path, program: str, number: signal.Signals) -> None:
    """End the process of a pid file, if it is still the program that it was, and wait for its end."""
    if alive(pid_file, program):
        pid = int(pid_file.read_text())
        os.kill(pid, number)
        wait_for(lambda: not alive(pid_file, program), f"{program} ends")
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    pid_file.unlink(missing_ok=True)


def alive(pid_file: Path, program: str) -> bool:
    """Whether the process of a pid file runs; one that has ended but was not waited for does not."""
    try:
        status = Path(f"/proc/{int(pid_file.read_text())}/status").read_text().splitlines()
    except (OSError, ValueError):
        return False
    return status[0].split()[1] == program and not any(line.startswith("State:\tZ") for line in status)


def listens(port: int) -> bool:
    """Whether something takes connections at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until something is so.

    Raises
    ------
    RuntimeError
        It is not, in that time.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"not in {seconds:.0f} s: {what}")
        time.sleep(0.1)
