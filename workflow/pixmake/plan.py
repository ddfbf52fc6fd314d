"""The plan: from a config and its table to groups of images and the steps that are done to them.

Nothing here knows of Snakemake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.config import ARGUMENTS, Config, Images, Step, parse_config, parse_images
from pixmake.errors import PixmakeError, Problem, nearest
from pixmake.groups import Group, make_grouping, make_groups
from pixmake.ids import rule_name
from pixmake.records import failure_counts
from pixmake.selection import select_rows
from pixmake.source import Signature, read_signature, source_hash
from pixmake.sources import read_images
from pixmake.table import Note, Table, path_problems, without_missing
from pixmake.task import Task

LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Job:
    """One rule: what one step does to one group."""

    rule: str
    task: Task
    images: tuple[str, ...]
    needed: tuple[str, ...]
    record: str
    files: tuple[str, ...]
    log: str


@dataclass(frozen=True)
class PlannedStep:
    """A step with what is the same for all of its jobs."""

    name: str
    step: Step
    source: str
    keeps_going: bool


@dataclass(frozen=True)
class Plan:
    """Every job of a project. Steps stand after the steps that they need."""

    config: Config
    groups: tuple[Group, ...]
    steps: tuple[PlannedStep, ...]
    columns: tuple[str, ...]
    """The metadata terms, in the table's order."""
    notes: tuple[Note, ...] = ()
    """What was left out or mended on the way from the source to the groups, and why."""

    def jobs(self) -> Iterator[tuple[PlannedStep, Job]]:
        """Every job: all groups of the first step, then of the next."""
        for planned in self.steps:
            failures = failure_counts(self.config.results, planned.name)
            for group in self.groups:
                yield planned, self._job(planned, group, failures.get(group.id, 0))

    def records(self, step: str) -> list[str]:
        """The record files of a step, in the table's order."""
        return [record_path(self.config.results, step, group.id) for group in self.groups]

    def _job(self, planned: PlannedStep, group: Group, failures: int) -> Job:
        step, results = planned.step, self.config.results
        needs = {need: tuple(self.config.steps[need].files) for need in sorted(step.needs)}
        needed: list[str] = []
        for need in needs:
            needed.append(record_path(results, need, group.id))
            needed += file_paths(results, need, self.config.steps[need], group.id)
        task = Task(
            step=planned.name,
            id=group.id,
            function=step.function,
            source=planned.source,
            metadata=group.metadata,
            params=step.params,
            names=group.names,
            needs=needs,
            files=tuple(step.files),
            python=step.python,
            failures=failures,
        )
        return Job(
            rule=rule_name(planned.name, group.id),
            task=task,
            images=group.paths,
            needed=tuple(needed),
            record=record_path(results, planned.name, group.id),
            files=tuple(file_paths(results, planned.name, step, group.id)),
            log=f"{LOGS}/{planned.name}/{group.id}.log",
        )


def record_path(results: str, step: str, job_id: str) -> str:
    """Where a job's record is."""
    return f"{results}/{step}/{job_id}.json"


def file_paths(results: str, name: str, step: Step, job_id: str) -> list[str]:
    """Where a job's files are, in the order in which its step declares them."""
    return [f"{results}/{name}/{job_id}.{file}.{suffix.lstrip('.')}" for file, suffix in step.files.items()]


def plan_project(content: Mapping[str, Any], files: Sequence[str | Path]) -> Plan:
    """The plan of a project, from what its YAML files say.

    Raises
    ------
    PixmakeError
        With everything that is wrong with config, table and steps, all at once.
    """
    try:
        config = parse_config(content, files)
    except PixmakeError as error:
        images = parse_images(content)
        raise PixmakeError([*error.problems, *(table_problems(images) if images else ())]) from None
    return make_plan(config)


def table_problems(images: Images) -> tuple[Problem, ...]:
    """What is wrong with a table, for a config that has problems of its own."""
    try:
        table = selected_table(images)
        problems = path_problems(table)
        if not problems:
            make_groups(table, images)
    except PixmakeError as error:
        return error.problems
    return tuple(problems)


def make_plan(config: Config) -> Plan:
    """Read, select and group the images, and plan what is done to them.

    Raises
    ------
    PixmakeError
        With everything that is wrong with the table and the steps, all at once.
    """
    problems: list[Problem] = []
    steps: tuple[PlannedStep, ...] = ()
    groups: tuple[Group, ...] = ()
    columns: list[str] = []
    notes: tuple[Note, ...] = ()
    try:
        steps = _planned_steps(config)
    except PixmakeError as error:
        problems += error.problems
    try:
        table = selected_table(config.images)
        columns = table.columns
        problems += path_problems(table)
        grouping = make_grouping(table, config.images)
        problems += grouping.problems
        groups, notes = grouping.groups, (*table.notes, *grouping.notes())
    except PixmakeError as error:
        problems += error.problems
    plan = Plan(config, groups, steps, tuple(columns), notes)
    problems = problems or list(_collisions(plan))
    if problems:
        raise PixmakeError(problems)
    return plan


