"""The plan: from a config and its table to groups of images and the steps that are done to them.

Nothing here knows of Snakemake.
"""

from __future__ import annotations

import gc
import hashlib
import os
from collections import ChainMap
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.ids import rule_name, rule_names
from pixmake.base.plugins import PluginError
from pixmake.config.images import Images
from pixmake.config.in_order import InOrder, what_is_in_order
from pixmake.config.models import (
    Config,
    Step,
    inconsistency_problems,
    parse_config,
    parse_images,
    parse_storage,
)
from pixmake.config.settings import read_settings
from pixmake.images.axes import named
from pixmake.images.remote.objects import configure, versions
from pixmake.images.remote.uris import is_remote
from pixmake.job.gathered import members_text
from pixmake.job.task import Task
from pixmake.plan.cluster_groups import Stage, Standing, group_names, stages
from pixmake.plan.containers import (
    SPLIT,
    checkpoint_problems,
    container_config,
    split_source,
    split_work,
)
from pixmake.plan.corrected import corrected_files, corrected_problems
from pixmake.plan.environments import environment_problems
from pixmake.plan.executors import Placement, place_steps
from pixmake.plan.image_versions import Images as SeenImages
from pixmake.plan.image_versions import Versions
from pixmake.plan.kinds import blamed, kind_of, takes_images
from pixmake.plan.known_rows import Rows, keep_rows, known_rows, rows_key
from pixmake.plan.record_index import Known, known_records
from pixmake.plan.table_functions import PlannedFunction, plan_functions
from pixmake.table.arrivals import failures_to_retry
from pixmake.table.groups import Group, make_grouping, unknown_columns
from pixmake.table.look_alikes import compared_columns, look_alike_notes
from pixmake.table.per_groups import Index, Levels, by_name, make_levels
from pixmake.table.row_sum import RowSum, row_sum
from pixmake.table.selection import SelectionStep, selection_steps
from pixmake.table.sources import read_images
from pixmake.table.table import Note, Table, path_problems, without_missing
from pixmake.table.term_names import renaming_notes

GATHERED = ".gathered"
"""The folder below ``results`` with a file for each step whose results other jobs get all at once."""


OWN_RULES = ("all", "records", "aggregate", "report", "provenance", "find_images")
"""Rules that every project may have; see `own_rules`."""


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
    gathered: tuple[str, ...] = ()
    """What the job depends on that is not among the words of its command: see ``members``."""
    members: str = ""
    """The list of its images, as JSON, of a job of a step with ``per``."""
    group: str | None = None
    """The group of jobs that share one cluster job."""


@dataclass(frozen=True)
class PlannedStep:
    """A step with what is the same for all of its jobs."""

    name: str
    step: Step
    source: str
    keeps_going: bool
    placement: Placement = field(default_factory=Placement)
    takes_images: bool = True
    """Whether a job over several images depends on their files, not only on what other steps made."""
    temporary: bool = False
    """Whether its files are removed once all that need them are done."""
    keep: str = "all"
    rule: str = ""
    """Hash of what else Snakemake compares of its rules; see `pixmake.job.task.Limits`."""
    program: str = ""
    """The list of what it runs, as it is when the run begins; see `pixmake.job.program`."""
    storage: Mapping[str, Any] = field(default_factory=dict)
    """How images at URIs are reached."""
    pictures: bool = False
    """Whether its jobs make the small pictures of the page."""
    quality: bool = False
    """Whether they say how good their pictures are."""
    work: Mapping[str, Any] = field(default_factory=dict)
    """What its kind is told; see `pixmake.job.task.Task`."""


@dataclass(frozen=True)
class _Same:
    """What is the same for all jobs of a step, made once and not for each of a hundred thousand."""

    kind: str
    files: tuple[str, ...]
    needs: Mapping[str, tuple[str, ...]]
    """The files of the needed steps that have one job for one of this step's, or for each of its images."""
    needs_named: tuple[str, ...]
    """Those of them that have one for each image."""
    needs_many: Mapping[str, tuple[str, ...]]
    needs_all: Mapping[str, tuple[str, ...]]
    has_members: bool
    """Whether a job belongs to several images: see `Group.members`."""
    changed: Versions
    fails_if_broken: bool
    """Whether an image with a broken header is a failed one."""
    logs: str
    """The folder of their logs."""


