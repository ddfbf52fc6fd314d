"""MRC: axes as the header maps them, sizes where it says them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pixmake.images.axes import ImageError
from pixmake.images.read import describe_part, read_image

mrcfile = pytest.importorskip("mrcfile")

VOLUME = np.random.default_rng(0).normal(size=(5, 20, 30)).astype(np.float32)


def write(
    path: Path, data: np.ndarray, *, stack: bool = False, voxel: float = 0, mapped: str = "zyx"
) -> Path:
    """A file as mrcfile writes it."""
    with mrcfile.new(path) as file:
        file.set_data(data)
        if voxel:
            file.voxel_size = voxel
        if stack:
            file.set_image_stack()
        numbers = ["xyz".index(axis) + 1 for axis in mapped]
        file.header.maps, file.header.mapr, file.header.mapc = numbers
    return path


def test_a_volume(tmp_path: Path) -> None:
    """Its sizes in ångström; any part of it."""
    path = write(tmp_path / "a.mrc", VOLUME, voxel=1.5)
    described = describe_part(path, {})
    assert (described.axes, described.pixel_size) == ("zyx", dict.fromkeys("xyz", (1.5, "angstrom")))
    assert np.array_equal(read_image(path), VOLUME)
    assert np.array_equal(read_image(path, {"z": 3, "y": 2, "height": 4}), VOLUME[3, 2:6])


@pytest.mark.parametrize("mapped", ["zyx", "zxy", "xyz", "yzx"])
def test_axes_as_they_are_mapped(tmp_path: Path, mapped: str) -> None:
    """Columns need not be x."""
    path = write(tmp_path / "a.mrc", VOLUME, mapped=mapped)
    expected = VOLUME.transpose([mapped.index(axis) for axis in "zyx"])
    assert np.array_equal(read_image(path, {}, "zyx"), expected)
    assert np.array_equal(read_image(path, {"z": 1}, "yx"), expected[1])


def test_a_stack_of_pictures(tmp_path: Path) -> None:
    """Has no distance from one to the next, and not n times that of a pixel."""
    path = write(tmp_path / "a.mrcs", VOLUME, stack=True, voxel=1.5)
    assert describe_part(path, {}).pixel_size == dict.fromkeys("xy", (1.5, "angstrom"))
    assert np.array_equal(read_image(path, {"z": 4}), VOLUME[4])


def test_what_is_not_said(tmp_path: Path) -> None:
    """A size of 0 is none."""
    path = write(tmp_path / "a.mrc", VOLUME[0])
    assert (describe_part(path, {}).axes, describe_part(path, {}).pixel_size) == ("yx", {})


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16"])
def test_types(tmp_path: Path, dtype: str) -> None:
    """Each as it is."""
    values = (10 * VOLUME).astype(dtype)
    found = read_image(write(tmp_path / "a.mrc", values))
    assert found.dtype == dtype
    assert np.array_equal(found, values)


def test_bytes_are_written_as_16_bits(tmp_path: Path) -> None:
    """MRC has no bytes without a sign: mrcfile writes larger numbers, of the same values."""
    values = (40 * np.abs(VOLUME)).astype(np.uint8)
    found = read_image(write(tmp_path / "a.mrc", values))
    assert found.dtype == np.uint16
    assert np.array_equal(found, values)


def test_a_transform_is_no_image(tmp_path: Path) -> None:
    """Complex numbers are refused in words."""
    path = write(tmp_path / "a.mrc", VOLUME.astype(np.complex64))
    with pytest.raises(ImageError, match=r"a.mrc: holds complex numbers"):
        read_image(path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_header_that_promises_more_than_there_is(tmp_path: Path, order: str) -> None:
    """Is refused before memory is taken for it; one of a length that is there is passed over."""
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data(VOLUME.astype(f"{order}f4"))
        file.set_extended_header(np.zeros(3000, "V1"))
    assert np.array_equal(read_image(path), VOLUME)
    with path.open("r+b") as changed:
        changed.seek(92)
        changed.write((2**31 - 1).to_bytes(4, "little" if order == "<" else "big"))
    tracemalloc.start()
    with pytest.raises(ImageError, match=r"a.mrc: cannot be read as MRC \(it ends within its header\)"):
        read_image(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
