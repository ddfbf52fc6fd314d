"""What is in force in a project, value by value, and where each came from: ``pixmake config show``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from pixmake.config.models import Config
from pixmake.config.settings import FoundSettings
from pixmake.plan.executors import (
    DEFAULT,
    chosen_executors,
    defined_executors,
    executor_values,
    place_steps,
)

Line = tuple[str, Any, str]
"""A dotted key, its value, and the file that it came from, or ``default``."""


def settings_lines(found: FoundSettings) -> Iterator[Line]:
    """What the machine's settings say, for use outside of a project."""
    yield "cores", found.settings.cores or "all", found.source if found.settings.cores else DEFAULT
    if DEFAULT not in found.settings.executors:
        yield f"executors.{DEFAULT}", {}, DEFAULT
    for name, executor in found.settings.executors.items():
        values = executor_values(executor)
        yield from ((f"executors.{name}.{key}", value, found.source) for key, value in values.items())
        if not values:
            yield f"executors.{name}", {}, found.source
    for step, name in found.settings.steps.items():
        yield f"steps.{step}.executor", name, found.source


def project_lines(config: Config, found: FoundSettings, source: str) -> Iterator[Line]:
    """What is in force in a project: its own config on top of the machine's settings.

    Raises
    ------
    PixmakeError
        Steps that name executors which nobody defines.
    """
    names = chosen_executors(config, found, source)
    yield "cores", found.settings.cores or "all", found.source if found.settings.cores else DEFAULT
    for key in ("results", "on_error", "max_failures"):
        yield key, getattr(config, key), source if key in config.model_fields_set else DEFAULT
    for name in sorted(defined_executors(config, found)):
        merged: dict[str, tuple[Any, str]] = {}
        for defined, origin in ((found.settings.executors, found.source), (config.executors, source)):
            if name in defined:
                said = executor_values(defined[name])
                merged.update({key: (value, origin) for key, value in said.items()})
                merged.setdefault("", ({}, origin))
        if not merged:
            yield f"executors.{name}", {}, DEFAULT
        for key, (value, origin) in merged.items():
            if key or len(merged) == 1:
                yield f"executors.{name}{'.' if key else ''}{key}", value, origin
    for step, placement in place_steps(config, found, source).items():
        yield f"steps.{step}.executor", *names[step]
        for key, (value, origin) in placement.values.items():
            yield f"steps.{step}.{key}", value, origin


def as_lines(lines: list[Line]) -> Iterator[str]:
    """The lines as text, in columns."""
    shown = [(key, yaml.safe_dump(value, default_flow_style=True).split("\n")[0]) for key, value, _ in lines]
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    for (key, value), (_, _, origin) in zip(shown, lines, strict=True):
        yield f"{key:<{widths[0]}}  {value:<{widths[1]}}  {origin}"
