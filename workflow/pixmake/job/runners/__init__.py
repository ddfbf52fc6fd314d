"""How a job's work is done: one module a kind of step, each with ``run(call) -> Outcome``.

A module may have ``PRELOAD``, the modules that the warm process imports before the first image, and
``OPENS_FILES``, if its images are opened by their names: it gets local copies of those at URIs. It
may have ``prepare(work)``, which reads there what every image of a step needs, and
``load(work, device, threads)``, which loads what does not cross a fork; see `pixmake.job.models`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from pixmake.base import plugins
from pixmake.base.errors import Problem
from pixmake.images.axes import WHOLE, Part
from pixmake.job.gathered import Gathered
from pixmake.job.task import Limits, Task

MODULES = {
    kind: f"pixmake.job.runners.{kind}"
    for kind in (
        *("function", "plantcv", "script", "shell", "notebook", "split", "stitch"),
        *("pixel_classification", "onnx", "ilastik"),
    )
}
"""The module of each kind of step that comes with pixmake; see `runner`."""


def runner(kind: str) -> Any:
    """The module that does the work of a kind of step, imported where a job needs it.

    Raises
    ------
    PixmakeError
        It is of a package that is not there, or that cannot be used.
    """
    if kind in MODULES:
        return import_module(MODULES[kind])
    entry = plugins.installed("kinds").get(kind)
    if entry is None:
        hint = plugins.unknown_hint("kinds", kind, MODULES)
        raise plugins.PluginError([Problem(f"no package here adds the kind of step {kind!r}", hint=hint)])
    found = plugins.load(entry)
    return import_module(found.RUNNER) if hasattr(found, "RUNNER") else found


@dataclass(frozen=True)
class Call:
    """A task with the paths that it works on."""

    task: Task
    images: tuple[str, ...]
    needed: Mapping[str, str]
    """The files of the needed steps, by name."""
    outputs: Mapping[str, str]
    """Where the step's own files are to be written, by name."""
    threads: int = 1
    record: str = ""
    log: str = ""
    gathered: Gathered = field(default_factory=Gathered)
    """What the job has of several images, and the measurements of the needed steps."""
    limits: Limits = field(default_factory=Limits)
    models: Mapping[str, Any] = field(default_factory=dict)
    """What the step has loaded once, by name."""
    stamp: Callable[[], str] = str
    """Gives what its files say of where they come from; see `pixmake.job.stamp`."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Which part of each image is meant."""
        return self.task.parts or (WHOLE,) * len(self.images)

    @property
    def axes(self) -> str | None:
        """The axes that the step asks for."""
        return self.task.work.get("axes")


@dataclass(frozen=True)
class Outcome:
    """What a job found: measurements as they stand in a record. Its files are written."""

    measurements: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    """What else to note of this run, such as a program's version."""
