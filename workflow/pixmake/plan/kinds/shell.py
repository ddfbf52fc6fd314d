"""Kind of step ``shell``, before anything runs: its placeholders must be those that a job can fill in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.base import placeholders
from pixmake.base.errors import Problem
from pixmake.config.models import Config, Step
from pixmake.plan.kinds import templates
from pixmake.table.groups import Group

READS = "opened"
RUNNER = "pixmake.job.runners.shell"


def check(config: Config, name: str) -> Iterator[Problem]:
    """The placeholders, and the files that the command is not told to write."""
    step, where = config.steps[name], f"steps.{name}.shell"
    problems = list(templates.unknown(config, name, step.runs, where))
    yield from problems
    if problems:
        return
    for placeholder in placeholders.quoted(step.runs):
        what = f"{{{placeholder}}} stands in quotes"
        yield Problem(what, where, "every value is quoted already: remove the quotes around it")
    used = placeholders.names(step.runs)
    for file in step.files:
        if f"files.{file}" not in used:
            what = f"the command does not use {{files.{file}}}"
            yield Problem(what, where, "it stands for the path that this file of the step is written to")
    if step.measurements in ("json", "csv") and "result" not in used:
        what = "the command does not use {result}"
        yield Problem(what, where, "it stands for the path that the measurements are written to")


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """The placeholders of images and of metadata."""
    yield from templates.unfilled(step, step.runs, f"steps.{name}.shell", groups)


def work(step: Step) -> Mapping[str, Any]:
    """The command, and how it gives its measurements."""
    how = {"measurements": step.measurements} if step.measurements else {}
    return {"command": step.runs, **how}


def source(step: Step) -> str:
    """Nothing: the command itself is in the task."""
    return ""
