"""From the plan to Snakemake: what the rules of ``workflow/rules`` are made of, and the same as text."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any, TypeVar

from pixmake.base import plugins
from pixmake.base.attempts import at_attempt, is_expression
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import is_folder, why_not_writable, written_whole
from pixmake.base.garbage import search_cycles_less
from pixmake.base.ids import rule_name
from pixmake.base.installed import HERE, WORKFLOW
from pixmake.base.owner import OWNER
from pixmake.config.models import Step, read_config
from pixmake.images.read import TABLES
from pixmake.job import finished_results as kept
from pixmake.job.client import ACTIVATED, CONTAINED
from pixmake.job.gathered import MEMBERS
from pixmake.job.record import KEPT_PICTURES
from pixmake.job.task import LOST_ATTEMPTS, one_line
from pixmake.plan.axes_check import SOME, fitting_problems
from pixmake.plan.batches import sliced
from pixmake.plan.environments import conda_of, runs_python
from pixmake.plan.kinds import shares_starts
from pixmake.plan.loads import load_in
from pixmake.plan.plan import (
    Job,
    Plan,
    PlannedStep,
    file_paths,
    gathered_path,
    gathering_rule,
    make_plan,
    plan_project,
)
from pixmake.plan.program_copy import leave_copies, program_files
from pixmake.rules import ending
from pixmake.rules import object_storage as stored
from pixmake.rules.cluster_node import (
    allowed_rules,
    enter,
    enter_by_words,
    is_started_by_another,
    leave_plan,
    read_plan,
)
from pixmake.rules.cluster_node import attempt as attempt_number
from pixmake.rules.cluster_node import read_config as config_sent
from pixmake.rules.command_line import option_problems
from pixmake.rules.lock import alone, hold_run_lock, tell_of_live_locks
from pixmake.rules.orphans import cancel_orphans
from pixmake.rules.refusals import end_when_refused
from pixmake.rules.snakemake_internals import keep_together, prefix_of_module
from pixmake.rules.submissions import CLUSTER_LOGS, SUBMISSIONS, forget_refusals, give_up_submissions
from pixmake.rules.unloaded import end_when_unloaded
from pixmake.table.table import counted_notes

SAME_PYTHON = "-"
"""Stands for the Python that runs Snakemake, so that moving an environment runs nothing again."""

STAGED = ".snakemake/pixmake/package"
"""Where a copy of the files that run a job lies, for containers."""

CONDA = str(WORKFLOW / "envs" / "function.yaml")
"""The software of a step, of use with ``--sdm conda`` alone."""

GROUPS = "images"
"""Of which group all groups of images are parts. By itself Snakemake makes a cluster job of each part
of a group that needs no other part; a profile's `group-components` has it keep them together."""

_CLIENT = f"{shlex.quote(sys.executable)} -IS {shlex.quote(str(HERE / 'job' / 'client.py'))}"
_STAGED_ROOMS = ("base", "images", "classifier", "job")
"""What runs in a container: these rooms as they are, and the door of the package."""
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Gathering:
    """A rule that puts the results of all jobs of a step into one file."""

    rule: str
    step: str
    records: Callable[[Plan], list[str]]
    """Of a plan: the one at hand, or the one of images that a run has yet to find."""
    files: Callable[[Plan], list[str]]
    output: str


def look_at(file: str) -> None:
    """See that a config is YAML before Snakemake reads it, whose message would be a traceback.

    Raises
    ------
    SystemExit
        With status 1, once what is wrong has been printed.
    """
    if Path(file).exists():
        try:
            read_config(file)
        except PixmakeError as error:
            print(f"pixmake: {error}", file=sys.stderr)
            raise SystemExit(1) from None


