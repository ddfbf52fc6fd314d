"""Tiles put together again: the labels are those of the whole image, whatever the tiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label, regionprops_table

from pixmake.config.images import Tile
from pixmake.images.stitch import GridError, Numbers, Region, cores, match_labels, moved, object_rows
from pixmake.table.planes import tiles


def cut(image: np.ndarray, size: int, overlap: int) -> list[Region]:
    """The tiles of an image."""
    return [Region(**each) for each in tiles(*image.shape, Tile(size=size, overlap=overlap))]


def put_together(
    parts: list[np.ndarray], regions: list[Region], shape: tuple[int, ...], least: float
) -> tuple[np.ndarray, list[Numbers]]:
    """The stitched image of labelled tiles."""
    numbers = match_labels(regions, parts.__getitem__, shape, least)
    whole = np.zeros(shape, np.uint32)
    for part, region, core, of_tile in zip(parts, regions, cores(regions), numbers, strict=True):
        whole[core.y : core.bottom, core.x : core.right] = of_tile.of(part[core.inside(region)])
    return whole, numbers


def same_but_for_numbers(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two label images show the same objects."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs) and bool(
        np.array_equal(one == 0, other == 0)
    )


@st.composite
def blobs(draw: Callable) -> np.ndarray:
    """A picture of blobs, some fine, some coarse; with snakes through many tiles."""
    height, width = draw(st.integers(1, 45)), draw(st.integers(1, 45))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    grain = draw(st.sampled_from([1, 2, 5]))
    coarse = chance.random((height // grain + 1, width // grain + 1)) < draw(st.floats(0.2, 0.8))
    return np.kron(coarse, np.ones((grain, grain), bool))[:height, :width]


@settings(max_examples=80, deadline=None)
@given(blobs(), st.integers(3, 30), st.integers(0, 15), st.sampled_from([1, 2]))
def test_stitched_tiles_equal_the_whole(mask: np.ndarray, size: int, overlap: int, connectivity: int) -> None:
    """Connected components of tiles are, once stitched, those of the whole image."""
    overlap = min(overlap, size // 2)
    if overlap == 0:
        connectivity = 1  # tiles that only touch are compared along their sides
    whole = label(mask, connectivity=connectivity)
    regions = cut(mask, size, overlap)
    parts = [
        label(mask[each.y : each.bottom, each.x : each.right], connectivity=connectivity) for each in regions
    ]
    stitched, _ = put_together(parts, regions, mask.shape, 0)
    assert same_but_for_numbers(stitched, whole)
    assert stitched.max() == whole.max(), "numbers go from 1 on without gaps"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(24, 40), st.integers(0, 3))
def test_objects_that_touch_stay_apart_and_are_measured_whole(seed: int, size: int, missing: int) -> None:
    """Round objects, side by side, none wider than the overlap: labels and measurements are the image's."""
    chance = np.random.default_rng(seed)
    height, width = chance.integers(20, 90, 2)
    whole = np.zeros((height, width), np.int64)
    rows, columns = np.mgrid[:height, :width]
    for number, (y, x) in enumerate(chance.integers(0, 90, (40, 2)), 1):
        disc = (rows - y) ** 2 + (columns - x) ** 2 <= chance.integers(2, 4) ** 2
        if not whole[disc].any():
            whole[disc] = number
    regions = cut(whole, size, 12)
    parts = []
    for each in regions:
        part = whole[each.y : each.bottom, each.x : each.right]
        _, shuffled = np.unique(part, return_inverse=True)  # each tile has its own numbers
        parts.append(np.where(part, shuffled.reshape(part.shape) + 1, 0))
    stitched, numbers = put_together(parts, regions, whole.shape, 0.5)
    assert same_but_for_numbers(stitched, whole)
    found = object_rows(
        [moved(measured(part), region) for part, region in zip(parts, regions, strict=True)], numbers, "label"
    )
    expected = measured(stitched)
    assert not found["cut"].any()
    pd.testing.assert_frame_equal(found.drop(columns="cut"), expected, check_dtype=False)


def measured(labels: np.ndarray) -> pd.DataFrame:
    """What scikit-image measures of each object."""
    names = ("label", "area", "centroid", "bbox")
    return pd.DataFrame(regionprops_table(labels, properties=names))


def test_an_object_wider_than_the_overlap_is_said_to_be_cut() -> None:
    """Its row is that of the tile that holds most of it."""
    whole = np.zeros((10, 40), int)
    whole[4:6, 5:35] = 1
    regions = cut(whole, 20, 4)
    parts = [whole[:, each.x : each.right] for each in regions]
    _, numbers = put_together(parts, regions, whole.shape, 0.5)
    tables = [
        moved(pd.DataFrame({"label": [1], "y": [4.5], "x": [x]}), region)
        for x, region in zip((12, 9, 1), regions, strict=True)
    ]
    rows = object_rows(tables, numbers, "label")
    assert rows.to_dict("records") == [{"label": 1, "y": 4.5, "x": 25.0, "cut": True}]


def test_names_of_coordinates() -> None:
    """Which columns are moved, and which are left."""
    names = [
        "y",
        "x",
        "centroid_y",
        "x_max",
        "bbox-0",
        "bbox-3",
        "centroid_weighted-1",
        "area",
        "sigma_x",
        "max",
        "c-0",
    ]
    table = moved(pd.DataFrame([[0] * len(names)], columns=names), Region(10, 20, 5, 5))
    assert table.iloc[0].tolist() == [10, 20, 10, 20, 10, 20, 20, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("regions", "why"),
    [
        ([Region(0, 0, 4, 10), Region(0, 0, 4, 12)], "one goes from 0 to 10, another from 0 to 12"),
        ([Region(0, 0, 4, 10), Region(0, 0, 4, 10)], "a tile stands twice"),
    ],
)
def test_tiles_that_make_no_grid(regions: list[Region], why: str) -> None:
    """They are told, not stitched wrongly."""
    with pytest.raises(GridError, match=why):
        cores(regions)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 99), st.integers(1, 99), st.integers(4, 90), st.integers(0, 45))
def test_tiles_cover_the_image(height: int, width: int, size: int, overlap: int) -> None:
    """Once each pixel, by the tiles' own parts; no tile lies inside another."""
    tile = Tile(size=size, overlap=min(overlap, size // 2))
    regions = [Region(**each) for each in tiles(height, width, tile)]
    covered = np.zeros((height, width), int)
    for each in cores(regions):
        covered[each.y : each.bottom, each.x : each.right] += 1
    assert (covered == 1).all()
    assert all(each.height <= size and each.bottom <= height for each in regions)
