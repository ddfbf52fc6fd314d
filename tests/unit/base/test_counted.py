"""What messages count is one thing, or several things."""

from __future__ import annotations

import pytest

from pixmake.base.counted import counted


@pytest.mark.parametrize(
    ("count", "what", "said"),
    [(0, "image", "0 images"), (1, "image", "1 image"), (2, "other image", "2 other images")],
)
def test_one_or_several(count: int, what: str, said: str) -> None:
    assert counted(count, what) == said
