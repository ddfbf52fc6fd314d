"""Which executor runs which step, and what that means for its rules: threads, resources, groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.config.models import Config, Executor, Step
from pixmake.config.settings import FoundSettings, place_of

DEFAULT = "default"
"""The executor of steps that name none; supplied where nobody defines it."""

JOB_MINUTES = 20.0

_SPELLINGS = {
    "partition": ("slurm_partition", "lsf_queue", "sge_queue"),
    "account": ("slurm_account", "lsf_project", "sge_project"),
    "flags": ("slurm_extra", "lsf_extra", "sge_extra"),
    "gpu": ("gpu",),
}
"""What Snakemake's executor plugins call what an executor says in one word."""

Values = Mapping[str, tuple[Any, str]]
"""What is in force: a value and where it came from, by dotted key."""


@dataclass(frozen=True)
class Placement:
    """Where one step's jobs run, and with what."""

    executor: str = DEFAULT
    threads: int = 1
    resources: Mapping[str, Any] = field(default_factory=dict)
    local: bool = False
    images_per_job: int | Literal["auto"] = 1
    job_minutes: float = JOB_MINUTES
    values: Values = field(default_factory=dict)
    """All of it again, with its origins."""


def place_steps(config: Config, found: FoundSettings, source: str) -> dict[str, Placement]:
    """Where each step of a project runs.

    A step's own threads and resources win over those of the project's executor, and these over those of
    the machine's settings, key by key.

    Parameters
    ----------
    config
        The project.
    found
        The machine's settings.
    source
        The project's config file.

    Raises
    ------
    PixmakeError
        Steps that name executors which nobody defines.
    """
    names = chosen_executors(config, found, source)
    return {
        step: _placement(name, config.steps[step], list(_layers(name, config, found, source)), source)
        for step, (name, _) in names.items()
    }


def chosen_executors(config: Config, found: FoundSettings, source: str) -> dict[str, tuple[str, str]]:
    """The name of each step's executor and where it came from.

    Raises
    ------
    PixmakeError
        Steps that name executors which nobody defines.
    """
    known = defined_executors(config, found)
    problems = []
    names = {}
    for step, own in config.steps.items():
        if own.executor is not None:
            name, origin, where = own.executor, source, f"steps.{step}.executor"
        elif step in found.settings.steps:
            name, origin = found.settings.steps[step], found.source
            where = place_of(found, ("steps", step))
        else:
            name, origin, where = DEFAULT, DEFAULT, ""
        names[step] = name, origin
        if name not in known:
            near = nearest(name, known)
            listed = "known: " + ", ".join(sorted(known))
            hint = near if near == listed else f"{near} {listed}"
            problems.append(Problem(f"there is no executor {name!r}", where, hint))
    if problems:
        raise PixmakeError(problems)
    return names


def defined_executors(config: Config, found: FoundSettings) -> set[str]:
    """The names that a step may give as its executor."""
    return {DEFAULT, *found.settings.executors, *config.executors}


def executor_values(executor: Executor) -> dict[str, Any]:
    """What an executor says, by dotted key, with resources spelled as Snakemake's plugins know them."""
    values = executor.model_dump(exclude_none=True, exclude_unset=True, exclude={"resources"})
    for word, spellings in _SPELLINGS.items():
        if word in values:
            value = values.pop(word)
            values.update({f"resources.{name}": value for name in spellings})
    given = executor.resources.given()
    return {**values, **{f"resources.{name}": value for name, value in given.items()}}


def _layers(
    name: str, config: Config, found: FoundSettings, source: str
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """What is said about an executor, the weakest first."""
    yield {"threads": 1, "local": False, "images_per_job": 1, "job_minutes": JOB_MINUTES}, DEFAULT
    if name in found.settings.executors:
        yield executor_values(found.settings.executors[name]), found.source
    if name in config.executors:
        yield executor_values(config.executors[name]), source


def _placement(name: str, step: Step, layers: list[tuple[Mapping[str, Any], str]], source: str) -> Placement:
    own: dict[str, Any] = {f"resources.{key}": value for key, value in step.resources.given().items()}
    if "threads" in step.model_fields_set:
        own["threads"] = step.threads
    values = {
        key: (value, origin) for said, origin in [*layers, (own, source)] for key, value in said.items()
    }
    return Placement(
        executor=name,
        threads=values["threads"][0],
        resources={
            key.removeprefix("resources."): value
            for key, (value, _) in values.items()
            if key.startswith("resources.")
        },
        local=values["local"][0],
        images_per_job=values["images_per_job"][0],
        job_minutes=values["job_minutes"][0],
        values=values,
    )
