"""Where a step runs: an interpreter, a conda environment or a container of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from pixmake.base.errors import Problem
from pixmake.config.models import ADDED_KINDS, Step, knows

FILES = (".yaml", ".yml")


def environment_problems(step: Step, name: str) -> Iterator[Problem]:
    """What a step names that is not there."""
    if step.python is not None and shutil.which(step.python) is None:
        what = "is no program that can be run" if os.path.exists(step.python) else "there is no such file"
        hint = "the path of an interpreter, e.g. envs/plantcv/bin/python"
        yield Problem(f"{step.python}: {what}", f"steps.{name}.python", hint)
    if step.conda is not None and step.conda.endswith(FILES) and not os.path.isfile(step.conda):
        yield Problem(f"there is no file {step.conda}", f"steps.{name}.conda")
    if step.container is not None and "://" not in step.container and not os.path.exists(step.container):
        hint = "a file *.sif, or e.g. docker://ghcr.io/lab/tool:1.0"
        yield Problem(f"there is no file {step.container}", f"steps.{name}.container", hint)


def conda_of(step: Step) -> str | None:
    """The conda environment of a step as Snakemake takes it: files by their whole path, or a name."""
    if step.conda is None or not (step.conda.endswith(FILES) or os.path.isdir(step.conda)):
        return step.conda
    return os.path.abspath(step.conda)


def runs_python(step: Step) -> bool:
    """Whether the step's own work is done by a Python with packages of its own."""
    if step.kind in ADDED_KINDS:
        return knows(step.kind, "python")
    kinds = ("function", "plantcv", "notebook", "pixel_classification", "onnx")
    return step.kind in kinds or step.runs.endswith(".py")
