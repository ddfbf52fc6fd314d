"""What is known of each kind of step before anything runs: one module a kind, all of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from pixmake.base import plugins
from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.models import ADDED_KINDS, Config, Step
from pixmake.plan.kinds import (
    function,
    ilastik,
    notebook,
    onnx,
    pixel_classification,
    plantcv,
    script,
    shell,
    stitch,
)
from pixmake.table.groups import Group


class Kind(Protocol):
    """What each module here has, and each that a package adds (``pixmake.kinds``)."""

    @property
    def READS(self) -> str:
        """How the work gets its images: one of `DECODED`, `OPENED`, `OTHERWISE`."""

    @property
    def RUNNER(self) -> str:
        """The module that does the work; see `pixmake.job.runners`."""

    def check(self, config: Config, name: str) -> Iterator[Problem]:
        """What is wrong with a step, by what its config and its files say."""

    def check_images(self, step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
        """What is wrong with a step for these images; its files are in order."""

    def work(self, step: Step) -> Mapping[str, Any]:
        """What the job is told: see `pixmake.job.task.Task.work`."""

    def source(self, step: Step) -> str:
        """A hash of what is run, and of what that uses from the project; empty if `work` says it all."""


NEEDED = ("READS", "RUNNER", "check", "check_images", "work", "source")
"""The names that each kind has. One that a package adds may have more:

- ``KEYS``: of the keys of a step that not all kinds know (``program``, ``axes``, ``python``, …), those that
  it has a use for. One with ``python`` runs in the step's own Python.
- ``load`` in what ``work`` gives: a name, and ``{"files": {path: SHA-256}}``. What the function ``load`` of
  its ``RUNNER`` returns is then loaded once, by serving processes, and is ``call.models[name]``.
- ``SHARES_STARTS``: one start of its program works on many images; see `pixmake.job.runners.starts`.
"""

DECODED = "decoded"
"""pixmake decodes them, so it has to know their format."""

OPENED = "opened"
"""What the step runs gets paths, and opens them by itself."""

OTHERWISE = "otherwise"
"""The kind sees to it by itself, or it depends on the step."""


KINDS: Mapping[str, Kind] = {
    "function": function,
    "plantcv": plantcv,
    "script": script,
    "shell": shell,
    "notebook": notebook,
    "stitch": stitch,
    "pixel_classification": pixel_classification,
    "onnx": onnx,
    "ilastik": ilastik,
}
"""Those that come with pixmake, by the key of a step that names them; see `kind_of`."""


def kind_of(name: str) -> Kind:
    """A kind of step by its key.

    Raises
    ------
    PluginError
        It is of a package that cannot be used.
    """
    if name in KINDS:
        return KINDS[name]
    found: Kind = plugins.load(ADDED_KINDS[name], NEEDED)
    return found


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """Whatever a kind that a package adds raises as a `PluginError` that names the package."""
    try:
        yield
    except PixmakeError:
        raise
    except Exception as error:
        if name not in ADDED_KINDS:
            raise
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        raise plugins.PluginError([plugins.refuse(ADDED_KINDS[name], told)]) from error


def shares_starts(name: str) -> bool:
    """Whether one start of a kind's program works on many images."""
    known = name in KINDS or name in ADDED_KINDS
    return known and bool(getattr(kind_of(name), "SHARES_STARTS", False))


def decodes_images(step: Step) -> bool:
    """Whether a job has its images decoded, so that pixmake has to know their format."""
    if step.kind == "function":
        return function.decodes_images(step)
    return kind_of(step.kind).READS == DECODED


def takes_images(step: Step) -> bool:
    """Whether a job over several images asks for their files, not only for what other steps made of them."""
    return step.kind != "function" or function.takes_images(step)


def opens_images(step: Step) -> bool:
    """Whether what a step runs gets the paths of its images, and opens them by itself."""
    if step.kind == "function":
        return function.opens_images(step)
    known = step.kind in KINDS or step.kind in ADDED_KINDS  # else it is our own, which splits files
    return known and kind_of(step.kind).READS == OPENED
