"""A column of the page's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column of the page's table, with its values in the order of its points."""

    key: str
    kind: str
    """``term``, ``measurement`` or ``run``."""
    type: str
    """``number``, ``text``, ``bool`` or ``time`` (milliseconds since 1970)."""
    unit: str
    step: str
    values: list[Any]

    def distinct(self) -> list[Any]:
        """Its values, each once, in their order; those that are empty left out."""
        return sorted({value for value in self.values if value is not None})
