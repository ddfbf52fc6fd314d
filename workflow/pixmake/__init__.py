"""pixmake: one Snakemake rule per image, one table at the end.

Importing this package imports nothing but the standard library, so that it is there in every Python
environment that a step names. What is named here is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pixmake.base.installed import VERSION as __version__

if TYPE_CHECKING:
    from pixmake.api.frames import Results as Results
    from pixmake.api.parallel import Failed as Failed
    from pixmake.api.parallel import Parallel as Parallel
    from pixmake.api.parallel import Task as Task
    from pixmake.api.parallel import TaskError as TaskError
    from pixmake.api.pipeline import step as step
    from pixmake.api.project import ParallelConfig as ParallelConfig
    from pixmake.api.project import Project as Project
    from pixmake.api.project import map_images as map_images
    from pixmake.api.run import FailedImagesWarning as FailedImagesWarning
    from pixmake.api.run import Progress as Progress
    from pixmake.api.run import Run as Run
    from pixmake.api.run import RunError as RunError
    from pixmake.base.errors import PixmakeError as PixmakeError
    from pixmake.job.record import Measurement as Measurement

_HOMES = {
    "Failed": "api.parallel",
    "FailedImagesWarning": "api.run",
    "Measurement": "job.record",
    "Parallel": "api.parallel",
    "ParallelConfig": "api.project",
    "PixmakeError": "base.errors",
    "Progress": "api.run",
    "Project": "api.project",
    "Results": "api.frames",
    "Run": "api.run",
    "RunError": "api.run",
    "Task": "api.parallel",
    "TaskError": "api.parallel",
    "map_images": "api.project",
    "step": "api.pipeline",
}
"""Public names and the modules that they live in."""

__all__ = [
    "Failed",
    "FailedImagesWarning",
    "Measurement",
    "Parallel",
    "ParallelConfig",
    "PixmakeError",
    "Progress",
    "Project",
    "Results",
    "Run",
    "RunError",
    "Task",
    "TaskError",
    "__version__",
    "map_images",
    "step",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"pixmake.{_HOMES[name]}"), name)
    if name == "results":  # a package of its own, for `pixmake.results.read_table`
        return importlib.import_module("pixmake.results")
    raise AttributeError(f"module 'pixmake' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
