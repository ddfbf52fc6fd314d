"""The small picture: which plane it shows, and that both who make it make the same."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from pixmake.images.thumbnail import names_of, plane_of, save_pictures, shrunk, time_of


@pytest.mark.parametrize(
    ("shape", "axes", "shown"),
    [
        ((4, 5), None, (4, 5)),
        ((4, 5, 3), None, (4, 5, 3)),
        ((2, 4, 5), None, None),
        ((2, 7, 4, 5), "czyx", (4, 5)),
        ((4, 5, 3), "yxc", (4, 5, 3)),
        ((4, 5, 9), "yxc", (4, 5)),
        ((5, 4), "xy", (4, 5)),
        ((3,), "c", None),
    ],
)
def test_the_plane_that_is_shown(
    shape: tuple[int, ...], axes: str | None, shown: tuple[int, ...] | None
) -> None:
    """The first time and channel; colours stay together; none where the axes are not known."""
    found = plane_of(np.zeros(shape, np.uint8), axes)
    assert (None if found is None else found.shape) == shown


def test_the_middle_of_the_depth() -> None:
    """Of a stack its middle plane."""
    stack = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((5, 3, 3), np.uint8)
    found = plane_of(stack, "zyx")
    assert found is not None and found[0, 0] == 2


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32, np.float64, bool])
def test_any_type_is_saved(tmp_path: Path, kind: type) -> None:
    """Small and large, with the time of the image."""
    image = (np.indices((700, 3500)).sum(axis=0) % 200).astype(kind)
    save_pictures(image, tmp_path, ("a.jpg", "a.large.jpg"), 10**18)
    assert cv2.imread(str(tmp_path / "a.jpg")).shape[:2] == (58, 288)
    assert cv2.imread(str(tmp_path / "a.large.jpg")).shape[1] == 1600
    assert {os.stat(tmp_path / name).st_mtime_ns for name in ("a.jpg", "a.large.jpg")} == {10**18}


def test_a_line_of_pixels_has_a_small_picture() -> None:
    """However narrow it is, something is left."""
    assert shrunk(np.zeros((1, 5000), np.uint8), 288).shape == (1, 288)


def test_names_and_times(tmp_path: Path) -> None:
    """A large copy where no browser shows the file, or where a part is meant; no time of what is gone."""
    assert names_of("a", "x/a.png", {}) == ("a.jpg", "")
    assert names_of("a", "x/a.tif", {}) == ("a.jpg", "a.large.jpg")
    assert names_of("a", "x/a.png", {"y": 3}) == ("a.jpg", "a.large.jpg")
    assert time_of(str(tmp_path / "none.png"), "") is None
    assert time_of("s3://bucket/a.png", "") is None
    assert time_of("s3://bucket/a.png", "v1") != time_of("s3://bucket/a.png", "v2")
