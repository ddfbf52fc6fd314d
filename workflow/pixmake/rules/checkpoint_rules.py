"""The rules of images that are not known before the run: one a step, with a wildcard for the id."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.models import Config
from pixmake.job.task import one_line
from pixmake.plan.found_images import found_path, found_plan
from pixmake.plan.plan import Job, Plan, PlannedStep, file_paths, record_path
from pixmake.rules.image_rules import (
    Collected,
    Gathering,
    collected,
    inputs,
    inputs_of_several,
    marked,
    records,
)
from pixmake.rules.settled_rules import Todo

ANY = "{id}"
"""Stands for an image's id in the paths of a rule."""

ID = "[A-Za-z0-9_.-]+"
"""What an id is made of; see `pixmake.base.ids`."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Found:
    """The plan of the found images, and its jobs by step and id."""

    plan: Plan
    jobs: dict[tuple[str, str], Job]


_cache: dict[tuple[str, int], _Found] = {}


def known(plan: Plan, checkpoints: Any, what: Callable[[Plan], T]) -> T | Callable[[Any], T]:
    """Something of a plan; where its images are still to be found, an input function that waits for them."""
    if plan.containers is None:
        return what(plan)
    return lambda wildcards: what(_found(plan, checkpoints).plan)


def all_records(todo: Todo, checkpoints: Any) -> Any:
    """The records of all jobs, or what stands for them.

    Where images are found, those of the files that they are found in come first.
    """
    plan = todo.plan
    if todo.by_state:
        return todo.markers([planned.name for planned in plan.steps])
    first = [] if plan.containers is None else records(plan.containers)
    return known(plan, checkpoints, lambda each: [*first, *records(each)])


def records_of(plan: Plan, checkpoints: Any, step: str) -> Any:
    """The records of a step, of the files that images are found in, too."""
    if plan.containers is not None and step in {planned.name for planned in plan.containers.steps}:
        return plan.containers.records(step)
    return known(plan, checkpoints, lambda each: each.records(step))


def collected_files(todo: Todo, checkpoints: Any, table: Collected) -> Any:
    """The tables that one of all images is made of, or what stands for them."""
    plan = todo.plan
    if todo.by_state:
        return todo.markers([table.step])
    if plan.containers is None:
        return table.files
    return known(plan, checkpoints, lambda found: _by_rule(found)[table.rule].files)


def gathering_inputs(todo: Todo, checkpoints: Any, gathering: Gathering) -> dict[str, Any]:
    """The results of a step that are gathered, or what stands for them."""
    if todo.by_state:
        return {"made": todo.markers([gathering.step])}
    return {
        "records": known(todo.plan, checkpoints, gathering.records),
        "files": known(todo.plan, checkpoints, gathering.files),
    }


def _by_rule(plan: Plan) -> dict[str, Collected]:
    return {table.rule: table for table in collected(plan)}


def inputs_of_any(plan: Plan, checkpoints: Any, step: str) -> dict[str, Callable[[Any], list[str]]]:
    """The ``input`` of a step's rule for any id, as functions of the id."""

    def of(name: str) -> Callable[[Any], list[str]]:
        def paths(wildcards: Any) -> list[str]:
            job = _job(plan, checkpoints, step, wildcards.id)
            return (inputs_of_several(job) if job.members else inputs(job)).get(name, [])

        return paths

    return {name: of(name) for name in ("needed", "gathered")}


def outputs_of_any(plan: Plan, planned: PlannedStep) -> dict[str, Any]:
    """The ``output`` of a step's rule for any id."""
    results = _plain(plan.config.results)
    files = marked(file_paths(results, planned.name, planned.step, ANY), temporary=planned.temporary)
    return {"record": record_path(results, planned.name, ANY)} | ({"files": files} if files else {})


def any_rule(step: str) -> str:
    """The rule that serves all images of a step."""
    return f"{step}_any"


def log_of_any(plan: Plan, step: str) -> str:
    """The log of a step's rule for any id."""
    return f"{_plain(plan.config.log_folder)}/{step}/{ANY}.log"


def task_of_any(plan: Plan, checkpoints: Any, step: str) -> Callable[[Any], str]:
    """A params function: the task of the job with this id, which Snakemake compares."""
    return lambda wildcards: _job(plan, checkpoints, step, wildcards.id).task.as_json()


def found_table(plan: Plan) -> str:
    """What the checkpoint writes."""
    return found_path(plan.config.results)


def what_tells_columns(plan: Plan, checkpoints: Any) -> Any:
    """An ``input`` of the rules that name the terms of found images: Snakemake asks for it.

    Asked of the checkpoint, and not by its path: else Snakemake compares params of which it knows nothing
    yet, and takes them for changed.
    """
    return [] if plan.containers is None else lambda wildcards: list(checkpoints.find_images.get().output)


def found_terms(plan: Plan) -> str:
    """What decides the table of found images, besides the images: a change makes it again."""
    images = plan.config.images.model_dump(mode="json", exclude_defaults=True)
    terms = {name: step.terms for name, step in plan.config.steps.items()}
    return one_line({"images": images, "per": terms})


def whole_config(plan: Plan) -> Callable[[Any, Any], str]:
    """A params function: the config as JSON, for a command that plans by itself; it is not compared."""
    text = one_line(config_content(plan.config))

    def not_compared(wildcards: Any, resources: Any) -> str:
        return text

    return not_compared


def config_content(config: Config) -> dict[str, Any]:
    """What a config says, so that `config.parse_config` reads the same again."""
    return config.model_dump(mode="json", exclude_unset=True)


def asked_now(plan: Plan, asked: Sequence[str]) -> list[str]:
    """The records of a run that has ended: also those of images that it has found."""
    if plan.containers is None or not Path(found_table(plan)).exists():
        return list(asked)
    found = (path for path in records(found_plan(plan.config)) if Path(path).exists())
    return list(dict.fromkeys((*asked, *found)))


def _found(plan: Plan, checkpoints: Any) -> _Found:
    table = str(checkpoints.find_images.get().output[0])
    key = (table, Path(table).stat().st_mtime_ns)
    if key not in _cache:
        try:
            # by the programs that the run began with, whatever has been edited since
            found = replace(found_plan(plan.config), steps=plan.steps)
        except PixmakeError as error:
            print(f"pixmake: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        jobs = {(planned.name, job.task.id): job for planned, job in found.jobs()}
        _cache.clear()
        _cache[key] = _Found(found, jobs)
    return _cache[key]


def _job(plan: Plan, checkpoints: Any, step: str, job_id: str) -> Job:
    try:
        return _found(plan, checkpoints).jobs[step, job_id]
    except KeyError:
        raise PixmakeError(
            [Problem(f"no image with the id {job_id!r} was found", found_table(plan))]
        ) from None


def _plain(path: str) -> str:
    """A path in which nothing is a wildcard."""
    return path.replace("{", "{{").replace("}", "}}")
