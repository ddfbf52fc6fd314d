"""A table too large for one run: its images in slices, a run each, and one more for what is made of all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from pixmake.base.errors import PixmakeError, Problem
from pixmake.plan.plan import Plan, PlannedStep
from pixmake.table.arrivals import LAST, SLICE

BEGUN = "PIXMAKE_BEGUN"
"""In the environment of each of these runs: when the first of them began."""

ASK = "PIXMAKE_SLICES"
"""In the environment of a run that may be cut into slices: the file that is to say into how many."""

JOB_MB = 0.04
"""Memory that Snakemake takes for a rule and its job: 33 to 40 kB at 10,000 to 100,000 of them."""

MOST_MB = 800
"""Memory that one run may take for them; beyond it the time of planning would be minutes, too."""

SLICE_JOBS = 10_000
"""Of a slice, about."""

_ANY = 1_000_000_000


@dataclass(frozen=True)
class Slice:
    """Which part of the images a run is for."""

    number: int
    """From 1."""
    count: int

    def of(self, images: int) -> tuple[int, int]:
        """The first of its images, and the one behind its last."""
        return images * (self.number - 1) // self.count, images * self.number // self.count


def this_slice() -> Slice | None:
    """The slice that this run is for, if it is for one."""
    asked = os.environ.get(SLICE)
    return Slice(*map(int, asked.split("/"))) if asked and asked != LAST else None


def begun() -> float:
    """When this run began: of one of several, the first of them."""
    return float(os.environ.get(BEGUN) or time.time())


def sliced(plan: Plan) -> Plan:
    """The part of a plan that this run is for; the whole one, if it is not one of several.

    Slices are for the steps whose jobs need nothing of other images. All other ones are for the last run,
    which has no rules for what the slices have done.

    Raises
    ------
    PixmakeError
        There is no such step.
    """
    if not os.environ.get(SLICE):
        return plan
    steps = sliceable(plan)
    if not steps:
        what = "cannot be run with --batches: no step has a job for each image that needs nothing of others"
        raise PixmakeError([Problem(what, "images.checkpoint" if plan.containers is not None else "steps")])
    part = this_slice()
    if part is None:
        return plan if len(steps) < len(plan.steps) else replace(plan, planned_before=())
    names = {planned.name for planned in steps}
    needed = {need for each in plan.steps if each.name not in names for need in each.step.needs}
    own = [replace(each, temporary=each.temporary and each.name not in needed) for each in steps]
    start, end = part.of(len(plan.groups))
    # that images failed is for the last run to tell
    config = plan.config.model_copy(update={"max_failures": _ANY})
    part_of = replace(plan, config=config, groups=plan.groups[start:end], steps=tuple(own), cohorts={})
    return replace(part_of, is_slice=True, others=(start, len(plan.groups) - end))


def sliceable(plan: Plan) -> list[PlannedStep]:
    """The steps whose jobs need nothing of other images."""
    found: dict[str, PlannedStep] = {}
    for planned in plan.steps if plan.containers is None else ():
        step = planned.step
        if step.terms is None and not step.needs_all and set(step.needs) <= found.keys():
            found[planned.name] = planned
    return list(found.values())


def slices_for(plan: Plan, settled: Mapping[str, frozenset[str]]) -> int:
    """In how many slices a run is to be cut for Snakemake's memory; 1: it need not be.

    Parameters
    ----------
    plan
        All of it.
    settled
        By step the jobs that have nothing to do, and so no rule.
    """
    open_jobs = [
        len(plan.levels.of(planned.name)) - len(settled.get(planned.name, ())) for planned in sliceable(plan)
    ]
    if sum(open_jobs) * JOB_MB <= MOST_MB:
        return 1
    return min(-(-len(plan.groups) * len(open_jobs) // SLICE_JOBS), max(1, len(plan.groups)))


def run_slices(count: int, run: Callable[[dict[str, str]], int]) -> int:
    """Run slice by slice, then what is made of all.

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
    first = str(begun())
    for asked in _slices(count):
        status = run({SLICE: asked, BEGUN: first})
        if status:
            return status
    return 0


def _slices(count: int) -> Iterator[str]:
    yield from (f"{number}/{count}" for number in range(1, count + 1))
    yield LAST
