"""What is known of each kind of step before anything runs: one module a kind, all of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pixmake.base.errors import Problem
from pixmake.config.models import Config, Step
from pixmake.plan.kinds import (
    function,
    ilastik,
    notebook,
    pixel_classification,
    plantcv,
    script,
    shell,
    stitch,
)
from pixmake.table.groups import Group


class Kind(Protocol):
    """The functions of each module here."""

    def check(self, config: Config, name: str) -> Iterator[Problem]:
        """What is wrong with a step, by what its config and its files say."""

    def check_images(self, step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
        """What is wrong with a step for these images; its files are in order."""

    def work(self, step: Step) -> Mapping[str, Any]:
        """What the job is told: see `pixmake.job.task.Task.work`."""

    def source(self, step: Step) -> str:
        """A hash of what is run, and of what that uses from the project; empty if `work` says it all."""


KINDS: Mapping[str, Kind] = {
    "function": function,
    "plantcv": plantcv,
    "script": script,
    "shell": shell,
    "notebook": notebook,
    "stitch": stitch,
    "pixel_classification": pixel_classification,
    "ilastik": ilastik,
}
"""By the key of a step that names it; its other half, which does the work, is in `pixmake.job.runners`."""


def decodes_images(step: Step) -> bool:
    """Whether a job has its images decoded, so that pixmake has to know their format."""
    if step.kind == "function":
        return function.decodes_images(step)
    return step.kind == "pixel_classification"


def takes_images(step: Step) -> bool:
    """Whether a job over several images asks for their files, not only for what other steps made of them."""
    return step.kind != "function" or function.takes_images(step)


def opens_images(step: Step) -> bool:
    """Whether what a step runs gets the paths of its images, and opens them by itself."""
    if step.kind == "function":
        return function.opens_images(step)
    return step.kind in ("plantcv", "script", "shell", "notebook")