@dataclass(frozen=True)
class Plan:
    """Every job of a project. Steps stand after the steps that they need."""

    config: Config
    groups: tuple[Group, ...]
    steps: tuple[PlannedStep, ...]
    columns: tuple[str, ...]
    """The metadata terms, in the table's order."""
    cohorts: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)
    """The jobs of the steps with ``per``."""
    versions: dict[str, str] = field(default_factory=dict)
    """What the images at URIs were when the plan was made."""
    changed: Mapping[str, Versions] = field(default_factory=dict)
    """By step and job: the versions of images that have changed since they were first seen."""
    known: Mapping[str, Mapping[str, Known]] = field(default_factory=dict)
    """By step and job: what is known of the records that are there."""
    notes: tuple[Note, ...] = ()
    """What was left out or mended on the way from the source to the groups, and why."""
    functions: tuple[PlannedFunction, ...] = ()
    """The functions of tables, each after those that it needs."""
    containers: Plan | None = None
    """Where images are found during the run: the plan of the files that hold them. The plan itself then
    has no groups; `pixmake.plan.found_images` has the plan of what was found."""

    cores: int | None = None
    """Of one cluster job, if that is known."""
    planned_before: tuple[tuple[PlannedStep, Job], ...] | None = None
    """On a cluster node: the jobs that are to run there. None at all, where only tables are made."""
    is_slice: bool = False
    """Whether other runs do other images, and tables are made once all are done."""
    others: tuple[int, int] = (0, 0)
    """Of a slice, the images of those before it and of those behind it."""
    rows: RowSum | None = None
    """Where the rows of the source are, if it was read for this plan."""

    @property
    def levels(self) -> Levels:
        """Which jobs each step has."""
        return Levels(self.groups, self.cohorts)

    def jobs(
        self,
        *,
        over_several: bool | None = None,
        step: str | None = None,
        without: Mapping[str, Container[str]] | None = None,
    ) -> Iterator[tuple[PlannedStep, Job]]:
        """Every job, all of the first step, then of the next.

        Parameters
        ----------
        over_several
            Only those of `per`, or none of those.
        step
            Only those of this step.
        without
            By step the ids of those that are left out.
        """
        if self.planned_before is not None:
            for planned, job in self.planned_before:
                if over_several in (None, planned.step.terms is not None) and step in (None, planned.name):
                    yield planned, job
            return
        index = self.levels.index()
        shared = self._shared()
        for planned in self.steps:
            if over_several is not None and over_several != (planned.step.terms is not None):
                continue
            if step not in (None, planned.name):
                continue
            failures = failures_to_retry(self.config.results, planned.name)
            names = shared.get(planned.name)
            same = self._same(planned)
            left_out = (without or {}).get(planned.name, ())
            for group in self.levels.of(planned.name):
                if group.id in left_out:
                    continue
                job = self._job(planned, same, group, failures.get(group.id, 0), index)
                yield planned, job if names is None else replace(job, group=names[group.id])

    def is_alone(self, planned: PlannedStep) -> bool:
        """Whether each job of a step is told of its own image, or images, and of no others."""
        return planned.step.terms is None and not set(planned.step.needs) & set(self.cohorts)

    def needed(self, planned: PlannedStep, job_id: str) -> list[str]:
        """The `Job.needed` of a job of a step that `is_alone`."""
        needed = [path for need in sorted(planned.step.needs) for path in self.results_of(need, job_id)]
        return [
            *needed,
            *(gathered_path(self.config.results, need) for need in sorted(planned.step.needs_all)),
        ]

    def results_of(self, step: str, job_id: str) -> list[str]:
        """The record of a job, then its files."""
        results = self.config.results
        return [
            record_path(results, step, job_id),
            *file_paths(results, step, self.config.steps[step], job_id),
        ]

    def records(self, step: str) -> list[str]:
        """The record files of a step, in the table's order."""
        return [record_path(self.config.results, step, group.id) for group in self.levels.of(step)]

    def cluster_groups(self) -> list[str]:
        """The groups in which images go to the cluster."""
        if self.planned_before is not None:
            return list(dict.fromkeys(job.group for _, job in self.planned_before if job.group))
        return list(dict.fromkeys(group for names in self._shared().values() for group in names.values()))

    def _shared(self) -> dict[str, Mapping[str, str]]:
        """Of each step whose images go to the cluster in groups, the group of each image."""
        ids = [group.id for group in self.groups]
        shared: dict[str, Mapping[str, str]] = {}
        for stage in self.stages():
            names = group_names(stage, ids, self.config.results, self.cores)
            shared |= {} if names is None else dict.fromkeys(stage.steps, names)
        return shared

    def stages(self) -> list[Stage]:
        """The steps that share cluster jobs, by executor."""
        return stages(
            Standing(
                each.name, each.placement, each.step.needs, each.step.needs_all, each.step.terms is not None
            )
            for each in self.steps
        )

    def files(self, step: str) -> list[str]:
        """The files of all jobs of a step."""
        found = self.levels.of(step)
        return [path for group in found for path in self.results_of(step, group.id)[1:]]

    def gathered_steps(self) -> list[str]:
        """The steps whose results other jobs get all at once."""
        return [p.name for p in self.steps if any(p.name in each.step.needs_all for each in self.steps)]

    def _same(self, planned: PlannedStep) -> _Same:
        step, steps = planned.step, self.config.steps
        singles = [need for need in sorted(step.needs) if self._is_single(step, need)]
        many = [need for need in sorted(step.needs) if need not in singles]
        return _Same(
            kind=step.kind,
            files=tuple(step.files),
            needs={need: tuple(steps[need].files) for need in singles},
            needs_named=tuple(need for need in singles if self._is_named(step, need)),
            needs_many={need: tuple(steps[need].files) for need in many},
            needs_all={need: tuple(steps[need].files) for need in sorted(step.needs_all)},
            has_members=step.terms is not None,
            changed=self.changed.get(planned.name, {}),
            fails_if_broken=self.config.images.broken_headers == "fail",
            logs=f"{self.config.log_folder}/{planned.name}",
        )

    def _job(
        self,
        planned: PlannedStep,
        same: _Same,
        group: Group,
        failures: int,
        index: Index,
    ) -> Job:
        step, results = planned.step, self.config.results
        needed: list[str] = []
        for need in same.needs:
            for one in self.levels.related(group, need, index):
                needed += self.results_of(need, one.id)
        needed += [gathered_path(results, need) for need in same.needs_all]
        members, gathered = "", list[str]()
        changed = same.changed.get(group.id)
        versions = ChainMap(changed, self.versions) if changed else self.versions
        if same.has_members:
            of_each = {
                need: [self.results_of(need, one.id) for one in self.levels.related(group, need, index)]
                for need in same.needs_many
            }
            gathered += [path for jobs in of_each.values() for paths in jobs for path in paths]
            images = [_image_of(each, versions) for each in group.members]
            aligned = {need: need not in self.cohorts for need in same.needs_many}
            members = members_text(images, of_each, aligned, watched=planned.takes_images)
        task = Task(
            step=planned.name,
            id=group.id,
            kind=same.kind,
            work=planned.work,
            source=planned.source,
            metadata=group.metadata,
            written=group.written,
            broken=group.broken if same.fails_if_broken else "",
            params=step.params,
            names=group.names,
            images=group.paths,
            versions=tuple(versions.get(path, "") for path in group.paths)
            if versions and any(path in versions for path in group.paths)
            else (),
            parts=group.parts,
            needs=same.needs,
            needs_named=dict.fromkeys(same.needs_named, group.names),
            needs_all=same.needs_all,
            members=hashlib.sha256(members.encode()).hexdigest()[:16] if members else "",
            needs_many=same.needs_many,
            files=same.files,
            corrected=corrected_files(step, group.id),
            python=step.python,
            failures=failures,
        )
        record, *files = self.results_of(planned.name, group.id)
        return Job(
            rule=rule_name(planned.name, group.id),
            task=task,
            images=group.paths,
            needed=tuple(needed),
            record=record,
            files=tuple(files),
            log=f"{same.logs}/{group.id}.log",
            gathered=tuple(gathered),
            members=members,
        )

    def _is_named(self, step: Step, need: str) -> bool:
        """Whether a needed step has a job for each image of a step's groups."""
        return step.terms is None and by_name(self.config.images, self.config.steps[need])

    def _is_single(self, step: Step, need: str) -> bool:
        """Whether a needed step has one job for each job of a step, or for each of its images."""
        theirs = self.config.steps[need].terms
        return step.terms is None or (theirs is not None and set(theirs) <= set(step.terms))


