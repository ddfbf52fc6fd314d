"""Runs what the last rules of a run need (records, tables, page, provenance), each in a fork of one process.

That process has imported what they need while images were still at work; a Python of its own for each of
them takes longer to start than the tables of a small run take to make. It is a fork of the warm process of
this Python, from before anything of a step's was imported there.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

from pixmake.cli.command_line import main
from pixmake.job.warm_server import import_quietly, redirect, whole_text

NEEDED = (
    "pixmake.cli.commands.outcome",
    "pixmake.plan.file_states",
    "pixmake.config.table_formats",
    "pixmake.results.aggregate",
    "pixmake.results.provenance",
    "pixmake.results.record_lines",
    "pixmake.results.report",
)


def serve(channel: int) -> None:
    """Fork for each command until Snakemake closes the channel, through which its two files come.

    These are a socket by which the command is told and its end is answered, and what it prints to.
    """
    gc.disable()  # what is imported stays
    import_quietly(NEEDED)
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for a fork
    with socket.socket(fileno=channel) as link:
        while files := socket.recv_fds(link, 1, 2)[1]:
            if os.fork() == 0:
                link.close()
                _run(*files)
            for file in files:
                os.close(file)


def _run(asked: int, output: int) -> None:
    """Be the process of one command."""
    status = 1
    with socket.socket(fileno=asked) as link:
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            command = _received(link)
            threading.Thread(target=_end_with, args=(link,), daemon=True).start()
            _enter(command, output)
            status = main(command["words"])
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            with contextlib.suppress(OSError):
                link.sendall(bytes([status & 255]))
            os._exit(status)


def _be_named(words: list[str]) -> None:
    """Have `ps` and the like show the command, in the place of what the process was started with.

    See `proc_pid_stat(5)`: where a process's own arguments begin and end in its memory.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        begin, end = int(fields[45]), int(fields[46])
        text = "\0".join([sys.executable, "-m", "pixmake", *words]).encode("utf-8", "surrogateescape")
        if 0 < begin < end:
            ctypes.memmove(begin, text[: end - begin - 1].ljust(end - begin, b"\0"), end - begin)


def _received(link: socket.socket) -> dict[str, Any]:
    buffer = bytearray()
    while (text := whole_text(buffer)) is None:
        part = link.recv(1 << 20)
        if not part:
            os._exit(1)
        buffer += part
    command: dict[str, Any] = json.loads(text)
    return command


def _end_with(link: socket.socket) -> None:
    """End when nobody waits for the end any more."""
    with contextlib.suppress(OSError):
        link.recv(1)
    os._exit(1)


def _enter(command: Mapping[str, Any], output: int) -> None:
    """Be as the command's own process would be: folder, environment, what is read and written."""
    folder = command["folder"]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.path.insert(0, folder)
    sys.argv[1:] = command["words"]
    _be_named(command["words"])
    redirect(command["log"])
    os.dup2(output, 1)
    os.close(output)
    if command["told"] is not None:
        reader, writer = os.pipe()
        os.dup2(reader, 0)
        os.close(reader)
        threading.Thread(target=_tell, args=(writer, command["told"]), daemon=True).start()


def _tell(writer: int, text: str) -> None:
    with contextlib.suppress(OSError), open(writer, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
