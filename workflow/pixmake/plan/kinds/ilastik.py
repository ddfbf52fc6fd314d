"""Kind of step ``ilastik``, before anything runs: the project, the program, and what is made with them."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.classifier.ilastik_project import Project, read_project
from pixmake.config.models import Config, Step
from pixmake.job.runners.ilastik import LEAST_RAM_MB, RAM_SHARE
from pixmake.plan.kinds import classified
from pixmake.table.groups import Group

READS = "otherwise"
RUNNER = "pixmake.job.runners.ilastik"
SHARES_STARTS = True

PROGRAMS = ("run_ilastik.sh", "ilastik")
"""What starts ilastik, where no step says so."""


def check(config: Config, name: str) -> Iterator[Problem]:
    """The project, ilastik itself, the files that are to be written, and how objects are to be measured."""
    step, where = config.steps[name], f"steps.{name}"
    classes: Sequence[str] = ()
    if not os.path.isfile(step.runs):
        yield Problem(f"there is no project {step.runs}", f"{where}.ilastik", "save one in ilastik")
    else:
        try:
            classes = _project(step.runs, _version(step.runs)).classes
        except PixmakeError as error:
            yield from (Problem(each.what, f"{where}.ilastik", each.hint) for each in error.problems)
    if not (step.container or step.conda) and program(step) is None:
        what = f"there is no program {step.program or PROGRAMS[0]}"
        hint = "install ilastik, and name its start script: program: /opt/ilastik-1.4.1-Linux/run_ilastik.sh"
        yield Problem(what, f"{where}.program", hint)
    yield from _memory_problems(step, where)
    yield from classified.check_step(config, name, classes)


def _memory_problems(step: Step, where: str) -> Iterator[Problem]:
    """Less memory than ilastik lets itself be told of."""
    memory = step.resources.given().get("mem_mb")
    least = math.ceil(LEAST_RAM_MB / RAM_SHARE)
    if isinstance(memory, int) and memory < least:
        what = f"ilastik takes {LEAST_RAM_MB} MB or more for its work, three quarters of {memory} are less"
        yield Problem(what, f"{where}.resources.mem_mb", f"{least} or more")


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: an image that ilastik cannot use fails by itself."""
    return iter(())


def work(step: Step) -> Mapping[str, Any]:
    """The project and its hash, its classes, and what starts ilastik."""
    project = _project(step.runs, _version(step.runs))
    with open(step.runs, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    told: dict[str, Any] = {
        "project": step.runs,
        "hash": digest,
        "classes": list(project.classes),
        "workflow": project.workflow,
        "program": step.program or program(step) or PROGRAMS[0],
        "probabilities": "probabilities" in step.files,
    }
    return {**told, "axes": step.axes} if step.axes else told


def source(step: Step) -> str:
    """Nothing: what is run is the project."""
    return ""


def program(step: Step) -> str | None:
    """What starts ilastik, if it is there: a path as it was given, or the name of what is on the PATH."""
    names = [step.program] if step.program else PROGRAMS
    return next((name for name in names if shutil.which(name)), None)


def _version(path: str) -> int:
    return os.stat(path).st_mtime_ns


@lru_cache
def _project(path: str, version: int) -> Project:
    return read_project(path)