def _image_of(group: Group, versions: Mapping[str, str]) -> dict[str, Any]:
    names = group.names or ("",)
    images = dict(zip(names, group.paths, strict=True))
    parts = {"parts": dict(zip(names, group.parts, strict=True))} if group.parts else {}
    known = {path: versions[path] for path in group.paths if path in versions}
    told = {"versions": known} if known else {}
    return {"id": group.id, "metadata": group.metadata, "images": images, **parts, **told}


def gathering_rule(step: str) -> str:
    """The name of the rule that puts the results of all jobs of a step together."""
    return f"gather_{step}"


def gathered_path(results: str, step: str) -> str:
    """Where the results of all jobs of a step stand together."""
    return f"{results}/{GATHERED}/{step}"


def record_path(results: str, step: str, job_id: str) -> str:
    """Where a job's record is."""
    return f"{results}/{step}/{job_id}.json"


def file_paths(results: str, name: str, step: Step, job_id: str) -> list[str]:
    """Where a job's files are, in the order in which its step declares them."""
    return [f"{results}/{name}/{job_id}.{file}.{suffix.lstrip('.')}" for file, suffix in step.files.items()]


def plan_project(
    content: Mapping[str, Any],
    files: Sequence[str | Path],
    look: Callable[[Plan], Iterable[Problem]] | None = None,
) -> Plan:
    """The plan of a project, from what its YAML files say.

    Parameters
    ----------
    content
        What they say.
    files
        The files, for messages.
    look
        Looks at what a plan does not look at by itself, such as the images: at the plan as far as it is in
        order, so that what it finds is told with all else.

    Raises
    ------
    PixmakeError
        With everything that is wrong with config, table and steps, all at once.
    """
    source = str(files[0]) if files else "config"
    try:
        config = parse_config(content, files)
    except PixmakeError as error:
        plan, further = _plan_in_order(content, source, files)
        problems = [*error.problems, *further]
    else:
        plan, problems = _plan_of(config, source)
    if plan is not None and look is not None:
        problems += look(plan)
    if problems or plan is None:
        raise PixmakeError(problems)
    return plan