def compile_project(config: Mapping[str, Any], files: Sequence[str | Path], cores: int | None = None) -> Plan:
    """The plan of a project, from the configuration as Snakemake has read and merged it.

    On a cluster node it is the plan of the rules that Snakemake is to run there.

    Parameters
    ----------
    config, files
        The configuration, and the files that it was read from.
    cores
        What one cluster job has of them.

    Raises
    ------
    SystemExit
        With status 1, once everything that is wrong has been printed. An exception of Snakemake's would
        show where in our files it was raised.
    """
    from pixmake.rules.snakemake_internals.asked_once import ask_once

    search_cycles_less()
    ask_once()
    rules = allowed_rules()
    there = read_plan(rules) if rules else None
    if there is not None:
        enter(there, attempt_number())
        return there
    enter_by_words(attempt_number())
    try:
        if not is_started_by_another():
            problems = option_problems()
            if problems:
                raise PixmakeError(problems)
            see_room([".snakemake/pixmake"])
            ending.listen()
            hold_run_lock()
            tell_of_live_locks()
        sent = config_sent() if rules else None
        if sent is not None:
            return make_plan(sent)
        known = cores if cores is not None and cores < sys.maxsize else None
        plan = plan_project(config, files, partial(fitting_problems, most=SOME))
        return sliced(replace(_with_programs(plan), cores=known))
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def see_room(folders: Iterable[str]) -> None:
    """See that folders can be written to, before Snakemake trips over it.

    Raises
    ------
    SystemExit
        With status 1, once it has been printed which cannot, and why.
    """
    problems = [Problem(why, folder) for folder in folders if (why := why_not_writable(folder))]
    if problems:
        print(f"pixmake: nothing can be written to {PixmakeError(problems)}", file=sys.stderr)
        raise SystemExit(1)


def _with_programs(plan: Plan) -> Plan:
    """The plan of a run, which works to its end with the programs that are there now."""
    steps = tuple(replace(each, program=leave_copies(program_files(each.work))) for each in plan.steps)
    containers = None if plan.containers is None else _with_programs(plan.containers)
    return replace(plan, steps=steps, containers=containers)


def begin(plan: Plan, workflow: Any, jobs: Iterable[tuple[PlannedStep, Job]]) -> None:
    """Before a run's first job: end what a killed run left on the cluster, leave its jobs for its nodes."""
    if workflow.local_exec:
        return
    forget_refusals()
    if alone():
        cancel_orphans()
        give_up_submissions()
    end_when_unloaded(plan, workflow)
    end_when_refused(workflow)
    leave_plan(plan)


def done_before(plan: Plan) -> list[str]:
    """The records that runs over slices have made for the one that makes the tables of all."""
    return records(plan) if plan.planned_before == () else []


def end() -> None:
    """After a run that went well: forget what was kept for one that did not."""
    for folder in (kept.FOLDER, SUBMISSIONS, CLUSTER_LOGS):
        shutil.rmtree(folder, ignore_errors=True)


def smk(name: str) -> str:
    """The path of one of pixmake's files of rules, for ``include:``."""
    return str(WORKFLOW / "rules" / f"{name}.smk")


def program(wildcards: Any, resources: Any) -> str:
    """A params function: the command ``pixmake`` of this environment."""
    return f"{OWNER}={os.getpid()} {shlex.quote(sys.executable)} -m pixmake"


def log_of(plan: Plan, rule: str) -> str:
    """The log of a rule that is not an image's."""
    return f"{plan.config.log_folder}/{rule}.log"


def inputs(job: Job) -> dict[str, list[str]]:
    """The ``input`` of a job's rule: what it needs of other steps, if anything.

    Images are no inputs: the task names them, with what they have become since they were first seen.
    Snakemake goes by dates, which say nothing of a picture that was put back, copied, or taken with a wrong
    clock.
    """
    return {"needed": list(job.needed)} if job.needed else {}


def inputs_of_several(job: Job) -> dict[str, list[str]]:
    """The ``input`` of a job over several images: what its command names, and what stands in its list.

    That list is written here: it is named by its content, so it is the same at each parse.
    """
    _written(Path(MEMBERS) / f"{job.task.members}.json", job.members)
    return {"needed": list(job.needed), "gathered": list(job.gathered)}


def outputs(job: Job, *, temporary: bool = False) -> dict[str, Any]:
    """The ``output`` of a job's rule: its record, then its files, if any."""
    return {"record": job.record} | ({"files": marked(job.files, temporary=temporary)} if job.files else {})


def marked(paths: Sequence[str], *, temporary: bool) -> list[Any]:
    """Outputs as Snakemake takes them: folders are flagged, and what is removed once it has been used."""
    found: list[Any] = list(paths)
    if any(is_folder(path) for path in paths):
        from snakemake.io import directory

        found = [directory(path) if is_folder(path) else path for path in paths]
    if temporary:
        from snakemake.io import temp

        found = [temp(path) for path in found]
    return found


