"""Results that a run has to make again though nothing tells Snakemake so.

It takes a result that is there for finished, and one that is missing for needless as long as what was made
of it is there: so a damaged record would stay, and what was lost with the process that made it, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pixmake.base.errors import PixmakeError
from pixmake.job.whole_records import records_read, why_broken
from pixmake.plan.found_images import found_path, found_plan
from pixmake.plan.plan import Plan, gathered_path

MISSING = "it is missing"
MOST_NAMED = 3
"""Damaged results that are named; the others are counted."""


def broken_results(plan: Plan, outcome: Iterable[str]) -> dict[str, str]:
    """What is to be made again, with the reason of each.

    Parameters
    ----------
    plan
        The project's.
    outcome
        What is made of all records; it is missing only if it was there once.
    """
    gathered = records_read(plan.config.results)
    outcome = list(outcome)
    missing = [path for path in outcome if not os.path.exists(path)]
    found: dict[str, str] = {}
    for part in _parts(plan):
        for step, job_id, record in _records(part):
            if _is_known_to_be_whole(part, step, job_id):
                continue
            why = why_broken(record, gathered.get(record))
            if why or (record in gathered and not os.path.exists(record)):
                found[record] = why or MISSING
        found.update(dict.fromkeys(_lost_gatherings(part), MISSING))
    if gathered or len(missing) < len(outcome):
        found.update(dict.fromkeys(missing, MISSING))
    return found


def told(broken: Mapping[str, str]) -> list[str]:
    """What is made again, and why, in a line or two."""
    damaged = [f"{path} ({why})" for path, why in broken.items() if why != MISSING]
    lines = []
    if damaged:
        more = f" and {len(damaged) - MOST_NAMED} more" if len(damaged) > MOST_NAMED else ""
        lines.append(f"damaged, to be made again: {', '.join(damaged[:MOST_NAMED])}{more}")
    lost = len(broken) - len(damaged)
    if lost:
        lines.append(f"{lost} {'result is' if lost == 1 else 'results are'} missing, to be made again")
    return lines


def _is_known_to_be_whole(plan: Plan, step: str, job_id: str) -> bool:
    known = plan.known.get(step, {}).get(job_id)
    return known is not None and known.status != ""


def _records(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Of each job its step, its id and its record."""
    for planned in plan.steps:
        ids = (group.id for group in plan.levels.of(planned.name))
        for job_id, record in zip(ids, plan.records(planned.name), strict=True):
            yield planned.name, job_id, record


def _lost_gatherings(plan: Plan) -> Iterator[str]:
    """The files with the results of all jobs of a step that are gone, though something was made of them."""
    for step in plan.gathered_steps():
        path = gathered_path(plan.config.results, step)
        users = [planned.name for planned in plan.steps if step in planned.step.needs_all]
        if not os.path.exists(path) and any(os.path.exists(r) for user in users for r in plan.records(user)):
            yield path


def _parts(plan: Plan) -> Iterator[Plan]:
    if plan.containers is None:
        yield plan
        return
    yield plan.containers
    if Path(found_path(plan.config.results)).exists():
        try:
            yield found_plan(plan.config)
        except PixmakeError:
            return  # the run says it