def _plan_in_order(
    content: Mapping[str, Any], source: str, files: Sequence[str | Path]
) -> tuple[Plan | None, list[Problem]]:
    """The plan of what is in order in a config that has problems of its own, and what else is wrong."""
    configure(parse_storage(content))
    found = what_is_in_order(content)
    if found is None:
        images = parse_images(content)
        return None, list(table_problems(images, source)) if images else []
    problems = _inconsistencies(found, content, files)
    plan: Plan | None = None
    if not found.has_images:
        more = [*_planned_steps(found.config, source)[1], *_function_problems(found.config)]
    else:
        plan, more = _plan_of(found.config, source)
    follow = {f"steps.{name}" for name in found.cut}  # what they are not given, for a key that was misspelt
    return plan, [*problems, *(problem for problem in more if problem.where not in follow)]


def _inconsistencies(
    found: InOrder, content: Mapping[str, Any], files: Sequence[str | Path]
) -> list[Problem]:
    """What keys do not allow together; a needed step that has mistakes of its own is there all the same."""
    gone = {f"there is no step {name!r}" for name in set(content["steps"]) - set(found.config.steps)}
    return [each for each in inconsistency_problems(found.inconsistent, files) if each.what not in gone]


def make_plan(config: Config, source: str = "config") -> Plan:
    """Read, select and group the images, and plan what is done to them.

    Parameters
    ----------
    config
        The project.
    source
        Its file, for messages.

    Raises
    ------
    PixmakeError
        With everything that is wrong with the table and the steps, all at once.
    """
    plan, problems = _plan_of(config, source)
    if problems or plan is None:
        raise PixmakeError(problems)
    return plan


