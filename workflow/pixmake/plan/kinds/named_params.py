"""What kinds have in common that run another package, by params that have its own names.

For those that packages add, too: see ``docs/plugins.md``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any

from pixmake.base.errors import Problem, nearest
from pixmake.classifier.terms import PROPERTIES
from pixmake.config.models import Step

Param = tuple[Callable[[Any], bool], str]
"""What a param may be, and how that is said."""


def number(value: Any) -> bool:
    """Whether it is a number, and not `true`, which Python takes for one."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def above_0(value: Any) -> bool:
    """Whether it is a number above 0."""
    return number(value) and value > 0


def share(value: Any) -> bool:
    """Whether it is a number from 0 to 1."""
    return number(value) and 0 <= value <= 1


def whole(value: Any) -> bool:
    """Whether it is a whole number, of which 0 is the least."""
    return type(value) is int and value >= 0


def flag(value: Any) -> bool:
    """Whether it is `true` or `false`."""
    return isinstance(value, bool)


def channels(value: Any) -> bool:
    """Whether it lists numbers of channels."""
    return isinstance(value, list) and bool(value) and all(map(whole, value))


CHANNELS: Param = (channels, "numbers of channels, the first is 0, e.g. [2, 1, 0]")
MEASURED: Param = (
    lambda value: isinstance(value, list) and set(map(str, value)) <= set(PROPERTIES),
    "names of scikit-image's, e.g. [area, centroid]",
)
"""What is measured of objects."""


def check_params(step: Step, name: str, known: Mapping[str, Param]) -> Iterator[Problem]:
    """What is wrong with the params of a step, each by itself."""
    for param, value in step.params.items():
        place = f"steps.{name}.params.{param}"
        if param not in known:
            yield Problem(f"a step of kind {step.kind} has no param {param!r}", place, nearest(param, known))
        elif not known[param][0](value):
            yield Problem(f"{value!r} is no {param}", place, known[param][1])


def runs_here(step: Step) -> bool:
    """Whether a step's work is done in the Python that plans it, so that its packages can be looked at."""
    return not (step.container or step.conda or step.python)


def check_installed(step: Step, name: str, package: str, called: str, install: str) -> Iterator[Problem]:
    """Whether a package that does a step's work is missing."""
    if runs_here(step) and importlib.util.find_spec(package) is None:
        yield Problem(f"{called} is not installed here", f"steps.{name}.{step.kind}", install)


def version(step: Step, package: str) -> dict[str, str]:
    """What a job is told of the package that does its work: its version, where that can be known."""
    try:
        return {"version": metadata.version(package)} if runs_here(step) else {}
    except metadata.PackageNotFoundError:  # told by `check_installed`
        return {}
