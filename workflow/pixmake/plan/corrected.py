"""Files that were corrected by hand: which of them stand in for a step's own, and which belong to nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pixmake.base.errors import Problem, nearest
from pixmake.base.system_names import is_of_system
from pixmake.config.models import Step


def corrected_files(step: Step, job_id: str) -> dict[str, tuple[str, str]]:
    """Of each of a job's files that was corrected its path and a hash of its content."""
    if step.corrected is None:
        return {}
    paths = {name: _path(step.corrected, job_id, name, suffix) for name, suffix in step.files.items()}
    return {
        name: (path, hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16])
        for name, path in paths.items()
        if os.path.isfile(path)
    }


def corrected_problems(step: Step, name: str, ids: Iterable[str]) -> Iterator[Problem]:
    """The folder that is not there, and files in it that no job would write."""
    if step.corrected is None:
        return
    where = f"steps.{name}.corrected"
    if not step.files:
        yield Problem("the step makes no files that could be corrected", where, "name them under `files`")
        return
    if not os.path.isdir(step.corrected):
        yield Problem(f"there is no folder {step.corrected!r}", where, "make it, or remove this line")
        return
    expected = {
        os.path.normpath(_path(step.corrected, each, file, suffix))
        for each in ids
        for file, suffix in step.files.items()
    }
    for folder, _, files in os.walk(step.corrected):
        for file in sorted(files):
            path = os.path.normpath(os.path.join(folder, file))
            if path not in expected and not is_of_system(file, folder=False):
                names = [os.path.basename(each) for each in expected] if len(expected) < 1000 else []
                hint = nearest(file, names) or f"files are called as those in results/{name}"
                yield Problem("no job of this step makes a file of this name", path, hint)


def _path(folder: str, job_id: str, name: str, suffix: str) -> str:
    return f"{folder.rstrip('/')}/{job_id}.{name}.{suffix.lstrip('.')}"
