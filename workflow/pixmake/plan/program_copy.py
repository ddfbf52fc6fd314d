"""Leaves a copy of what a step runs, so that all images of a run are measured by one program."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.plan.analysis import local_modules

FOLDER = ".snakemake/pixmake/source"


def program_files(work: Mapping[str, Any]) -> list[str]:
    """The user's files that a step runs: its own, and of Python the project's modules that it imports.

    Parameters
    ----------
    work
        What its jobs are told; see `pixmake.job.task.Task`.
    """
    file = work.get("script") or work.get("notebook") or str(work.get("function", "")).rpartition(":")[0]
    loaders = [each.get("function", "").rpartition(":")[0] for each in work.get("load", {}).values()]
    files = dict.fromkeys(each for each in (file, *loaders) if each)
    modules = {str(module) for each in files if each.endswith(".py") for module in local_modules(each)}
    return [*files, *sorted(modules - set(files))]


def leave_copies(files: Iterable[str]) -> str:
    """Copy files, and write the list that `pixmake.job.program` reads.

    Returns
    -------
    str
        The list; empty if there are no files, or they cannot be copied: they are then run as they are.
    """
    try:
        kept = [_copied(file) for file in files]
        return _written(json.dumps(kept).encode(), ".json") if kept else ""
    except OSError:
        return ""


def _copied(file: str) -> dict[str, object]:
    status = os.stat(file)
    content = Path(file).read_bytes()
    sha = hashlib.sha256(content).hexdigest()
    copy = _written(content, Path(file).suffix)
    return {
        "path": file,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": sha,
        "copy": copy,
    }


def _written(content: bytes, suffix: str) -> str:
    """Write a file whose name says its content, if it is not there."""
    path = Path(FOLDER) / f"{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
    if not path.exists():
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    return str(path)
