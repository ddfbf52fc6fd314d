"""Which jobs share one cluster job: images are sent in groups, so that no scheduler drowns.

A group holds what one executor does to some images, from the first such step to the last. Where another
executor's step stands between, a new group begins, so that groups never need each other in a circle.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pixmake.job.record import failure_counts
from pixmake.plan.executors import Placement

UNMEASURED_IMAGES = 50
"""`auto` before anything was measured."""

MOST_IMAGES = 2000
"""More than these, and the command line of one cluster job would be too long."""

SAMPLE = 200


@dataclass(frozen=True)
class Stage:
    """Steps of one executor that stand together."""

    name: str
    steps: tuple[str, ...]
    placement: Placement


@dataclass(frozen=True)
class Standing:
    """What a step stands on."""

    name: str
    placement: Placement
    needs: Sequence[str] = ()
    gathers: Sequence[str] = ()
    """The steps of which each of its jobs needs all images."""
    over_several: bool = False
    """Whether one of its jobs is for several images; it is then a cluster job of its own."""


def stages(steps: Iterable[Standing]) -> list[Stage]:
    """The steps of single images by executor, and by how often that changes on the way to them.

    Parameters
    ----------
    steps
        Each after those that it needs.
    """
    depth: dict[str, int] = {}
    found: dict[tuple[str, int], list[str]] = {}
    known: dict[str, Standing] = {}
    for step in steps:
        known[step.name] = step
        executor = step.placement.executor
        below = [depth[need] + 1 for need in step.gathers]
        for need in step.needs:
            together = known[need].placement.executor == executor
            apart = step.over_several or known[need].over_several or not together
            below.append(depth[need] + apart)
        depth[step.name] = max(below, default=0)
        if not step.over_several:
            found.setdefault((executor, depth[step.name]), []).append(step.name)
    return [
        Stage(f"{executor}_{level}", tuple(names), known[names[0]].placement)
        for (executor, level), names in found.items()
    ]


def group_names(
    stage: Stage, ids: Sequence[str], results: str, cores: int | None
) -> Mapping[str, str] | None:
    """The group of each image, or nothing if each image's job is a cluster job of its own.

    Images that have no record yet, or failed, come first, so that few that are left do not lie scattered
    over many cluster jobs.

    Parameters
    ----------
    stage
        The steps.
    ids
        The images.
    results
        The folder of records.
    cores
        How many images run at a time in one cluster job; None if that is not known.
    """
    if stage.placement.local or stage.placement.images_per_job == 1:
        return None
    size = images_per_job(stage, results, cores)
    waiting = _waiting(stage.steps, results)
    order = sorted(ids, key=lambda job_id: not waiting(job_id))
    return {job_id: f"{stage.name}_{number // size}" for number, job_id in enumerate(order)}


@dataclass(frozen=True)
class Load:
    """What the images of a stage are to a cluster."""

    stage: Stage
    jobs: int
    seconds: float | None
    """Of one job, by earlier runs; None before there was one."""


def load_of(stage: Stage, images: int, results: str, cores: int | None) -> Load:
    """How many cluster jobs some images are, and how long each is."""
    measured = [_mean_seconds(results, step) for step in stage.steps]
    known = None if None in measured else sum(seconds or 0.0 for seconds in measured)
    if stage.placement.images_per_job == 1:
        # each step of each image is a job of its own
        steps = len(stage.steps)
        return Load(stage, images * steps, None if known is None else known / steps)
    size = min(images_per_job(stage, results, cores), max(images, 1))
    at_a_time = max(1, (cores or 1) // stage.placement.threads)
    return Load(stage, -(-images // size), None if known is None else known * -(-size // at_a_time))


def images_per_job(stage: Stage, results: str, cores: int | None) -> int:
    """How many images one cluster job holds: a number, or as many as fill its minutes."""
    asked = stage.placement.images_per_job
    if asked != "auto":
        return min(asked, MOST_IMAGES)
    seconds = sum(_mean_seconds(results, step) or 0.0 for step in stage.steps)
    if not seconds:
        return UNMEASURED_IMAGES
    at_a_time = max(1, (cores or 1) // stage.placement.threads)
    return max(1, min(MOST_IMAGES, int(stage.placement.job_minutes * 60 * at_a_time / seconds)))


def _waiting(steps: Iterable[str], results: str) -> Callable[[str], bool]:
    """Whether an image is still to be done, as far as one look at the folders tells."""
    there: list[set[str]] = []
    failed: set[str] = set()
    for step in steps:
        try:
            there.append(set(os.listdir(f"{results}/{step}")))
        except OSError:
            there.append(set())
        failed |= set(failure_counts(results, step))
    return lambda job_id: job_id in failed or any(f"{job_id}.json" not in names for names in there)


def _mean_seconds(results: str, step: str) -> float | None:
    """How long an image took in earlier runs, by some of its records."""
    found = []
    try:
        with os.scandir(f"{results}/{step}") as entries:
            for entry in islice((e for e in entries if e.name.endswith(".json")), SAMPLE):
                with open(entry.path, "rb") as record:
                    found.append(float(json.load(record)["run"]["seconds"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return sum(found) / len(found) if found else None
