"""A table too large for one run: its images in slices, a run each, and one more for the tables of all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from pixmake.base.errors import PixmakeError, Problem
from pixmake.plan.plan import Plan

VARIABLE = "PIXMAKE_SLICE"
"""In the environment of a run over a part of the images: ``3/10``, or `LAST`."""

LAST = "tables"
"""The run after all slices, which takes their records as they are."""

_ANY = 1_000_000_000


def sliced(plan: Plan) -> Plan:
    """The part of a plan that this run is for; the whole one, if it is not one of several.

    Raises
    ------
    PixmakeError
        A step depends on more images than one.
    """
    asked = os.environ.get(VARIABLE)
    if not asked:
        return plan
    problems = [
        Problem("depends on more images than one: it cannot be run with --batches", f"steps.{planned.name}")
        for planned in plan.steps
        if planned.step.terms is not None or planned.step.needs_all
    ]
    if plan.containers is not None:
        problems.append(Problem("cannot be run with --batches", "images.checkpoint"))
    if problems:
        raise PixmakeError(problems)
    if asked == LAST:
        return replace(plan, planned_before=())
    number, count = map(int, asked.split("/"))
    start, end = (len(plan.groups) * edge // count for edge in (number - 1, number))
    # that images failed is for the last run to tell
    config = plan.config.model_copy(update={"max_failures": _ANY})
    return replace(plan, config=config, groups=plan.groups[start:end], is_slice=True)


def run_slices(count: int, run: Callable[[dict[str, str]], int]) -> int:
    """Run slice by slice, then the tables of all.

    Parameters
    ----------
    count
        How many slices.
    run
        Runs Snakemake with more environment variables, and returns its exit status.

    Returns
    -------
    int
        The exit status of the first run that ended before its images were done, or of the last one.
    """
    for asked in _slices(count):
        status = run({VARIABLE: asked})
        if status:
            return status
    return 0


def _slices(count: int) -> Iterator[str]:
    yield from (f"{number}/{count}" for number in range(1, count + 1))
    yield LAST
