"""Kind of step ``cellprofiler``, before anything runs: the pipeline, the program, the channels, the files."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmake.base.errors import Problem, nearest
from pixmake.config.models import Config, Step
from pixmake.table.groups import Group

READS = "opened"
RUNNER = "pixmake_cellprofiler.run"
KEYS = ("program",)
SHARES_STARTS = True

PROGRAM = "cellprofiler"
"""What starts CellProfiler, where no step says so."""

PARAMS = ("channel",)
"""What can stand in `params`: what the pipeline calls the image of a job that has but one."""

_HEAD = "CellProfiler Pipeline:"
_MODULE = re.compile(r"^(\w+):\[module_num:\d+\|.*?enabled:(True|False)", re.MULTILINE)
_CHANNEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(config: Config, name: str) -> Iterator[Problem]:
    """The pipeline and its modules, CellProfiler itself, params and files."""
    step, where = config.steps[name], f"steps.{name}"
    yield from _pipeline_problems(step.runs, f"{where}.cellprofiler")
    if not (step.container or step.conda) and shutil.which(step.program or PROGRAM) is None:
        hint = "install CellProfiler, and name what starts it: program: /opt/cellprofiler/bin/cellprofiler"
        yield Problem(f"there is no program {step.program or PROGRAM}", f"{where}.program", hint)
    for param, value in step.params.items():
        if param not in PARAMS:
            yield Problem(f"unknown param {param!r}", f"{where}.params", nearest(param, PARAMS))
        elif not isinstance(value, str) or not _CHANNEL.fullmatch(value):
            hint = "as in the pipeline, e.g. DNA"
            yield Problem(f"{value!r} is no name of a channel", f"{where}.params.{param}", hint)
    if config.images.group_by and "channel" in step.params:
        hint = "remove it: images of a group are named by images.name_by"
        yield Problem("`channel` names a single image", f"{where}.params.channel", hint)


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Whole files, and channels whose names CellProfiler takes."""
    for group in groups:
        if group.parts:
            what = "CellProfiler reads whole files, but this row means a part of its image"
            hint = "a step that is a function can write that part as a file"
            yield Problem(what, f"{group.where}, steps.{name}", hint, f"parts for {name}")
        for channel in group.names:
            if not _CHANNEL.fullmatch(channel):
                what = f"{channel!r} is no name of a channel for CellProfiler"
                hint = "letters, digits and _, in the column of images.name_by"
                yield Problem(what, f"{group.where}, steps.{name}", hint, f"channels of {name}")


def work(step: Step) -> Mapping[str, Any]:
    """The pipeline and its hash, and what starts CellProfiler."""
    digest = hashlib.sha256(Path(step.runs).read_bytes()).hexdigest()[:16]
    return {"pipeline": step.runs, "hash": digest, "program": step.program or PROGRAM}


def source(step: Step) -> str:
    """Nothing: what is run is the pipeline."""
    return ""


def _pipeline_problems(path: str, where: str) -> Iterator[Problem]:
    if not os.path.isfile(path):
        yield Problem(f"there is no pipeline {path}", where, "in CellProfiler: File > Export > Pipeline")
        return
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    if not text.startswith(_HEAD):
        hint = f"it starts with {_HEAD!r}; a project (*.cpproj) is exported as a pipeline"
        yield Problem(f"{path} is no pipeline of CellProfiler", where, hint)
        return
    modules = {module for module, enabled in _MODULE.findall(text) if enabled == "True"}
    for module, hint in (
        ("LoadData", "put it in place of Images, Metadata, NamesAndTypes and Groups: pixmake writes its CSV"),
        ("ExportToSpreadsheet", "its CSVs, in the default output folder, are what pixmake reads"),
    ):
        if module not in modules:
            yield Problem(f"{path} has no module {module}", where, hint)
