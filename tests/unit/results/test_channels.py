"""Named images of the page: which mask lies over which of them."""

from __future__ import annotations

import pytest

from pixmake.results.report.channels import channels_of, files_of_channel


@pytest.mark.parametrize(
    ("files", "channel", "found"),
    [
        (["dapi_mask", "gfp_mask"], "GFP", ["gfp_mask"]),
        (["segment: mask_dapi", "segment: cells"], "DAPI", ["segment: mask_dapi"]),
        (["segment: mask_dapi", "segment: cells"], "GFP", ["segment: cells"]),
        (["mask"], "DAPI", ["mask"]),
        (["mask"], "GFP", ["mask"]),
        (["gfp2_mask"], "GFP", ["gfp2_mask"]),
        (["dapi_mask"], "GFP", []),
        (["c 1 mask", "c 10 mask"], "c 1", ["c 1 mask"]),
    ],
)
def test_masks_of_a_channel(files: list[str], channel: str, found: list[str]) -> None:
    """A mask that bears a channel's name is its own; one that bears none is everybody's."""
    given = [(name, f"{name}.png") for name in files]
    assert [name for name, _ in files_of_channel(given, channel, ["DAPI", "GFP", "c 1"])] == found


def test_channels_of_points() -> None:
    """By name a picture of each point; none where points have one image only, or no picture of their own."""
    names = {0: ["DAPI", "GFP"], 1: ["DAPI"], 2: ["DAPI", "GFP"]}
    assert channels_of(names, ["a", "b", "c"], [True, True, False]) == {
        "DAPI": ["a", "b", ""],
        "GFP": ["a++1", "", ""],
    }
    assert channels_of({0: ["DAPI"]}, ["a"], [True]) == {}
