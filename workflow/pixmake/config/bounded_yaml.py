"""YAML within bounds: what a short text makes of itself with aliases is an error, and not hours of work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_LETTERS = 10_000_000
MOST_LEVELS = 100
MOST_VALUES = 1_000_000
"""Values that a text holds, those behind an alias counted each time."""


class BoundsError(yaml.YAMLError):
    """A text that is too large, too deep, or holds itself; the message says which, and where."""


@dataclass
class _Open:
    """A list or a mapping that is being read."""

    anchor: str | None
    values: int = 1


@dataclass
class _Counts:
    levels: list[_Open] = field(default_factory=list)
    of_anchor: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def add(self, values: int, anchor: str | None = None) -> None:
        """Count values in all that is open."""
        if self.levels:
            self.levels[-1].values += values
        self.total += values
        if anchor is not None:
            self.of_anchor[anchor] = values


def load_yaml(text: str) -> Any:
    """What a YAML text says.

    Raises
    ------
    yaml.YAMLError
        It is none, or not within bounds.
    """
    check_bounds(text)
    return yaml.safe_load(text)


def check_bounds(text: str) -> None:
    """See that a YAML text is within bounds, from its parts alone.

    Raises
    ------
    yaml.YAMLError
        As `load_yaml`.
    """
    if len(text) > MOST_LETTERS:
        raise BoundsError(f"it has {len(text):,} letters; {MOST_LETTERS:,} at most")
    counts = _Counts()
    for event in yaml.parse(text):
        _count(event, counts)
        if len(counts.levels) > MOST_LEVELS:
            raise BoundsError(f"more than {MOST_LEVELS} levels{_line(event)}")
        if counts.total > MOST_VALUES:
            raise BoundsError(
                f"more than {MOST_VALUES:,} values, with what its aliases stand for{_line(event)}"
            )


def _count(event: yaml.Event, counts: _Counts) -> None:
    if isinstance(event, yaml.ScalarEvent):
        counts.add(1, event.anchor)
    elif isinstance(event, yaml.AliasEvent):
        if any(each.anchor == event.anchor for each in counts.levels):
            raise BoundsError(f"*{event.anchor} stands inside of what it means{_line(event)}")
        counts.add(counts.of_anchor.get(str(event.anchor), 1))
    elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
        counts.levels.append(_Open(event.anchor))
        counts.total += 1
    elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
        done = counts.levels.pop()
        if counts.levels:
            counts.levels[-1].values += done.values
        if done.anchor is not None:
            counts.of_anchor[done.anchor] = done.values


def _line(event: yaml.Event) -> str:
    return f", in line {event.start_mark.line + 1}" if event.start_mark else ""
