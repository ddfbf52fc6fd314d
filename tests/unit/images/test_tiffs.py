"""TIFF, BigTIFF and OME-TIFF: any part of any layout is what it is in the whole, at the cost of that part."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixmake.base.errors import MissingPackageError
from pixmake.images.axes import ImageError
from pixmake.images.preview import preview
from pixmake.images.read import describe, read_image

LAYOUTS: Mapping[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "ome": ("tczyx", (2, 3, 2, 50, 61), {"ome": True, "metadata": {"axes": "TCZYX"}}),
    "ome in other order": ("zcyx", (3, 2, 50, 61), {"ome": True, "metadata": {"axes": "ZCYX"}}),
    "ome in strips": (
        "cyx",
        (2, 50, 61),
        {"ome": True, "metadata": {"axes": "CYX"}, "rowsperstrip": 7, "compression": "lzw"},
    ),
    "tiles": ("yx", (50, 61), {"tile": (16, 32)}),
    "big, compressed, predicted": (
        "yx",
        (50, 61),
        {"tile": (16, 16), "bigtiff": True, "compression": "zlib", "predictor": True},
    ),
    "imagej": ("tzcyx", (2, 3, 2, 50, 61), {"imagej": True, "metadata": {"axes": "TZCYX"}}),
    "of the other byte order": ("yx", (50, 61), {"byteorder": ">", "tile": (16, 16)}),
    "planes of the other byte order": (
        "zyx",
        (4, 50, 61),
        {"byteorder": ">", "ome": True, "metadata": {"axes": "ZYX"}},
    ),
    "volume": ("zyx", (20, 50, 61), {"volumetric": True, "tile": (16, 16, 16), "compression": "zlib"}),
    "channels of a page": (
        "cyx",
        (5, 50, 61),
        {"planarconfig": "separate", "photometric": "minisblack", "metadata": None, "rowsperstrip": 9},
    ),
    "zstandard": ("yx", (50, 61), {"compression": "zstd", "tile": (32, 16)}),
}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, np.ndarray]]:
    """A file of each layout, its axes and its values."""
    folder = tmp_path_factory.mktemp("stacks")
    found = {}
    for number, (name, (axes, shape, how)) in enumerate(LAYOUTS.items()):
        values = np.random.default_rng(number).integers(0, 60000, shape).astype(np.uint16)
        path = folder / f"{number}.tif"
        tifffile.imwrite(path, values, **{"photometric": "minisblack", **how})
        found[name] = (str(path), axes, values)
    return found


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_part_is_that_of_the_whole(
    stacks: dict[str, tuple[str, str, np.ndarray]], name: str, data: st.DataObject
) -> None:
    """Planes and regions of any layout, in any order of axes."""
    path, axes, values = stacks[name]
    shape = dict(zip(axes, values.shape, strict=True))
    part: dict[str, int] = {}
    for axis in data.draw(st.sets(st.sampled_from("tczyx"))) & set(axes):
        size = shape[axis]
        part[axis] = data.draw(st.integers(0, size - 1))
        if axis in "yx" and data.draw(st.booleans()):
            part["height" if axis == "y" else "width"] = data.draw(st.integers(1, size - part[axis]))
    index = []
    for axis, size in shape.items():
        start = part.get(axis)
        extent = part.get({"y": "height", "x": "width"}.get(axis, ""), size)
        if start is None:
            index.append(slice(None))
        else:
            index.append(slice(start, min(size, start + extent)) if axis in "yx" else start)
    left = [axis for axis in axes if axis in "yx" or axis not in part]
    asked = data.draw(st.permutations(left))
    expected = values[tuple(index)].transpose([left.index(axis) for axis in asked])
    found = read_image(path, part, "".join(asked))
    assert found.dtype == np.uint16
    assert found.dtype.isnative
    assert np.array_equal(found, expected)


def bytes_read(call: Any, *words: Any) -> int:
    """The bytes that a call reads of files, as the operating system counts them."""
    before = int(Path("/proc/self/io").read_text().split()[1])
    call(*words)
    return int(Path("/proc/self/io").read_text().split()[1]) - before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_tile_costs_a_tile(tmp_path: Path) -> None:
    """Of a tiled 16-bit BigTIFF of 32 MB a region reads its tiles, and a level no other."""
    values = np.random.default_rng(0).integers(0, 60000, (4096, 4096)).astype(np.uint16)
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as writer:
        how = {"tile": (256, 256), "compression": "zlib", "metadata": {"axes": "YX"}}
        writer.write(values, subifds=2, resolution=(2e4, 2e4), resolutionunit="CENTIMETER", **how)
        writer.write(values[::2, ::2], subfiletype=1, **how)
        writer.write(values[::4, ::4], subfiletype=1, **how)
    read_image(path, {"y": 0, "height": 1, "x": 0, "width": 1})  # what is imported is not counted
    tile = 256 * 256 * 2
    region = {"y": 1000, "x": 2000, "height": 200, "width": 200}  # touches four tiles
    assert np.array_equal(read_image(path, region, "yx"), values[1000:1200, 2000:2200])
    assert bytes_read(read_image, path, region, "yx") < 4 * tile + 50_000
    assert bytes_read(describe, path) < 50_000
    small = {"level": 2}
    assert np.array_equal(read_image(path, small), values[::4, ::4])
    assert bytes_read(read_image, path, small) < 1024 * 1024 * 2 + 100_000
    assert describe(path).levels == 3
    assert describe(path, 2).shape[-2:] == (1024, 1024)
    assert bytes_read(preview, path, None, 288) < 1024 * 1024 * 2 + 100_000
    assert preview(path, None, 288).shape == (1024, 1024)
    # as before: the whole, by OpenCV
    assert np.array_equal(read_image(path), values)


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    """OME-XML: axes, channels, sizes with units, at each level; ImageJ's and TIFF's own sizes."""
    ome = {
        "axes": "TCZYX",
        "PhysicalSizeX": 325.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.65,
        "PhysicalSizeZ": 2.0,
        "TimeIncrement": 5.0,
        "TimeIncrementUnit": "min",
        "Channel": {"Name": ["DNA", "actin"]},
    }
    values = np.zeros((3, 2, 4, 32, 48), np.uint16)
    with tifffile.TiffWriter(tmp_path / "cells.ome.tif", ome=True) as writer:
        writer.write(values, subifds=1, metadata=ome)
        writer.write(values[..., ::2, ::2], subfiletype=1)
    found = describe(tmp_path / "cells.ome.tif")
    assert str(found) == "axes tczyx of 3×2×4×32×48"
    assert (found.channels, found.levels, found.dtype) == (("DNA", "actin"), 2, "uint16")
    assert found.pixel_size == {
        "t": (5.0, "minute"),
        "z": (2.0, "micrometer"),
        "y": (0.65, "micrometer"),
        "x": (325.0, "nanometer"),
    }
    half = describe(tmp_path / "cells.ome.tif", 1)
    assert (half.shape[-2:], half.pixel_size["y"], half.pixel_size["z"]) == (
        (16, 24),
        (1.3, "micrometer"),
        (2.0, "micrometer"),
    )
    tifffile.imwrite(
        tmp_path / "imagej.tif",
        np.zeros((3, 32, 48), np.uint8),
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "unit": "um", "spacing": 1.5},
    )
    assert describe(tmp_path / "imagej.tif").pixel_size == {
        "z": (1.5, "micrometer"),
        "y": (0.5, "micrometer"),
        "x": (0.25, "micrometer"),
    }
    tifffile.imwrite(
        tmp_path / "printed.tif", np.zeros((3, 4), np.uint8), resolution=(300, 300), resolutionunit="INCH"
    )
    assert describe(tmp_path / "printed.tif").pixel_size == {}


def test_colours_are_in_one_order(tmp_path: Path) -> None:
    """BGR as OpenCV has them, however a colour TIFF is read; several pictures of colours, too."""
    colour = np.random.default_rng(1).integers(0, 255, (30, 40, 3)).astype(np.uint8)
    for name, how in (
        ("a.tif", {}),
        ("b.tif", {"tile": (16, 16), "compression": "jpeg", "photometric": "rgb"}),
    ):
        tifffile.imwrite(tmp_path / name, colour, **{"photometric": "rgb", **how})
        whole = read_image(tmp_path / name)
        assert np.array_equal(whole, cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED))
        apart = read_image(tmp_path / name, {"y": 5, "height": 9}, "cyx").transpose(1, 2, 0)
        assert np.array_equal(apart, whole[5:14])
        assert read_image(tmp_path / name, {"c": 2}).shape == (30, 40)
    blue = read_image(tmp_path / "a.tif", {"c": 0}, "yx")
    assert np.array_equal(blue, colour[..., 2])
    tifffile.imwrite(tmp_path / "c.ome.tif", np.stack([colour, colour[::-1]]), photometric="rgb", ome=True)
    assert np.array_equal(read_image(tmp_path / "c.ome.tif")[1], colour[::-1, :, ::-1])


def test_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that nothing names are read one by one, or as the axis that is asked for; never in silence."""
    pages = [np.full((20, 30), level, np.uint8) for level in (10, 20, 30)]
    path = str(tmp_path / "pages.tif")
    cv2.imwritemulti(path, pages)
    assert read_image(path, {"page": 1}).mean() == 20
    assert read_image(path, None, "zyx").shape == (3, 20, 30)
    for words, why in (
        (
            (),
            "has 3 pages; one image a file is read: name one of them in a column `page` (images.read_by), "
            "or ask for all of them: `axes: zyx`",
        ),
        (({"page": 3},), "has no page 3, but 3 (0 to 2)"),
        (({"level": 1},), "has no level 1, but 1 (0 is the full resolution)"),
        (
            (None, "yx"),
            "has axes iyx of 3×20×30; `axes: yx` needs one page: give a column page, "
            "and say that it is one: `images: {read_by: [page]}`",
        ),
    ):
        with pytest.raises(ImageError) as told:
            read_image(path, *words)
        assert str(told.value) == f"{path}: {why}"
    cv2.imwrite(str(tmp_path / "one.png"), pages[0])
    with pytest.raises(ImageError, match="has no pages, since it is no TIFF"):
        read_image(tmp_path / "one.png", {"page": 0})
    # without tifffile: what OpenCV reads alike, a region of it, too
    cv2.imwrite(str(tmp_path / "one.tif"), pages[0])
    monkeypatch.setitem(sys.modules, "tifffile", None)
    monkeypatch.setattr("pixmake.images.tiff_support.is_installed", lambda: False)
    assert np.array_equal(read_image(tmp_path / "one.tif"), pages[0])
    assert np.array_equal(read_image(tmp_path / "one.tif", {"y": 2, "height": 3}, "xy"), pages[0][2:5].T)
    for words, what in (((), "reading a TIFF with 3 pages"), (({"page": 1},), "reading a TIFF with 3 pages")):
        with pytest.raises(MissingPackageError) as told:
            read_image(path, *words)
        assert str(told.value) == (
            f"{path}: {what} needs the package tifffile, which {sys.executable} lacks "
            f"({sys.executable} -m pip install tifffile)"
        )


