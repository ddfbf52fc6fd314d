"""From the plan to Snakemake: what the rules of ``workflow/rules`` are made of, and the same as text."""

from __future__ import annotations

import gc
import hashlib
import inspect
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pixmake.client import ACTIVATED, CONTAINED
from pixmake.config import Step
from pixmake.environments import conda_of, runs_python
from pixmake.errors import PixmakeError, Problem
from pixmake.images import TABLES
from pixmake.job import LINKS
from pixmake.plan import LOGS, Job, Plan, PlannedStep, file_paths, plan_project
from pixmake.records import written_whole
from pixmake.runlock import hold_run_lock
from pixmake.table import is_remote
from pixmake.task import one_line

HERE = Path(__file__).resolve().parent
WORKFLOW = HERE / "_workflow" if (HERE / "_workflow").is_dir() else HERE.parent
"""The folder with ``rules``, ``schemas`` and ``report``: inside the package where that is installed."""

SAME_PYTHON = "-"
"""Stands for the Python that runs Snakemake, so that moving an environment runs nothing again."""

STAGED = ".snakemake/pixmake/package"
"""Where a copy of the files that run a job lies, for containers."""

CONDA = str(WORKFLOW / "envs" / "function.yaml")
"""The software of a step, of use with ``--sdm conda`` alone."""

_CLIENT = f"{shlex.quote(sys.executable)} -IS {shlex.quote(str(HERE / 'client.py'))}"
_ROOMS = ("__init__", "client", "worker", "job", "records", "task", "placeholders", "calls", "images")
_Function = TypeVar("_Function", bound=Callable[..., Any])
_PATTERN = re.compile(r"[{}<>\r\n]|^\s|\s$")


def compile_project(config: Mapping[str, Any], files: Sequence[str | Path]) -> Plan:
    """The plan of a project, from the configuration as Snakemake has read and merged it.

    Raises
    ------
    SystemExit
        With status 1, once everything that is wrong has been printed. An exception of Snakemake's would
        show where in our files it was raised.
    """
    hold_run_lock()
    _collect_less_often()
    try:
        return plan_project(config, files)
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _collect_less_often() -> None:
    """Keep the garbage collector from walking over all rules again and again.

    They live as long as Snakemake does, and at 10,000 of them those walks took a fifth of its time.
    """
    gc.set_threshold(200_000, 20, 100)


def smk(name: str) -> str:
    """The path of one of pixmake's files of rules, for ``include:``."""
    return str(WORKFLOW / "rules" / f"{name}.smk")


def program(wildcards: Any, resources: Any) -> str:
    """A params function: the command ``pixmake`` of this environment."""
    return f"{shlex.quote(sys.executable)} -m pixmake"


def log_of(rule: str) -> str:
    """The log of a rule that is not an image's."""
    return f"{LOGS}/{rule}.log"


def inputs(job: Job) -> dict[str, list[str]]:
    """The ``input`` of a job's rule: its images, then what it needs of other steps, if anything.

    Snakemake reads ``{word}`` and ``<word>`` in a path as patterns, with no way to say that they are
    none. Such an image comes in through a link; the link is the same at each parse.
    """
    images = [_linked(path) if _PATTERN.search(path) and not is_remote(path) else path for path in job.images]
    return {"images": images} | ({"needed": list(job.needed)} if job.needed else {})


def outputs(job: Job) -> dict[str, str | list[str]]:
    """The ``output`` of a job's rule: its record, then its files, if any."""
    return {"record": job.record} | ({"files": list(job.files)} if job.files else {})


def run(planned: PlannedStep) -> Callable[[Any, Any], str]:
    """A params function: the command that hands a job of this process to the warm one, up to its words.

    As it asks for ``resources``, it is not among what Snakemake compares: an environment that moves or a
    longer timeout runs nothing again. It is called once a job, so the attempt comes by another way.
    """
    return run_command(
        run_limits(planned.step, planned.keeps_going), interpreter(planned.step), planned.step.container
    )


def run_command(limits: str, python: str, container: str | None) -> Callable[[Any, Any], str]:
    """As `run`, from what `pixmake compile` writes out."""
    owner, start = os.getpid(), _CLIENT
    if container:
        # Inside, neither our Python nor our files are there, but the working directory is
        owner, start = CONTAINED, f"python3 -IS {stage_package()}/client.py"
    command = f"{start} {owner} {shlex.quote(limits)} {shlex.quote(python)}"

    def not_compared(wildcards: Any, resources: Any) -> str:
        return command

    return _signed(not_compared)


def interpreter(step: Step) -> str:
    """The Python of a step's jobs, as `pixmake.client` reads it."""
    return ACTIVATED if step.conda and runs_python(step) else step.python or SAME_PYTHON


def software(step: Step) -> str | None:
    """The ``conda:`` of a step's rules."""
    return None if step.container else conda_of(step) or CONDA


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
    for source in (*(HERE / f"{room}.py" for room in _ROOMS), *sorted((HERE / "runners").glob("*.py"))):
        target = Path(STAGED) / source.relative_to(HERE)
        content = source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            with written_whole(target) as temporary:
                temporary.write_bytes(content)
    return STAGED


def run_limits(step: Step, keep_going: bool) -> str:
    """The limits of a step's jobs as JSON."""
    return one_line(
        {
            "attempts": step.retries + 1,
            "keep_going": keep_going,
            "timeout": step.timeout,
            "mem_mb": step.resources.mem_mb,
        }
    )


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
    by_step = [plan.records(planned.name) for planned in plan.steps]
    return [path for paths in zip(*by_step, strict=True) for path in paths]


