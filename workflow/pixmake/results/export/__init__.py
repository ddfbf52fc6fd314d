"""The formats of tables: one module a format.

Each has a context manager that opens a table's file and gives what takes its rows, one at a time, in memory
that does not grow with their number. The file is renamed to its name once it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Put = Callable[[Sequence[Any]], None]
"""Takes a row: a value for each column of its table."""


@dataclass(frozen=True)
class Writing:
    """A table that is being written, after one that was written before."""

    put: Put
    copy: Callable[[int, int], None]
    """Takes rows that stand together in the table of before: the number of the first, counted from 0, and how
    many. What is written is the same as if they were put."""
