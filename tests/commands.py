"""Commands of this Python that need not import Snakemake first: each is a fork of a process that has.

Half of what a small run takes is such imports, and the tests make many small runs.
That process has never run anything, and pixmake is imported anew by each command.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any


def _read_by_python(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python itself reads of an environment when it starts."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


_FOR_FORKS = _read_by_python(os.environ)


def run(
    words: Sequence[str], folder: str | os.PathLike[str], environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """What ``python -m words…`` does, with what it printed as text.

    Raises:
        subprocess.TimeoutExpired: It took longer than `timeout` seconds; it has been killed.
    """
    if _read_by_python(environment) != _FOR_FORKS:
        command = [sys.executable, "-m", *words]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
    ours, theirs = socket.socketpair()
    task = {"words": list(words), "folder": os.fspath(folder), "environment": dict(environment)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, ours:
        with theirs, tempfile.TemporaryFile() as held:
            held.write(json.dumps(task).encode())  # in a file: a message has no room for any environment
            held.flush()
            files = [file.fileno() for file in (out, err, theirs, held)]
            socket.send_fds(_started(), [b"x"], files)
        process = int(ours.recv(32))
        ours.settimeout(timeout)
        try:
            code = int(ours.recv(32))
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(words), timeout) from None
        printed = []
        for file in (out, err):
            file.seek(0)
            printed.append(file.read().decode().replace("\r\n", "\n").replace("\r", "\n"))
    return subprocess.CompletedProcess(list(words), code, *printed)


@cache
def _started() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        # it ends when this process closes its end of the socket, and be it by dying; it is no child of
        # this process, since tests look whether such are left
        subprocess.run([sys.executable, __file__], stdin=theirs, start_new_session=True, check=True)
    return ours


def _serve() -> dict[str, Any] | None:
    """Fork for each task: the task in a fork, nothing in this process, when nobody asks any more."""
    asked = socket.socket(fileno=os.dup(0))
    with selectors.DefaultSelector() as selector:
        selector.register(asked, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not asked:  # a fork has ended
                    process, answer = key.data
                    selector.unregister(key.fileobj)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
                    answer.send(str(code).encode())
                    answer.close()
                    continue
                _, files, _, _ = socket.recv_fds(asked, 1, 4)
                if not files:
                    return None
                out, err, answered, held = files
                if not (process := os.fork()):
                    selector.close()
                    asked.close()
                    return _become(out, err, answered, held)
                answer = socket.socket(fileno=answered)
                answer.send(str(process).encode().ljust(32))
                for file in (out, err, held):
                    os.close(file)
                selector.register(os.pidfd_open(process), selectors.EVENT_READ, (process, answer))


def _become(out: int, err: int, answered: int, held: int) -> dict[str, Any]:
    """Make this process look like one that has just been started for a task."""
    os.close(answered)
    with os.fdopen(held, "rb") as file:
        file.seek(0)
        task: dict[str, Any] = json.load(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, number in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(given, number)
        os.close(given)
    os.setsid()
    os.chdir(task["folder"])
    os.environ.clear()
    os.environ.update(task["environment"])
    return task


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    sys.path.pop(0)
    from snakemake.cli import get_argument_parser

    get_argument_parser()  # imports what Snakemake's plugins need
    gc.freeze()  # a collection in a fork would copy all of this
    task = _serve()
    if task is not None:
        sys.argv = task["words"]
        sys.path.insert(0, task["folder"])
        runpy.run_module(task["words"][0], run_name="__main__", alter_sys=True)