def run(planned: PlannedStep, batches: str = "") -> Callable[[Any, Any], str]:
    """A params function: the command that hands a job of this process to the warm one, up to its words.

    As it asks for ``resources``, it is not among what Snakemake compares: an environment that moves or a
    longer timeout runs nothing again. It is called once a job, so the attempt comes by another way.
    """
    return run_command(
        run_limits(planned, batches),
        interpreter(planned.step),
        planned.step.container,
    )


def run_command(limits: str, python: str, container: str | None) -> Callable[[Any, Any], str]:
    """As `run`, from what `pixmake compile` writes out."""
    owner, start = os.getpid(), _CLIENT
    if container:
        # Inside, neither our Python nor our files are there, but the working directory is
        owner, start = CONTAINED, f"python3 -IS {stage_package()}/job/client.py"
    command = f"{start} {owner} {shlex.quote(limits)} {shlex.quote(python)}"

    def not_compared(wildcards: Any, resources: Any) -> str:
        return command

    return _signed(not_compared)


def interpreter(step: Step) -> str:
    """The Python of a step's jobs, as `pixmake.job.client` reads it."""
    return ACTIVATED if step.conda and runs_python(step) else step.python or SAME_PYTHON


def words(planned: PlannedStep, job: Job) -> list[str]:
    """The words of a job's command at its first attempt, where no rule makes them; see `job.client`."""
    paths = (job.log, job.record, *job.files, *job.needed)
    return [job.task.as_json(), run_limits(planned), interpreter(planned.step), "1", *paths]


def software(step: Step) -> str | None:
    """The ``conda:`` of a step's rules."""
    return None if step.container else conda_of(step) or CONDA


def use_storage(plan: Plan, workflow: Any) -> bool:
    """Whether results go to a default storage of Snakemake's; see `pixmake.rules.object_storage`.

    Raises
    ------
    SystemExit
        With status 1: not all of the project can.
    """
    try:
        return stored.use_storage(plan, workflow)
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def refuse_prefix(workflow: Any) -> None:
    """See that a module that this project is leaves its paths as they are.

    Raises
    ------
    SystemExit
        With status 1: it has a prefix, of which records, tables and what is settled would know nothing.
    """
    if key := prefix_of_module(workflow):
        hint = 'say where results go by its config: {**config, "results": "…/results"}'
        problem = Problem(
            "is not for a project of pixmake, whose files name each other by their paths", key, hint
        )
        print(f"pixmake: module: {PixmakeError([problem])}", file=sys.stderr)
        raise SystemExit(1)


def require_deployment(plan: Plan, workflow: Any) -> None:
    """See that Snakemake was told to use the environments that steps name: it passes over them otherwise.

    Raises
    ------
    SystemExit
        With status 1: it was not.
    """
    methods = {str(method) for method in workflow.deployment_settings.deployment_method}
    problems = []
    for planned in plan.steps:
        for key, method in (("conda", "conda"), ("container", "apptainer")):
            if getattr(planned.step, key) and method not in methods:
                hint = f"or write it into profiles/default/config.yaml: software-deployment-method: {method}"
                what = f"is of use with: snakemake --sdm {method}"
                problems.append(Problem(what, f"steps.{planned.name}.{key}", hint))
    if problems:
        print(f"pixmake: {PixmakeError(problems)}", file=sys.stderr)
        raise SystemExit(1)


def stage_package() -> str:
    """Copy the files that run a job to where a container sees them, below the working directory."""
    rooms = (sorted((HERE / room).rglob("*.py")) for room in _STAGED_ROOMS)
    for source in (HERE / "__init__.py", *itertools.chain.from_iterable(rooms)):
        target = Path(STAGED) / source.relative_to(HERE)
        content = source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            with written_whole(target) as temporary:
                temporary.write_bytes(content)
    return STAGED