def selected_table(images: Images) -> Table:
    """The rows to run.

    Raises
    ------
    PixmakeError
        The table cannot be used, or no row is left.
    """
    table = read_images(images)
    selected = select_rows(table, images.select, images.group_by)
    if selected.frame.empty:
        hint = "" if table.frame.empty else "look at images.select"
        what = f"no image: {len(table.frame)} rows, of which none is selected"
        raise PixmakeError([Problem(what, table.source, hint)])
    return without_missing(selected) if images.missing == "skip" else selected


def _planned_steps(config: Config) -> tuple[PlannedStep, ...]:
    problems: list[Problem] = []
    planned = []
    for name in _in_order(config):
        step = config.steps[name]
        try:
            signature = read_signature(step.file, step.name, f"steps.{name}.function")
            problems += _argument_problems(config, name, signature)
            keeps_going = config.keeps_going(step)
            planned.append(PlannedStep(name, step, source_hash(step.file, step.name), keeps_going))
        except PixmakeError as error:
            problems += error.problems
    if problems:
        raise PixmakeError(problems)
    return tuple(planned)


def _in_order(config: Config) -> list[str]:
    """The steps, each after those that it needs; config.yaml's order otherwise."""
    order: list[str] = []

    def visit(name: str) -> None:
        for need in config.steps[name].needs:
            visit(need)
        if name not in order:
            order.append(name)

    for name in config.steps:
        visit(name)
    return order


def _argument_problems(config: Config, name: str, signature: Signature) -> Iterator[Problem]:
    step = config.steps[name]
    files = [file for need in step.needs for file in config.steps[need].files]
    given = {*step.params, *files, *_images_arguments(config)}
    for argument in signature.positional_only:
        what = f"{step.function}: its argument {argument!r} is positional-only"
        yield Problem(what, f"steps.{name}.function", "arguments are given by name: remove the `/`")
    for param in step.params:
        if not signature.accepts(param):
            known = [x for x in (*signature.required, *signature.optional) if x not in ARGUMENTS]
            what = f"{step.function} has no argument {param!r}"
            yield Problem(what, f"steps.{name}.params", nearest(param, known))
    for argument in signature.required:
        if argument not in given:
            what = f"{step.function} needs the argument {argument!r}"
            hint = "give it under params, or name the step that makes such a file under needs"
            if argument in ("images", "paths"):
                hint = "groups of images need `group_by`"
            if argument in ("image", "path"):
                hint = "in groups (`group_by`) it is `images` or `paths`, by name"
            yield Problem(what, f"steps.{name}", hint)


def _images_arguments(config: Config) -> tuple[str, ...]:
    return ("images", "paths", "meta") if config.images.group_by else ("image", "path", "meta")


def _collisions(plan: Plan) -> Iterator[Problem]:
    """Images that would get one id or one rule name, files that two jobs would write."""
    groups: dict[str, Group] = {}
    for group in plan.groups:
        twin = groups.setdefault(rule_name("", group.id), group)
        if twin is not group:
            what = f"{' and '.join([*twin.paths, *group.paths])} get one id, {group.id!r}"
            if twin.id != group.id:
                what = f"the ids {twin.id!r} and {group.id!r} make one rule name"
            hint = "set images.id to a template that tells them apart, e.g. with one more column"
            yield Problem(what, f"{twin.where} and {group.where}", hint)
    names = {planned.name for planned in plan.steps}
    for planned in plan.steps:
        for group in plan.groups:
            name = rule_name(planned.name, group.id)
            for other in names - {planned.name}:
                if name.startswith(f"{other}_") and name.removeprefix(other) in groups:
                    what = f"{planned.name} of {group.id} and {other} make one rule name, {name}"
                    yield Problem(what, f"steps.{planned.name}", "rename a step")
        suffixes = [
            path.removeprefix(f"{plan.config.results}/{planned.name}/")
            for path in file_paths(plan.config.results, planned.name, planned.step, "")
        ]
        ends = [*suffixes, ".json"]
        if len(set(ends)) < len(ends) or any(suffix.endswith(".json") for suffix in suffixes):
            yield from _file_collisions(plan, planned)


def _file_collisions(plan: Plan, planned: PlannedStep) -> Iterator[Problem]:
    """Only a file that ends in ``.json`` can be another job's record."""
    writers: dict[str, str] = {}
    for group in plan.groups:
        results = plan.config.results
        record = record_path(results, planned.name, group.id)
        for path in [record, *file_paths(results, planned.name, planned.step, group.id)]:
            other = writers.setdefault(path, group.id)
            if other != group.id:
                what = f"{other} and {group.id} would both write {path}"
                yield Problem(what, f"steps.{planned.name}.files", "rename the file")
