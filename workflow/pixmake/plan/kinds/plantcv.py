"""Kind of step ``plantcv``, before anything runs: the script, its options, and the names of its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.base.errors import Problem
from pixmake.config.models import Config, Step
from pixmake.plan.analysis import file_hash, file_problems
from pixmake.table.groups import Group

READS = "opened"
RUNNER = "pixmake.job.runners.plantcv"

OPTIONS = ("outdir", "result", "names", "writeimg", "checkpoint", "tmpfile", "images")
"""PlantCV's own options, which a param cannot be."""


def check(config: Config, name: str) -> Iterator[Problem]:
    """The file, and params that would be PlantCV's own options."""
    step = config.steps[name]
    yield from file_problems(step.runs, f"steps.{name}.plantcv")
    for param, value in step.params.items():
        where = f"steps.{name}.params.{param}"
        if param in OPTIONS:
            hint = "`writeimg: true` of the step, or its files, such as `files: {mask: png}`, turn it on"
            yield Problem(f"--{param} is given by pixmake", where, hint if param == "writeimg" else "")
        if isinstance(value, dict):
            yield Problem(f"{param}: an option's value is a text, a number, or a list of them", where)


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """PlantCV reads files as a whole, lower-cases the names of a group's images, and parts them by commas."""
    told: set[tuple[str, ...]] = set()
    parted = next((group for group in groups if group.parts), None)
    if parted is not None:
        what = "a PlantCV workflow reads whole files, but this row means a part of its image"
        yield Problem(what, f"{parted.where}, steps.{name}", "a step that is a function gets that part")
    for group in groups:
        if group.names in told:
            continue
        told.add(group.names)
        first: dict[str, str] = {}
        for image in group.names:
            twin = first.setdefault(image.lower(), image)
            if twin != image:
                what = f"PlantCV makes one name of {twin!r} and {image!r}: it does not tell case apart"
                yield Problem(what, group.where, "name them differently in the column of images.name_by")
            if "," in image:
                yield Problem(f"PlantCV parts names by commas: {image!r}", group.where)


def work(step: Step) -> Mapping[str, Any]:
    """The script, and whether all pictures that it writes are kept."""
    return {"script": step.runs, **({"writeimg": True} if step.writeimg else {})}


def source(step: Step) -> str:
    """A hash of the script and of the project's own modules that it imports."""
    return file_hash(step.runs)