def test_files_that_are_not_whole(tmp_path: Path) -> None:
    """Wherever a file is cut short, a part is either read whole or an error; never a part of that part."""
    values = np.random.default_rng(2).integers(0, 60000, (3, 64, 64)).astype(np.uint16)
    for name, how in (("plain", {}), ("tiles", {"tile": (16, 16), "compression": "zlib"})):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, values, ome=True, metadata={"axes": "CYX"}, **how)
        content = path.read_bytes()
        outcomes = set()
        for end in range(0, len(content), 997):
            path.write_bytes(content[:end])
            try:
                plane = read_image(path, {"c": 2}, "yx")
            except ImageError as error:
                assert str(error).startswith(f"{path}: ")
                outcomes.add("told")
            else:
                assert np.array_equal(plane, values[2])
                outcomes.add("read")
        assert "told" in outcomes, json.dumps(name)


def test_signed_numbers_of_imagej(tmp_path: Path) -> None:
    """Stored with 32768 added, which a line notes; other calibrations of ImageJ's are of densities."""
    signed = np.random.default_rng(0).integers(-30000, 30000, (2, 20, 30)).astype(np.int16)
    stored = (signed.astype(np.int32) + 32768).astype(np.uint16)
    said = "ImageJ=1.54f\nimages=2\nslices=2\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n"
    stack, plane, density = tmp_path / "stack.tif", tmp_path / "plane.tif", tmp_path / "density.tif"
    tifffile.imwrite(stack, stored, description=said, metadata=None, photometric="minisblack")
    one = said.replace("images=2\nslices=2\n", "")
    tifffile.imwrite(plane, stored[0], description=one, metadata=None, photometric="minisblack")
    other = one.replace("c0=-32768.0", "c0=12.5")
    tifffile.imwrite(density, stored[0], description=other, metadata=None, photometric="minisblack")
    assert describe(stack).dtype == describe(plane).dtype == "int16"
    assert np.array_equal(read_image(stack, None, "zyx"), signed)
    part = {"z": 1, "y": 3, "height": 5, "x": 2, "width": 4}
    assert np.array_equal(read_image(stack, part), signed[1, 3:8, 2:6])
    assert np.array_equal(read_image(stack, {"page": 1}), signed[1])
    assert np.array_equal(read_image(plane), signed[0])
    assert np.array_equal(read_image(density), stored[0])


def test_sizes_that_say_nothing_of_the_sample(tmp_path: Path) -> None:
    """Inches are a printer's; what no unit stands beside is none, and nothing is ever said to be 1."""
    values = np.zeros((20, 30), np.uint16)
    for number, words in enumerate(
        (
            {},
            {"resolution": (300, 300), "resolutionunit": "INCH"},
            {"resolution": (2, 2), "resolutionunit": "NONE"},
        )
    ):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, values, **words)
        assert describe(path).pixel_size == {}
