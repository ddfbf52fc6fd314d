"""Several images that a step's function works on together (`batch`): a record each, as if it were alone.

What each image needs is read for itself, and what comes of it is written for itself; the function is called
once with all. If that call fails, nobody knows whose fault it is: the images are told apart by halving the
batch (see `pixmake.job.holder`), down to one that fails alone.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixmake.images.fingerprint import Watched
from pixmake.job import models, run, warm_server
from pixmake.job.gathered import Gathered
from pixmake.job.run import Begun, Job
from pixmake.job.runners import Call, function
from pixmake.job.runners.main_module import back_afterwards, settle

HALVE = 0
"""Stands for the status of an image whose batch has failed: it is to be tried in a smaller one."""


@dataclass(frozen=True)
class _Ready:
    """An image that waits for the call."""

    number: int
    job: Job
    call: Call
    gathered: Gathered
    watched: Watched
    given: dict[str, Any]


def run_batch(jobs: Sequence[Job], *, threads: int) -> list[int]:
    """Work on images of one step together.

    Returns
    -------
    list of int
        The status of each, as that of `pixmake.job.run.run_job`, or `HALVE`.
    """
    begun = run.begin(warm=True, again=True, images=len(jobs))
    statuses = [HALVE] * len(jobs)
    waiting: list[_Ready] = []
    for number, job in enumerate(jobs):
        warm_server.redirect(job.log)
        found = _prepared(number, job, begun, threads)
        if isinstance(found, int):
            statuses[number] = found
        else:
            waiting.append(found)
    if waiting:
        ended = _worked_on(waiting, begun)
        statuses = [ended.get(number, status) for number, status in enumerate(statuses)]
    return statuses


def _prepared(number: int, job: Job, begun: Begun, threads: int) -> _Ready | int:
    """What the function gets of an image, or the status of one that comes to its end before that."""
    try:
        if (status := run.settled(job, begun)) is not None:
            return status
        gathered = run.ready(job)
        with run.watched_images_of(job) as watched:
            call = run.call_of(job, threads, gathered, watched)
            given = function.arguments(function.function_of(job.task), call)
    except BaseException as error:
        return run.failed(job, begun, error)
    return _Ready(number, job, call, gathered, watched, given)


def _worked_on(waiting: Sequence[_Ready], begun: Begun) -> dict[int, int]:
    """Call the function, and keep what it returned: the status of each by its number; none if it failed."""
    first, process = waiting[0], os.getpid()
    start = _with_log_of(first.job)
    try:
        settle(first.call)
        with back_afterwards():
            called = function.function_of(first.job.task)
            returned = function.apply_together(called, [each.given for each in waiting], first.call)
        run.end_strangers(process)
    except BaseException as error:
        run.end_strangers(process)
        if len(waiting) == 1:
            return {first.number: run.failed(first.job, begun, error)}
        traceback.print_exc()
        print(f"pixmake: a batch of {len(waiting)} images failed; each half of it is tried", file=sys.stderr)
        return {}
    _share_log([each.job for each in waiting], start)
    device = models.facts(first.job.task, first.job.limits)
    return {
        each.number: _left(each, begun, result, device)
        for each, result in zip(waiting, returned, strict=True)
    }


def _left(each: _Ready, begun: Begun, returned: Any, device: dict[str, Any]) -> int:
    try:
        outcome = run.corrected(each.job, lambda: function.leave(each.call, returned))
        return run.leave(
            each.job, run.record_of(each.job, begun, outcome, each.watched, each.gathered, device)
        )
    except BaseException as error:
        return run.failed(each.job, begun, error)


def _with_log_of(job: Job) -> int:
    """Have what is printed stand at the end of an image's log: where that begins."""
    warm_server.redirect(job.log, keep=True)
    return os.path.getsize(job.log)


def _share_log(jobs: Sequence[Job], start: int) -> None:
    """Have what the first of some images has in its log from there stand in those of all."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with open(jobs[0].log, "rb") as log:
        log.seek(start)
        said = log.read()
    for job in jobs[1:] if said else ():
        with open(job.log, "ab") as log:
            log.write(said)
