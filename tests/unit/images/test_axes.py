"""An analysis gets an image in just the axes that it asks for, or is told what the image has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmake.images.axes import Described, ImageError, fit_axes, index_of, left_of, mismatch

SIZES = {"t": 2, "c": 3, "z": 4, "y": 5, "x": 6}


def image(axes: str, single: str = "") -> np.ndarray:
    """An array whose values say where they are."""
    shape = [1 if axis in single else SIZES[axis] for axis in axes]
    return np.arange(np.prod(shape)).reshape(shape)


@given(st.permutations("tczyx"), st.sets(st.sampled_from("tcz")), st.data())
def test_just_what_is_asked_for(axes: list[str], single: set[str], data: st.DataObject) -> None:
    """Whatever axes of one pixel are dropped or added and in whatever order: each value keeps its place."""
    have = "".join(axes)
    kept = sorted(set("tczyx") - single)
    more = data.draw(st.sets(st.sampled_from(sorted(single)))) if single else set()
    asked = "".join(data.draw(st.permutations([*kept, *more])))
    array = image(have, "".join(single))
    found = fit_axes(array, have, asked)
    assert mismatch(Described(have, array.shape, "int64"), asked) == ""
    assert found.shape == tuple(1 if axis in single else SIZES[axis] for axis in asked)
    place = {axis: 0 if axis in single else SIZES[axis] - 1 for axis in have}
    place["x"] = 2
    assert found[tuple(place[axis] for axis in asked)] == array[tuple(place[axis] for axis in have)]


@pytest.mark.parametrize(
    ("axes", "shape", "asked", "why"),
    [
        (
            "tczyx",
            (3, 2, 1, 512, 512),
            "yx",
            "has axes tczyx of 3×2×1×512×512; `axes: yx` needs one t and one c: split them in the source, "
            "`split: [t, c]`, or give columns t and c (images.read_by)",
        ),
        (
            "zyx",
            (9, 5, 5),
            "yxc",
            "has axes zyx of 9×5×5; `axes: yxc` needs one z: split them in the source, `split: [z]`, "
            "or give a column z (images.read_by)",
        ),
        (
            "iyx",
            (7, 5, 5),
            "yx",
            "has axes iyx of 7×5×5; `axes: yx` needs one page: give a column page, and say that it is one: "
            "`images: {read_by: [page]}`",
        ),
        ("iyx", (7, 5, 5), "zyx", ""),
        ("iyx", (7, 5, 5), "tyx", ""),
        ("yx", (5, 5), "tczyx", ""),
    ],
)
def test_what_does_not_fit(axes: str, shape: tuple[int, ...], asked: str, why: str) -> None:
    """The message says what the image has and what to do; nameless pages are what is asked for."""
    assert mismatch(Described(axes, shape, "uint8"), asked) == why
    if why:
        with pytest.raises(ImageError):
            fit_axes(np.zeros(shape), axes, asked)
    else:
        assert fit_axes(np.zeros(shape), axes, asked).ndim == len(asked)


def test_a_part() -> None:
    """One index drops its axis, a region is cut, and without its size it goes to the edge."""
    whole = Described("tcyx", (2, 3, 50, 60), "uint16", {"y": (0.5, "micrometer")}, ("a", "b", "c"))
    left = left_of(whole, {"c": 1, "y": 10, "height": 20, "x": 55})
    assert (left.axes, left.shape, left.channels) == ("tyx", (2, 20, 5), ("b",))
    assert left.pixel_size == whole.pixel_size
    assert index_of(whole, {"t": 1}) == (1, slice(None), slice(0, 50), slice(0, 60))
    for part, why in (
        ({"t": 2, "z": 1}, "a.zarr: has no t = 2, but 2 (t is 0 to 1); has no z = 1, but one (0)"),
        ({"x": 50, "width": 11}, "a.zarr: has no x from 50 to 61, but 60 pixels along x"),
    ):
        with pytest.raises(ImageError) as told:
            left_of(whole, part, "a.zarr")
        assert str(told.value) == why
