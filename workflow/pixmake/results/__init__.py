"""From records to tables, page and provenance.

For users' own code: `read_table`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixmake.results.read import read_table as read_table


def __getattr__(name: str) -> Any:
    if name == "read_table":  # when first asked for: most of this room does without it
        from pixmake.results import read

        return read.read_table
    raise AttributeError(f"module 'pixmake.results' has no attribute {name!r}")
