"""The formats of tables: one module a format.

Each has a context manager that opens a table's file and gives a function that takes its rows, one at a
time, in memory that does not grow with their number. The file is renamed to its name once it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Put = Callable[[Sequence[Any]], None]
"""Takes a row: a value for each column of its table."""
