"""Kind of step ``notebook``, before anything runs: the file must be a notebook, and what runs it there."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmake.base.errors import MissingExtraError, Problem
from pixmake.config.models import Config, Step
from pixmake.plan.analysis import file_problems
from pixmake.table.groups import Group

READS = "opened"
RUNNER = "pixmake.job.runners.notebook"

GIVEN = (
    *("id", "meta", "needs", "files", "result", "threads", "image", "images", "rows", "measurements"),
    *("part", "parts", "axes"),
)
"""The names under which a notebook gets its job, which a param cannot have."""


def check(config: Config, name: str) -> Iterator[Problem]:
    """The file, the names of params, and papermill."""
    step, where = config.steps[name], f"steps.{name}.notebook"
    problems = list(file_problems(step.runs, where))
    yield from problems
    if not problems and _cells(step.runs) is None:
        yield Problem(
            f"{step.runs} is not a Jupyter notebook of version 4", where, "save it again in Jupyter"
        )
    for param in step.params:
        if param in GIVEN:
            where = f"steps.{name}.params.{param}"
            yield Problem(f"{param!r} has a meaning of its own in a notebook", where, "rename the param")
    own = step.python or step.conda or step.container
    if not own and importlib.util.find_spec("papermill") is None:
        yield from MissingExtraError("a step that is a notebook", "papermill", "notebook").problems


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: what a notebook does with its images is its own affair."""
    return iter(())


def work(step: Step) -> Mapping[str, Any]:
    """The notebook."""
    return {"notebook": step.runs, **({"axes": step.axes} if step.axes else {})}


def source(step: Step) -> str:
    """A hash of the notebook's code and tags; what it printed and how it looks do not count."""
    code = [
        [cell["source"], cell.get("metadata", {}).get("tags", [])]
        for cell in _cells(step.runs) or []
        if cell["cell_type"] == "code"
    ]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()[:16]


def _cells(file: str) -> list[Any] | None:
    try:
        content = json.loads(Path(file).read_bytes())
        cells = content["cells"]
        whole = content["nbformat"] >= 4 and all("cell_type" in cell and "source" in cell for cell in cells)
    except (ValueError, KeyError, TypeError):
        return None
    return cells if whole else None
