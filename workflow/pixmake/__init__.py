"""pixmake: one Snakemake rule per image, one table at the end.

Importing this package imports nothing but the standard library, so that it is there in every Python
environment that a step names. What is named here is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pixmake.records import Measurement

if TYPE_CHECKING:
    from pixmake.parallel import Failed as Failed
    from pixmake.parallel import Parallel as Parallel
    from pixmake.parallel import Task as Task
    from pixmake.parallel import TaskError as TaskError

__version__ = "0.1.0"

_HOMES = {
    "Failed": "parallel",
    "Parallel": "parallel",
    "Task": "parallel",
    "TaskError": "parallel",
}
"""Public names and the modules that they live in."""

__all__ = ["Measurement", "__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"pixmake.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'pixmake' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
