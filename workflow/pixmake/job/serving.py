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

from pixmake.job import batches, gpus, models, run, warm_server
from pixmake.job.process_reuse import MOST_KEPT, file_mask, held_mb

NEXT = "\2"
"""Stands between the words of jobs that are worked on together."""


def serve_images(link: int) -> int:
    """Load what the first job's step needs, and do this job's like; they come through a file descriptor.

    Returns
    -------
    int
        The exit status of this process: 0 if it was told to end.
    """
    with socket.socket(fileno=link) as connection:
        text = _next(connection)
        if not text:
            return 0
        job = run.parse_job(text.split("\0"))
        log = models.load_log(job.log)
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(log), exist_ok=True)
        warm_server.redirect(log, keep=True)  # others may load at the same time
        gpus.claim_devices(job.limits.gpu)
        with contextlib.suppress(Exception):  # what cannot be imported or read, an image tells of
            warm_server.import_quietly(run.preloads(job))
            run.prepare(job)
        if not models.load_first(job, warm_server.threads_here(), lambda: connection.sendall(b"failed")):
            connection.sendall(b"failed")
            return run.UNLOADED
        connection.sendall(b"loaded")
        found = _look()
        while text := _next(connection):
            connection.sendall(b"+")
            statuses, goes_on = _work(text, found)
            found = replace(found, environment=dict(os.environ))
            told = ",".join(map(str, statuses))
            connection.sendall(f"{told} {time.process_time()} {goes_on:d}".encode())
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


def _work(text: str, found: _Found) -> tuple[list[int], bool]:
    """Work on an image, or a batch of them: the status of each, and whether this process can go on."""
    jobs = [run.parse_job(words.split("\0")) for words in text.split(NEXT)]
    held, allowed = held_mb(), sum(job.limits.mem_mb or 0 for job in jobs)
    if len(jobs) == 1:
        warm_server.redirect(jobs[0].log)
        statuses = [warm_server.run_within_limits(jobs[0], warm=True, again=True, claims=False)]
    else:
        warm_server.limit_memory(allowed)
        statuses = batches.run_batch(jobs, threads=warm_server.threads_here())
    _put_back(found)
    well = all(status == run.DONE for status in statuses)
    return statuses, well or not allowed or held_mb() - held <= allowed * MOST_KEPT


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


def _next(link: socket.socket) -> str:
    """The words of the next job, or of those of a batch; nothing if there is no other."""
    buffer = bytearray()
    while (text := warm_server.whole_text(buffer)) is None:
        part = link.recv(1 << 20)
        if not part:
            return ""
        buffer += part
    return text