@dataclass(frozen=True)
class Collected:
    """A table of all images, made of the tables that a step makes of each."""

    rule: str
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
                files = [
                    file_paths(results, planned.name, planned.step, group.id)[number] for group in plan.groups
                ]
                path = f"{results}/{planned.name}.{name}.{suffix}"
                found.append(Collected(f"collect_{planned.name}_{name}", files, f".{name}.{suffix}", path))
    return found


def targets(plan: Plan) -> list[str]:
    """What a whole run makes."""
    return [*tables(plan).values(), *(table.path for table in collected(plan))]


def forget_rule_names(names: dict[str, Any]) -> None:
    """Remove the globals that Snakemake adds for each rule and never uses.

    It copies all globals for each command that it formats: with one rule an image, that is N².
    """
    for name in [name for name in names if name.startswith("__") and not name.endswith("__")]:
        if callable(names[name]):
            del names[name]


def as_text(plan: Plan) -> Iterator[str]:
    """The plan as a Snakefile of its own, which needs neither config nor table."""
    yield from _text_head(plan)
    for planned, job in plan.jobs():
        yield _text_rule(planned, job)


def _linked(path: str) -> str:
    name = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    suffix = os.path.splitext(path)[1]
    link = Path(LINKS) / f"{name}{'' if _PATTERN.search(suffix) else suffix}"
    target = os.path.abspath(path)
    if not link.is_symlink() or os.readlink(link) != target:
        link.parent.mkdir(parents=True, exist_ok=True)
        temporary = link.parent / f".{name}.{os.getpid()}"
        temporary.symlink_to(target)
        temporary.replace(link)
    return str(link)


def _text_head(plan: Plan) -> Iterator[str]:
    written = tables(plan)
    yield f"""\
# Written by `pixmake compile`: the plan of a project, one rule an image and step.
# Run it with: snakemake -s THIS_FILE --cores N
from pixmake import rules as pixmake_rules
from pixmake.verdict import asked_records, conclude


rule all:
    default_target: True
    input:
        {_listed(targets(plan), 8)}


rule aggregate:
    input:
        {_listed(records(plan), 8)}
    output:
        measurements={written["measurements"]!r},
        failures={written["failures"]!r},
    log:
        {log_of("aggregate")!r},
    conda:
        pixmake_rules.CONDA
    params:
        columns={one_line(list(plan.columns))!r},
        pixmake=pixmake_rules.program,
    localrule: True
    shell:
        {_AGGREGATE!r}


asked = []


onstart:
    asked.extend(asked_records(workflow.dag.jobs))


onsuccess:
    conclude(asked, **{written!r}, max_failures={plan.config.max_failures})
"""
    for table in collected(plan):
        yield f"""

rule {table.rule}:
    input:
        {_listed(table.files, 8)}
    output:
        {table.path!r},
    log:
        {log_of(table.rule)!r},
    conda:
        pixmake_rules.CONDA
    params:
        ending={table.ending!r},
        pixmake=pixmake_rules.program,
    localrule: True
    shell:
        {_COLLECT!r}
"""
    for planned in plan.steps:
        yield f"""

run_{planned.name} = pixmake_rules.run_command(
    {run_limits(planned.step, planned.keeps_going)!r},
    {interpreter(planned.step)!r},
    {planned.step.container!r},
)
"""


def _text_rule(planned: PlannedStep, job: Job) -> str:
    resources = "".join(
        f"\n        {name}={value!r}," for name, value in planned.step.resources.given().items()
    )
    return f"""

rule {job.rule}:
    input:
{_named(inputs(job))}
    output:
{_named(outputs(job))}
    log:
        {job.log!r},
    {_text_software(planned.step)}
    params:
        task={job.task.as_json()!r},
        run=run_{planned.name},
    threads: {planned.step.threads}
    resources:
        attempt=pixmake_rules.attempt,{resources}
    retries: {planned.step.retries}
    shell:
        {_RUN!r}
"""


def _text_software(step: Step) -> str:
    if step.container:
        return f"container:\n        {step.container!r}"
    return f"conda:\n        {conda_of(step)!r}" if step.conda else "conda:\n        pixmake_rules.CONDA"


def _named(paths: Mapping[str, str | list[str]]) -> str:
    """Named paths as the lines of a directive."""
    lines = []
    for name, value in paths.items():
        text = repr(value) if isinstance(value, str) else f"[{_listed(value, 10 + len(name))}]"
        lines.append(f"        {name}={text},")
    return "\n".join(lines)


def _listed(paths: Iterable[str], indent: int) -> str:
    """Paths as the lines of a directive, the first one without its indent."""
    return f",\n{' ' * indent}".join(repr(path) for path in paths)


# the words of workflow/rules; a test holds them to each other
_RUN = "exec {params.run} {params.task:q} {resources.attempt} {log:q} {output:q} {input:q}"
_AGGREGATE = (
    "printf '%s\\n' {input:q} | {params.pixmake} aggregate"
    " --columns {params.columns:q} --measurements {output.measurements:q}"
    " --failures {output.failures:q} 2> {log:q}"
)
_COLLECT = (
    "printf '%s\\n' {input:q} | {params.pixmake} collect --ending {params.ending:q} {output:q} 2> {log:q}"
)
