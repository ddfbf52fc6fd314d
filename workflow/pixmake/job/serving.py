"""A serving process: it loads a step's models, and works on image after image until it is told to end.

Each image has its own log, time and limit of memory. What it leaves behind is put back, as far as that can
be: its folder, variables, streams, and the processes that it has started. The user's own modules are executed
once, so what they keep, the next image finds.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pixmake.job import gpus, models, run, warm_server
from pixmake.job.process_reuse import MOST_KEPT, file_mask, held_mb


def serve_images(link: int) -> int:
    """Load what the first job's step needs, and do this job's like; they come through a file descriptor.

    Returns
    -------
    int
        The exit status of this process: 0 if it was told to end.
    """
    os.setsid()
    warm_server.end_with_parent()
    warm_server.adopt_strays()
    with socket.socket(fileno=link) as connection:
        words = _next(connection)
        if not words:
            return 0
        job = run.parse_job(words)
        log = models.load_log(job.log)
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(log), exist_ok=True)
        warm_server.redirect(log, keep=True)  # others may load at the same time
        gpus.claim_devices(job.limits.gpu)
        with contextlib.suppress(Exception):  # what cannot be imported or read, an image tells of
            warm_server.import_quietly(run.preloads(job))
            run.prepare(job)
        if not models.load_first(job, warm_server.threads_here()):
            connection.sendall(b"failed")
            return run.UNLOADED
        connection.sendall(b"loaded")
        found = _look()
        while words := _next(connection):
            connection.sendall(b"+")
            status, goes_on = _work(words, found)
            found = replace(found, environment=dict(os.environ))
            connection.sendall(f"{status} {time.process_time()} {goes_on:d}".encode())
    return 0


@dataclass(frozen=True)
class _Found:
    """What an image finds, and leaves to the next."""

    environment: dict[str, str]
    path: list[str]
    modules: frozenset[str]
    streams: tuple[Any, ...]
    mask: int
    children: frozenset[int]
    """The processes that the load has started."""


def _look() -> _Found:
    return _Found(
        dict(os.environ),
        sys.path[:],
        frozenset(sys.modules),
        (sys.stdin, sys.stdout, sys.stderr),
        file_mask(),
        frozenset(warm_server.own_children()),
    )


def _work(words: list[str], found: _Found) -> tuple[int, bool]:
    """Work on an image: its exit status, and whether this process can go on with another."""
    job = run.parse_job(words)
    warm_server.redirect(job.log)
    held = held_mb()
    status = warm_server.run_within_limits(job, warm=True, again=True, claims=False)
    _put_back(found)
    allowed = job.limits.mem_mb
    fails = status != run.DONE and allowed is not None and held_mb() - held > allowed * MOST_KEPT
    return status, not fails


def _put_back(found: _Found) -> None:
    """Have the next image find what this one found.

    A library that this image was the first to import keeps the variables that it has set.
    """
    warm_server.kill_strays(set(found.children))
    if dict(os.environ) != found.environment and found.modules.issuperset(sys.modules):
        os.environ.clear()
        os.environ.update(found.environment)
    os.umask(found.mask)
    sys.path[:] = found.path
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    sys.stdin, sys.stdout, sys.stderr = found.streams
    with contextlib.suppress(OSError):  # Linux alone: the peak of memory is to be the next image's own
        Path("/proc/self/clear_refs").write_text("5")


def _next(link: socket.socket) -> list[str]:
    """The words of the next job; none if there is no other."""
    buffer = bytearray()
    while (text := warm_server.whole_text(buffer)) is None:
        part = link.recv(1 << 20)
        if not part:
            return []
        buffer += part
    return text.split("\0")