def _plan_of(config: Config, source: str) -> tuple[Plan | None, list[Problem]]:
    """The plan, as far as it is in order, and all that is wrong with it."""
    configure(config.reach())
    with _no_garbage():
        if config.images.checkpoint is not None:
            return _plan_of_containers(config, source)
        return _plan_of_table(config, source)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Without Python's search for garbage: it walks a million rows again and again, and finds none."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            if not gc.get_freeze_count():
                # all that was made counts as old at once: else the next search walks every row
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def table_problems(images: Images, source: str = "") -> tuple[Problem, ...]:
    """What is wrong with a table and with what `images` says of it."""
    return tuple(_read_table(images, source, SeenImages())[1])


@dataclass(frozen=True)
class _ReadTable:
    """A table of images, as far as it is in order."""

    columns: list[str]
    groups: tuple[Group, ...] = ()
    notes: tuple[Note, ...] = ()
    rows: RowSum | None = None
    alike: tuple[Note, ...] = ()
    """What is told of values that look alike."""


def _read_table(
    images: Images, source: str, seen: SeenImages, terms: Sequence[str] = ()
) -> tuple[_ReadTable | None, list[Problem]]:
    """The table, selected and grouped, and all that is wrong on the way.

    Parameters
    ----------
    images, source
        Which images, by the config of which name.
    seen
        The image files as they are; those that are looked at are noted in it.
    terms
        The columns by which steps group images.
    """
    key, path = rows_key(images, source, terms), images.table.path if images.table else ""
    if (found := known_rows(key, path, seen)) is not None:
        return _ReadTable(list(found.columns), found.groups, found.notes, found.rows, found.alike), []
    try:
        read = read_images(images)
    except PixmakeError as error:
        return None, list(error.problems)
    columns = read.columns
    try:
        unknown = list(unknown_columns(read, images))
    except PixmakeError as error:
        unknown = list(error.problems)
    try:
        selected = select_images(images, read, source)
    except PixmakeError as error:
        # which rows make groups is not known now, but which columns there are
        return _ReadTable(columns), [*error.problems, *unknown]
    table = selected.table
    problems = path_problems(table)
    if unknown:
        return _ReadTable(columns), [*problems, *unknown]
    grouping = make_grouping(table, images)
    problems += grouping.problems
    groups, notes = grouping.groups, (*table.notes, *grouping.notes())
    if not groups and not problems:
        what = f"no image: each of {len(grouping.incomplete)} groups lacks one of images.require"
        problems.append(Problem(what, table.source, "look at images.require and images.name_by"))
    rows = row_sum(selected.read, selected.steps, table, grouping)
    told = set(compared_columns(images))
    there = [term for term in terms if term not in told and term in table.columns]
    alike = tuple(look_alike_notes(table, there))
    if not problems:
        keep_rows(key, path, read, Rows(columns, groups, notes, rows, alike))
    return _ReadTable(columns, groups, notes, rows, alike), problems


