"""Numbers as people write them, where a comparison needs numbers."""

from __future__ import annotations

from typing import Any

import pytest

from pixmake.base.numerals import numbers_of

AMBIGUOUS = "a comma may be a decimal one or not: write 1234 or 1.234"
MIXED = "numbers such as 12,5 and 090 are read where all filled cells of a column are numbers"
NONE = "write numbers as 12.5, and leave cells without one empty"


@pytest.mark.parametrize(
    ("cells", "values", "unread", "remedy"),
    [
        ([1, 2.5, None], [1, 2.5, None], [], ""),
        (["12,5", 13, "14,75"], [12.5, 13, 14.75], [], ""),
        (["000", "045", 180], [0, 45, 180], [], ""),
        (["1e-3", "1E4", 0.01], [0.001, 10000.0, 0.01], [], ""),
        (["+3", ".5", "5.", "-,5"], [3, 0.5, 5.0, -0.5], [], ""),
        (["0,125", "0,250"], [0.125, 0.25], [], ""),
        (["1,234", "12,5"], [1.234, 12.5], [], ""),
        (["12,5", 13.2], [12.5, 13.2], [], ""),
        (["1,234", "2,500"], [None, None], [0, 1], AMBIGUOUS),
        (["1,234", 12.5], [None, 12.5], [0], AMBIGUOUS),
        (["1.234,5"], [None], [0], NONE),
        (["090", "n.a.", 7], [None, None, 7], [0, 1], MIXED),
        (["P1", None], [None, None], [0], NONE),
        ([True, 1], [None, 1], [0], NONE),
        (["nan", "inf", "1e999"], [None, None, None], [0, 1, 2], NONE),
        (["٣"], [None], [0], NONE),
        (["1" * 500], [None], [0], NONE),
        (["12 5", ""], [None, None], [0, 1], NONE),
    ],
)
def test_numbers(cells: list[Any], values: list[Any], unread: list[int], remedy: str) -> None:
    """All texts of a column are read, or none is; a comma is a decimal one only where that is sure."""
    found = numbers_of(cells)
    assert (list(found.values), list(found.unread), found.remedy) == (values, unread, remedy)
