"""Kind of step ``notebook``, before anything runs: the file must be a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.config import Config, Step
from pixmake.errors import Problem
from pixmake.groups import Group
from pixmake.source import file_hash, file_problems


def check(config: Config, name: str) -> Iterator[Problem]:
    """The file."""
    yield from file_problems(config.steps[name].runs, f"steps.{name}.notebook")


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: what a notebook does with its images is its own affair."""
    return iter(())


def work(step: Step) -> Mapping[str, Any]:
    """The notebook."""
    return {"notebook": step.runs}


def source(step: Step) -> str:
    """A hash of the notebook."""
    return file_hash(step.runs)