def _plan_of_table(config: Config, source: str) -> tuple[Plan | None, list[Problem]]:
    """The plan, and all that is wrong with it."""
    steps, problems = _planned_steps(config, source)
    terms = list(dict.fromkeys(term for step in config.steps.values() for term in step.terms or ()))
    seen = SeenImages()
    table, found = _read_table(config.images, source, seen, terms)
    problems += found
    if table is None:
        return None, problems + _function_problems(config)
    columns, groups = table.columns, table.groups
    cohorts: Mapping[str, tuple[Group, ...]] = {}
    try:
        cohorts = make_levels(config, groups, columns).cohorts
    except PixmakeError as error:
        problems += error.problems
    functions = _function_problems(config, columns)
    problems += functions
    known = {} if problems else _known_versions(groups)
    plan = Plan(
        *(config, groups, steps, tuple(columns), cohorts, known),
        notes=(*table.notes, *table.alike),
        functions=() if functions else plan_functions(config, columns),
        rows=table.rows,
    )
    if not found and {each.name for each in steps if each.step.terms is not None} <= set(cohorts):
        problems += [*collisions(plan), *_kind_problems(plan)]
    return plan if problems else _seen_before(plan, seen), problems


def _seen_before(plan: Plan, images: SeenImages) -> Plan:
    """The plan with what its images have become since earlier runs saw them."""
    results = plan.config.results
    known = {
        each.name: known_records(results, each.name, [group.id for group in plan.levels.of(each.name)])
        for each in plan.steps
    }
    late = images.ahead(path for group in plan.groups for path in group.paths)  # each is looked at
    changed = {step: images.versions(records) for step, records in known.items()}
    for records in known.values():
        records.keep()
    return replace(plan, known=known, changed=changed, notes=(*plan.notes, *late))


def _function_problems(config: Config, columns: list[str] | None = None) -> list[Problem]:
    """What is wrong with the functions of tables."""
    try:
        plan_functions(config, columns)
    except PixmakeError as error:
        return list(error.problems)
    return []


def _plan_of_containers(config: Config, source: str) -> tuple[Plan | None, list[Problem]]:
    """The plan of a project whose images are found during the run, and all that is wrong with it."""
    checkpoint = config.images.checkpoint
    assert checkpoint is not None
    holding = container_config(config)
    steps, problems = _planned_steps(config, source)
    seen = SeenImages()
    table, found = _read_table(holding.images, source, seen)
    problems += found
    problems += checkpoint_problems(config, table.columns if table is not None else [])
    problems += _function_problems(config)
    if table is None or problems:
        return None, problems
    split = PlannedStep(
        name=SPLIT,
        step=holding.steps[SPLIT],
        source=split_source(checkpoint),
        keeps_going=config.on_error == "continue",
        storage=config.reach(),
        work=split_work(checkpoint),
    )
    containers = Plan(
        *(holding, table.groups, (split,), tuple(table.columns)),
        versions=_known_versions(table.groups),
        notes=table.notes,
        rows=table.rows,
    )
    functions = plan_functions(config, None)
    problems = list(collisions(containers))
    if not problems:
        containers = _seen_before(containers, seen)
    return Plan(config, (), steps, (), functions=functions, containers=containers), problems


def _known_versions(groups: Sequence[Group]) -> dict[str, str]:
    """The versions of the images at URIs; their table has been looked at, so they are known."""
    remote = [path for group in groups for path in group.paths if "://" in path and is_remote(path)]
    found = versions(remote)
    return {path: version for path, version in found.items() if version is not None}


@dataclass(frozen=True)
class SelectedImages:
    """The rows to run, and how they came to be these."""

    table: Table
    read: Table
    """What the source gave."""
    steps: Sequence[SelectionStep]
    """What each condition of `images.select` has left of it."""


def selected_table(images: Images, config: str = "") -> Table:
    """The rows to run.

    Parameters
    ----------
    images
        Which images.
    config
        The file that says so, for messages.

    Raises
    ------
    PixmakeError
        The table cannot be used, or no row is left.
    """
    return select_images(images, read_images(images), config).table