def batches_of(plan: Plan, planned: PlannedStep) -> str:
    """Write which images one start of the step's program works on, if it is one that takes long to start.

    Any of their jobs does the work for all: see `pixmake.job.runners.starts`. So what a batch holds decides
    no result, and a new image runs nothing again. A cluster node has the images of its own cluster job.

    Returns
    -------
    str
        The file with the batches as JSON: lists of jobs, as `pixmake.job.runners.starts` takes them.
    """
    step = planned.step
    if not shares_starts(step.kind) or step.images_per_start == 1:
        return ""
    jobs = [_in_batch(job) for each, job in plan.jobs() if each.name == planned.name]
    batches = [jobs[at : at + step.images_per_start] for at in range(0, len(jobs), step.images_per_start)]
    if not batches:
        return ""
    text = one_line(batches)
    path = Path(MEMBERS) / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    _written(path, text)
    return str(path)


def _in_batch(job: Job) -> dict[str, Any]:
    """What a start is told of one of the jobs that it works for; see `pixmake.job.runners.starts`."""
    task, count = job.task, len(job.images)
    parts, versions = task.parts or ({},) * count, task.versions or ("",) * count
    images = [[path, dict(part), said] for path, part, said in zip(job.images, parts, versions, strict=True)]
    return {"id": task.id, "names": list(task.names), "metadata": task.metadata, "images": images}


def runs(plan: Plan) -> dict[str, Callable[[Any, Any], str]]:
    """The params function `run` of each step, by name."""
    return {planned.name: run(planned, batches_of(plan, planned)) for planned in plan.steps}


def run_limits(planned: PlannedStep, batches: str = "") -> str:
    """The limits of a step's jobs as JSON; memory for each attempt, if it grows."""
    step, given = planned.step, planned.placement.resources
    attempts = step.retries + 1
    memory = [at_attempt(given.get("mem_mb"), attempt) for attempt in range(1, attempts + 1)]
    gpu = at_attempt(given.get("gpu"), 1)
    limits = {
        "attempts": attempts,
        "keep_going": planned.keeps_going,
        "keep": planned.keep,
        "timeout": None if shares_starts(step.kind) else step.timeout,
        "mem_mb": memory if len(set(memory)) > 1 else memory[0],
    }
    each = step.timeout if shares_starts(step.kind) else None
    more = {
        "gpu": gpu,
        "each_timeout": each,
        "batches": batches,
        "storage": planned.storage,
        "program": planned.program,
        "plugins": plugins.leave_copies([step.kind]),
        "rule": planned.rule,
        "images_per_process": step.images_per_process,
        "pictures": KEPT_PICTURES if planned.pictures else "",
        "quality": planned.quality,
        **_load_limits(planned),
    }
    return one_line({**limits, **{name: value for name, value in more.items() if value}})


def _load_limits(planned: PlannedStep) -> dict[str, Any]:
    """How a step's models are loaded; nothing of a step without."""
    step = planned.step
    if not planned.work.get("load"):
        return {}
    which = one_line([planned.name, planned.work, step.params])
    return {
        "holder": hashlib.sha256(which.encode()).hexdigest()[:12],
        "load_in": load_in(step),
        "load_slots": step.load_slots,
        "load_timeout": step.load_timeout,
        "cpu_fallback": step.cpu_fallback,
        "batch": step.batch,
    }


def keep_groups_together(plan: Plan, workflow: Any) -> None:
    """Make the groups of images parts of one, of which a profile says how many make a cluster job."""
    for group in plan.cluster_groups():
        keep_together(workflow, group, GROUPS)


def retries(planned: PlannedStep) -> int:
    """How often Snakemake tries a job again.

    Beyond the step's own retries, one that ended without a word is tried once more, and after that once
    again to leave a record that says why. That is for the Snakemake that submits, not for one on a node.
    """
    if allowed_rules():
        return planned.step.retries
    return planned.step.retries + (LOST_ATTEMPTS + 1 if planned.keeps_going else 0)


def resources(planned: PlannedStep) -> dict[str, Any]:
    """A step's resources as Snakemake takes them: those that grow as functions of the attempt."""
    return {name: _growing(value) for name, value in planned.placement.resources.items()}


def _growing(given: Any) -> Any:
    if not isinstance(given, list) and not (isinstance(given, str) and is_expression(given)):
        return given

    def at_this(wildcards: Any, attempt: int) -> Any:
        return at_attempt(given, attempt)

    at_this.grows = given  # type: ignore[attr-defined]
    return _signed(at_this)


