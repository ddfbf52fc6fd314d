"""What a run would be to a cluster: how many jobs, how long each, and what groups would make of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError
from pixmake.base.installed import PROFILE
from pixmake.config.models import read_config
from pixmake.plan.cluster_groups import Load, load_of
from pixmake.plan.plan import Plan, plan_project

FEW_JOBS = 10
LONG_JOB = 60.0
"""Seconds from which on a job is worth its place in a scheduler's queue."""


def project_load(config: str | Path, cores: int | None = None) -> list[str]:
    """The lines for a project by its config; none where it is not in order, which others tell."""
    try:
        plan = plan_project(read_config(config), [config])
    except PixmakeError:
        return []
    return list(load_lines(plan, cores))


def is_for_clusters(folder: str | Path = "profiles") -> bool:
    """Whether a project has a profile that sends its jobs somewhere."""
    there = [path for path in Path(folder).glob(f"*/{PROFILE}") if path.parent.name != "default"]
    return any("\ndefault-resources:" in path.read_text(encoding="utf-8", errors="replace") for path in there)


def load_lines(plan: Plan, cores: int | None = None) -> Iterator[str]:
    """A line for each executor: its cluster jobs, and what would become of many short ones.

    Parameters
    ----------
    plan
        The images and steps.
    cores
        Of one cluster job.
    """
    images, results = len(plan.groups), plan.config.results
    for stage in plan.stages():
        if stage.placement.local or not images:
            continue
        load = load_of(stage, images, results, cores)
        line = f"on a cluster, {' and '.join(stage.steps)}: {_told(load)}"
        short = load.seconds is None or load.seconds < LONG_JOB
        if stage.placement.images_per_job == 1 and load.jobs > FEW_JOBS and short:
            together = replace(stage, placement=replace(stage.placement, images_per_job="auto"))
            name = stage.placement.executor
            line += (
                f"; with `executors: {{{name}: {{images_per_job: auto}}}}` in config.yaml "
                f"{_told(load_of(together, images, results, cores))}"
            )
        yield line


def _told(load: Load) -> str:
    jobs = counted(load.jobs, "cluster job")
    return jobs if load.seconds is None else f"{jobs} of {_seconds(load.seconds)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < LONG_JOB else f"{seconds / 60:.0f} min"