def select_images(images: Images, table: Table, config: str = "") -> SelectedImages:
    """The rows to run of what the source gave; errors as those of `selected_table`."""
    steps = selection_steps(table, images.select, images.group_by, config)
    notes = [note for step in steps for note in step.notes]
    selected = table.keep(steps[-1].kept) if steps else table
    if not len(selected):
        hint = "look at images.select" if len(table) else ""
        what = f"no image: {counted(len(table), 'row')}, of which none is selected"
        raise PixmakeError([Problem(what, table.source, hint), *(note.as_problem() for note in notes)])
    alike = look_alike_notes(table, compared_columns(images))
    there = selected = selected.noting([*notes, *alike, *renaming_notes(table.columns)])
    if images.missing == "skip":
        there = without_missing(selected)
        if not len(there):
            what = f"no image: of {len(selected)} files none is there"
            raise PixmakeError(
                [Problem(what, table.source, f"the first: {there.notes[len(selected.notes)].path}")]
            )
    return SelectedImages(there, table, steps)


def _named_problems(config: Config, name: str) -> Iterator[Problem]:
    """What only a function can get: a result for each image of its group."""
    step = config.steps[name]
    for need in step.needs if step.terms is None and step.kind != "function" else ():
        if need in config.steps and by_name(config.images, config.steps[need]):
            what = (
                f"{need!r} has a job for each {config.images.name_by}, so a group gets several results of it"
            )
            yield Problem(what, f"steps.{name}.needs", "a `function` gets them by the names of its images")


def _planned_steps(config: Config, source: str) -> tuple[tuple[PlannedStep, ...], list[Problem]]:
    """The steps that are in order, and what is wrong with the others."""
    problems: list[Problem] = []
    planned = []
    placements: dict[str, Placement] = {}
    try:
        placements = place_steps(config, read_settings(), source)
    except PixmakeError as error:
        problems += error.problems
    for name in _in_order(config):
        step = config.steps[name]
        try:
            with blamed(step.kind):
                kind = kind_of(step.kind)
                found = [*environment_problems(step, name), *kind.check(config, name)]
                found += _named_problems(config, name)
                work, hashed = ({}, "") if found else (kind.work(step), kind.source(step))
        except PluginError as error:
            found = [Problem(each.what, f"steps.{name}, {each.where}", each.hint) for each in error.problems]
        problems += found
        if not found:
            planned.append(
                PlannedStep(
                    name=name,
                    placement=placements.get(name, Placement()),
                    step=step,
                    source=hashed,
                    keeps_going=config.keeps_going(step),
                    work={**work, **config.said_of_arrays()},
                    takes_images=takes_images(step),
                    temporary=config.is_temporary(name),
                    keep=config.keep,
                    storage=config.reach(),
                    pictures=config.aggregate.report,
                    quality=config.aggregate.report and config.aggregate.quality,
                )
            )
    return tuple(planned), problems


def _in_order(config: Config) -> list[str]:
    """The steps, each after those that it needs; config.yaml's order otherwise."""
    order: dict[str, None] = {}
    on_the_way: set[str] = set()

    def visit(name: str) -> None:
        if name in order or name in on_the_way or name not in config.steps:
            return  # steps that need each other, or one that is not there, are told by themselves
        on_the_way.add(name)
        for need in (*config.steps[name].needs, *config.steps[name].needs_all):
            visit(need)
        order[name] = None

    for name in config.steps:
        visit(name)
    return list(order)


