"""What an image's own job leaves of its picture for the page: a thumbnail, and its quality.

Both are made of the pixels that the analysis is given, before it has them. Where a job decodes its image by
other means (a script, a program), the page makes the thumbnail. Whatever goes wrong here, the image's result
does not depend on it. Standard library only at import.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Part
from pixmake.images.onlooker import looking_on
from pixmake.images.quality import quality_of
from pixmake.images.thumbnail import names_of, plane_of, save_pictures, time_of
from pixmake.job.record import STORED
from pixmake.job.task import Limits, Task

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

QUALITY = "quality"
"""What a record calls the quality of its picture, among what it says of its run."""

_FOUND: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
"""What is known of the jobs of this process that have not come to their end, by step and id."""


def facts(task: Task) -> dict[str, dict[str, float]]:
    """What is known of the picture of a job, for its record; it is told once."""
    return _FOUND.pop((task.step, task.id), {})


@contextlib.contextmanager
def pictured(task: Task, limits: Limits) -> Iterator[None]:
    """Look at a job's first image when it is decoded, if the page is to show it."""
    # a job over several images shows one of these, whose own job has made its picture
    if not limits.pictures or task.members or not task.images or os.environ.get(STORED):
        yield
        return
    path, part = task.images[0], dict(task.parts[0]) if task.parts else {}
    version = task.versions[0] if task.versions else ""
    seen: list[str] = []

    def look(decoded: str, which: Part, axes: str | None, array: Array) -> None:
        if seen or decoded != path or dict(which) != part:
            return
        seen.append(decoded)
        with contextlib.suppress(Exception):
            plane = plane_of(array, axes)
            if plane is not None and plane.size:
                if limits.quality:
                    _FOUND[task.step, task.id] = {QUALITY: quality_of(plane)}
                _save(plane, Path(limits.pictures), names_of(task.id, path, part), time_of(path, version))

    with looking_on(look):
        yield


def _save(plane: Array, folder: Path, names: tuple[str, str], time: int | None) -> None:
    """Write the pictures, unless another step's job has."""
    if time is not None and any(name and time_of(f"{folder}/{name}", "") != time for name in names):
        save_pictures(plane, folder, names, time)
