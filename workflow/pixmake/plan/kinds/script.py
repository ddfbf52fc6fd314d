"""Kind of step ``script``, before anything runs: the file, what runs it, and its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmake.base.errors import Problem
from pixmake.config.models import Config, Step
from pixmake.plan.analysis import file_hash, file_problems
from pixmake.plan.kinds import templates
from pixmake.table.groups import Group

READS = "opened"
RUNNER = "pixmake.job.runners.script"

SUFFIXES = (".py", ".r", ".sh", ".bash")
"""Of scripts for which it is known what runs them; any other starts with ``#!``."""


def check(config: Config, name: str) -> Iterator[Problem]:
    """The file, what runs it, and the placeholders of its arguments."""
    step, where = config.steps[name], f"steps.{name}.script"
    problems = list(file_problems(step.runs, where))
    yield from problems
    if not problems and not _is_known(step.runs):
        hint = f"name it *{', *'.join(SUFFIXES)}, or let its first line be, e.g.: #!/usr/bin/env perl"
        yield Problem(f"{step.runs}: what runs it?", where, hint)
    for argument in step.args:
        yield from templates.unknown(config, name, str(argument), f"steps.{name}.args")


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """The placeholders of images and of metadata."""
    for argument in step.args:
        yield from templates.unfilled(step, str(argument), f"steps.{name}.args", groups)


def work(step: Step) -> Mapping[str, Any]:
    """The script, its arguments, and how it gives its measurements."""
    how = {"measurements": step.measurements} if step.measurements else {}
    arguments = {"args": [str(argument) for argument in step.args]} if step.args else {}
    return {"script": step.runs, **arguments, **how}


def source(step: Step) -> str:
    """A hash of the file; of Python also of the project's own modules that it imports."""
    return file_hash(step.runs)


def _is_known(file: str) -> bool:
    if Path(file).suffix.lower() in SUFFIXES:
        return True
    with open(file, "rb") as content:
        first = content.readline(1000)
    return first.startswith(b"#!") and bool(first[2:].strip())