def collisions(plan: Plan) -> Iterator[Problem]:
    """Images that would get one id or one rule name, files that two jobs would write."""
    names = rule_names("", [group.id for group in plan.groups])
    groups = set(names)
    first: dict[str, Group] = {}
    for name, group in zip(names, plan.groups, strict=True) if len(groups) < len(names) else ():
        twin = first.setdefault(name, group)
        if twin is not group:
            images = [named(*image) for image in (*twin.images, *group.images)]
            what = f"{' and '.join(images)} get one id, {group.id!r}"
            if twin.id != group.id:
                what = f"the ids {twin.id!r} and {group.id!r} make one rule name"
            yield Problem(
                what, f"{twin.where} and {group.where}", _telling_apart(twin, group), "ids are not unique"
            )
    yield from _cohort_collisions(plan)
    rules = {step: set(rule_names("", [each.id for each in found])) for step, found in plan.cohorts.items()}
    for planned in plan.steps:
        start = f"{planned.name}_"
        own = {name for name in own_rules(plan) if name.startswith(start)}
        others = [
            each.name
            for each in plan.steps
            if each is not planned and (start.startswith(f"{each.name}_") or each.name.startswith(start))
        ]
        for group in plan.levels.of(planned.name) if own or others else ():
            name = rule_name(planned.name, group.id)
            if name in own:
                what = f"{planned.name} of {group.id} and a rule of pixmake's own are both {name}"
                where = f"steps.{planned.name}"
                yield Problem(what, where, "rename a step", f"rule names of {planned.name}")
            for other in others:
                if name.startswith(f"{other}_") and name.removeprefix(other) in rules.get(other, groups):
                    what = f"{planned.name} of {group.id} and {other} make one rule name, {name}"
                    where = f"steps.{planned.name}"
                    yield Problem(what, where, "rename a step", f"rule names of {planned.name}")
        suffixes = [
            path.removeprefix(f"{plan.config.results}/{planned.name}/")
            for path in file_paths(plan.config.results, planned.name, planned.step, "")
        ]
        ends = [*suffixes, ".json"]
        if len(set(ends)) < len(ends) or any(suffix.endswith(".json") for suffix in suffixes):
            yield from _file_collisions(plan, planned)


def own_rules(plan: Plan) -> set[str]:
    """The names of the rules that are no job of a step."""
    tables = {f"collect_{each.name}_{file}" for each in plan.steps for file in each.step.files}
    functions = {f"aggregate_{name}" for name in plan.config.aggregate.all_functions}
    made = {f"made_{each.name}" for each in plan.steps}
    return {*OWN_RULES, *map(gathering_rule, plan.gathered_steps()), *tables, *functions, *made}


def _telling_apart(one: Group, other: Group) -> str:
    """What gives two images ids of their own: by default the suffix of a file is not in its id."""
    paths = one.paths[0], other.paths[0]
    if one.parts == other.parts and len({os.path.splitext(path)[0] for path in paths}) == 1 < len(set(paths)):
        suffix = os.path.splitext(paths[1])[1]
        return (
            'set images.id to "{path}", which has the suffix, or take those of one suffix alone: '
            f'images.select.match: {{path: "[{suffix[:1]}]{suffix[1:]}$"}}'
        )
    return "set images.id to a template that tells them apart, e.g. with one more column"


def _cohort_collisions(plan: Plan) -> Iterator[Problem]:
    for step, cohorts in plan.cohorts.items():
        found: dict[str, Group] = {}
        for cohort in cohorts:
            twin = found.setdefault(rule_name("", cohort.id), cohort)
            if twin is not cohort:
                what = f"the ids {twin.id!r} and {cohort.id!r} make one rule name"
                hint = "change one of the values"
                where = f"steps.{step}.per, {twin.where} and {cohort.where}"
                yield Problem(what, where, hint, f"rule names of {step}")


def _kind_problems(plan: Plan) -> Iterator[Problem]:
    for planned in plan.steps:
        ids = (group.id for group in plan.levels.of(planned.name))
        yield from corrected_problems(planned.step, planned.name, ids)
        kind = kind_of(planned.step.kind)
        try:
            with blamed(planned.step.kind):
                yield from kind.check_images(planned.step, planned.name, plan.levels.of(planned.name))
        except PluginError as error:
            yield from error.problems


def _file_collisions(plan: Plan, planned: PlannedStep) -> Iterator[Problem]:
    """Only a file that ends in ``.json`` can be another job's record."""
    writers: dict[str, str] = {}
    for group in plan.levels.of(planned.name):
        results = plan.config.results
        record = record_path(results, planned.name, group.id)
        for path in [record, *file_paths(results, planned.name, planned.step, group.id)]:
            other = writers.setdefault(path, group.id)
            if other != group.id:
                what = f"{other} and {group.id} would both write {path}"
                where = f"steps.{planned.name}.files"
                yield Problem(what, where, "rename the file", f"files of {planned.name}")
