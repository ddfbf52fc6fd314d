"""Points that were made of fewer images than the others: wells without one of their sites."""

from __future__ import annotations

import pytest

from pixmake.results.report.lacking import lacking, needed_by


@pytest.mark.parametrize(
    ("members", "own", "lost", "plates", "found"),
    [
        ([[0, 1], [2, 3], [4]], [0, 0, 0], [], [1, 1, 1], {2: (1, 2)}),
        ([[0, 1], [2, 3], [4, 5]], [0, 0, 0], [3], [1, 1, 1], {1: (1, 2)}),
        ([[0], [1, 2], [3, 4]], [0, 0, 0], [0], [1, 1, 1], {0: (0, 2)}),
        # groups of any size: nothing is expected of them but what is there
        ([[0, 1], [2, 3, 4], [5]], [0, 0, 0], [4], [1, 1, 1], {1: (2, 3)}),
        # a plate of two sites beside one of three
        ([[0, 1], [2, 3], [4, 5, 6], [7, 8, 9]], [0] * 4, [], [1, 1, 2, 2], {}),
        # images that are no points themselves
        ([[], [], []], [4, 4, 3], [], [1, 1, 1], {2: (3, 4)}),
        # one that has more than the others lacks nothing, nor do the others
        ([[0], [1], [2, 3]], [0, 0, 0], [], [1, 1, 1], {}),
    ],
)
def test_what_is_lacking(
    members: list[list[int]],
    own: list[int],
    lost: list[int],
    plates: list[int],
    found: dict[int, tuple[int, int]],
) -> None:
    """As many images are expected as most points of a plate have, and those that failed are not there."""
    assert lacking(members, own, lost, plates) == found


def test_needed_steps() -> None:
    """Steps need what those need that they need; what nobody needs has no part in it."""
    settings = {
        "well": {"needs": ["measure"]},
        "measure": {"needs": ["segment"]},
        "segment": {"needs_all": ["flat"]},
        "flat": {},
        "preview": {},
    }
    assert needed_by(["well"], settings) == {"measure", "segment", "flat"}