def _signed(function: _Function) -> _Function:
    """The function with its signature beside it: Snakemake asks for it several times a job."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


@_signed
def attempt(wildcards: Any, attempt: int) -> int:
    """A resources function: which attempt it is, the first one being 1."""
    return attempt


def tables(plan: Plan) -> dict[str, str]:
    """The tables that the aggregation writes."""
    results = plan.config.results
    return {
        "measurements": f"{results}/measurements.csv",
        "failures": f"{results}/failures.csv",
    }


def records(plan: Plan) -> list[str]:
    """The records of all jobs, in the order of the table's rows, then of the steps."""
    each_image = [plan.records(planned.name) for planned in plan.steps if planned.step.terms is None]
    over_several = [plan.records(planned.name) for planned in plan.steps if planned.step.terms is not None]
    rows = [path for paths in zip(*each_image, strict=True) for path in paths]
    return [*rows, *(path for paths in over_several for path in paths)]


def gatherings(plan: Plan) -> list[Gathering]:
    """The rules that put the results of all jobs of a step together.

    Without them a step with ``needs_all`` would have each of N jobs depend on N others.
    """
    return [
        Gathering(
            rule=gathering_rule(step),
            step=step,
            records=methodcaller("records", step),
            files=methodcaller("files", step),
            output=gathered_path(plan.config.results, step),
        )
        for step in plan.gathered_steps()
    ]


def step_targets(plan: Plan) -> list[str]:
    """The steps whose names are targets, of all of their images: all but those that are names of rules."""
    if plan.planned_before is not None:
        return []
    taken = {"all", "records", "aggregate", "report", "provenance", "complete", "find_images"}
    taken |= set(rules_named_as_steps(plan))
    taken |= {table.rule for table in collected(plan)} | {each.rule for each in gatherings(plan)}
    taken |= {f"aggregate_{function.name}" for function in plan.functions}
    return [step for step in step_names(plan) if step not in taken]


def rules_named_as_steps(plan: Plan) -> Iterator[str]:
    """The names of jobs' rules that a step has, too."""
    names = step_names(plan)
    for planned in plan.steps:
        of_step = [name for name in names if name.startswith(f"{planned.name}_")]
        if of_step:
            rules = {rule_name(planned.name, group.id) for group in plan.levels.of(planned.name)}
            yield from rules.intersection(of_step)


def over_several(plan: Plan) -> list[str]:
    """The steps whose jobs are not one for each image."""
    each_image = {planned.name for planned in plan.steps if planned.step.terms is None}
    return [name for name in step_names(plan) if name not in each_image]


def step_names(plan: Plan) -> list[str]:
    """The steps; where images are found, the one that finds them first."""
    splitting = [] if plan.containers is None else [planned.name for planned in plan.containers.steps]
    return [*splitting, *(planned.name for planned in plan.steps)]


def columns(plan: Plan) -> str:
    """The metadata terms as JSON."""
    return one_line(list(plan.columns))


@dataclass(frozen=True)
class Collected:
    """A table of all images, made of the tables that a step makes of each."""

    rule: str
    step: str
    files: list[str]
    ending: str
    """What stands behind an id in the names of the files."""
    path: str


def collected(plan: Plan) -> list[Collected]:
    """The declared files that are tables, each as one for all images."""
    results = plan.config.results
    found = []
    for planned in plan.steps:
        for number, (name, suffix) in enumerate(planned.step.files.items()):
            suffix = suffix.lstrip(".")
            if suffix.rpartition(".")[2].lower() in TABLES:
                jobs = plan.levels.of(planned.name)
                files = [file_paths(results, planned.name, planned.step, job.id)[number] for job in jobs]
                path = f"{results}/{planned.name}.{name}.{suffix}"
                rule = f"collect_{planned.name}_{name}"
                found.append(Collected(rule, planned.name, files, f".{name}.{suffix}", path))
    return found


def tell_notes(plan: Plan) -> None:
    """Say at a run's start what was left out of it, a line for each reason."""
    for line in (*counted_notes(plan.notes), *plugins.refused().values()):
        print(f"pixmake: {line}", file=sys.stderr)


def rows_said(plan: Plan) -> str:
    """Where the rows of the source are, as the end of a run says it; of files that hold images, these."""
    rows = (plan.containers or plan).rows
    return "" if rows is None or plan.is_slice else str(rows)


def _written(path: Path, text: str) -> None:
    """Write a file whose name says its content, if it is not there."""
    if not path.exists():
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
