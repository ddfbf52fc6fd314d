"""However a TIFF lays out its pixels, an analysis gets the same: whole, in part, in the axes it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixmake.images import describe, read_image
from pixmake.images.tiff import looked_at
from pixmake.images.tiff_tags import why_not_opencv

TYPES = ("uint8", "uint16", "int8", "int16", "uint32", "int32", "float16", "float32", "float64", "bool")
COMPRESSIONS = (None, None, "lzw", "zlib", "packbits", "zstd", "lzma")

TURNS = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}
"""The eight orientations of TIFF and EXIF, as their specification draws them."""


@dataclass(frozen=True)
class Layout:
    """A TIFF: its pixels, rows first and samples last, and how it is written."""

    stored: np.ndarray
    how: dict[str, Any]
    orientation: int = 1

    @property
    def is_planar(self) -> bool:
        return self.how.get("planarconfig") == "separate"

    @property
    def expected(self) -> np.ndarray:
        """The table of docs/analysis.md, by the words of the table."""
        image = self.stored
        if self.how["photometric"] == "rgb":
            image = image[..., [2, 1, 0, *range(3, image.shape[-1])]]
        if image.dtype == bool:
            image = image.astype(np.uint8) * 255
        pages = image if image.ndim == 4 else image[None]
        turned = np.stack([TURNS[self.orientation](page) for page in pages])
        turned = turned if image.ndim == 4 else turned[0]
        return turned[..., 0] if turned.shape[-1] == 1 else turned


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Any type, samples, interpretation, planes, compression, tiles, byte order, pages and orientation."""
    dtype = draw(st.sampled_from(TYPES))
    photometric = draw(st.sampled_from(("minisblack", "minisblack", "rgb", "rgb", "miniswhite", "palette")))
    if photometric == "palette":
        dtype = draw(st.sampled_from(("uint8", "uint16")))
    samples = {"rgb": st.integers(3, 5), "palette": st.just(1)}.get(
        photometric, st.sampled_from((1, 1, 2, 3, 4, 6))
    )
    count = draw(samples)
    if dtype == "bool":
        count, photometric = 1, draw(st.sampled_from(("minisblack", "miniswhite")))
    pages = draw(st.sampled_from((1, 1, 1, 3)))
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    shape = (height, width, count) if pages == 1 else (pages, height, width, count)
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 250, shape)
    how: dict[str, Any] = {
        "photometric": photometric,
        "byteorder": draw(st.sampled_from("<>")),
        "metadata": None,
    }
    how["bigtiff"] = draw(st.booleans())
    if count > 1:
        how["planarconfig"] = draw(st.sampled_from(("contig", "separate")))
        extra = count - (3 if photometric == "rgb" else 1)
        how["extrasamples"] = draw(
            st.lists(st.sampled_from(("unspecified", "unassalpha")), min_size=extra, max_size=extra)
        )
    if photometric == "palette":
        how["colormap"] = np.zeros((3, 2 ** (8 * np.dtype(dtype).itemsize)), np.uint16)
    compression = draw(st.sampled_from(COMPRESSIONS))
    if compression:
        how["compression"] = compression
        if dtype not in ("bool", "float16") and draw(st.booleans()):
            how["predictor"] = 3 if dtype.startswith("float") else 2
    if draw(st.booleans()):
        how["tile"] = (16, draw(st.sampled_from((16, 32))))
    else:
        how["rowsperstrip"] = draw(st.integers(1, 80))
    orientation = draw(st.sampled_from((1, 1, 1, *range(2, 9))))
    stored = values > 120 if dtype == "bool" else values.astype(dtype)
    return Layout(stored, how, orientation)


def write(layout: Layout, path: Path) -> None:
    """Write a file by tifffile, page by page."""
    extratags = [] if layout.orientation == 1 else [(274, 3, 1, layout.orientation, True)]
    with tifffile.TiffWriter(
        path, byteorder=layout.how["byteorder"], bigtiff=layout.how["bigtiff"]
    ) as writer:
        how = {name: value for name, value in layout.how.items() if name not in ("byteorder", "bigtiff")}
        for page in layout.stored if layout.stored.ndim == 4 else layout.stored[None]:
            values = np.moveaxis(page, -1, 0) if layout.is_planar else page
            if page.shape[-1] == 1:
                values = page[..., 0]
            writer.write(np.ascontiguousarray(values), extratags=extratags, **how)


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.dtype == expected.dtype and found.dtype.isnative and np.array_equal(found, expected)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layout=layouts(), data=st.data())
def test_any_layout(tmp_path: Path, layout: Layout, data: st.DataObject) -> None:
    """Whole, with axes, by region, by sample and by page: the array of the table in docs/analysis.md."""
    path = tmp_path / "any.tif"
    write(layout, path)
    expected = layout.expected
    plane = "yx" if expected.ndim == 2 or (expected.ndim == 3 and layout.stored.ndim == 4) else "yxc"
    axes = plane if layout.stored.ndim == 3 else f"z{plane}"
    if axes == plane:
        assert same(read_image(path), expected)
        assert same(read_image(path, {"page": 0}), expected)
        assert describe(path).dtype == str(expected.dtype)
        assert describe(path).axes == axes
    else:
        number = data.draw(st.integers(0, len(expected) - 1))
        assert same(read_image(path, {"page": number}), expected[number])
    asked = data.draw(st.permutations(axes))
    order = [axes.index(axis) for axis in asked]
    assert same(read_image(path, None, "".join(asked)), expected.transpose(order))
    height, width = (expected.shape[axes.index(axis)] for axis in "yx")
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    part = {
        "y": y,
        "x": x,
        "height": data.draw(st.integers(1, height - y)),
        "width": data.draw(st.integers(1, width - x)),
    }
    region = (slice(y, y + part["height"]), slice(x, x + part["width"]))
    cut = (slice(None), *region) if axes != plane else region
    if "c" in axes and data.draw(st.booleans()):
        part["c"] = data.draw(st.integers(0, expected.shape[-1] - 1))
        assert same(read_image(path, part, axes.replace("c", "")), expected[cut][..., part["c"]])
    else:
        assert same(read_image(path, part, axes), expected[cut])
    if layout.orientation == 1 and axes == plane:
        # tifffile's own array, brought into the form of the table
        own = tifffile.imread(path)
        own = np.moveaxis(own, 0, -1) if layout.is_planar else own
        own = own[..., [2, 1, 0, *range(3, own.shape[-1])]] if layout.how["photometric"] == "rgb" else own
        own = own.astype(np.uint8) * 255 if own.dtype == bool else own
        assert np.array_equal(own.reshape(expected.shape), expected)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "jpeg"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("samples", [1, 3])
def test_what_opencv_decodes(tmp_path: Path, compression: str | None, dtype: str, samples: int) -> None:
    """The plain layouts are OpenCV's, and its pixels are tifffile's."""
    if compression == "jpeg" and dtype != "uint8":
        pytest.skip("JPEG has 8 bits")
    values = np.random.default_rng(3).integers(0, 250, (70, 90, samples)).astype(dtype)
    how: dict[str, Any] = {"compression": compression} if compression else {}
    if compression in ("lzw", "zlib") and dtype != "float32":
        how["predictor"] = True
    for layout in ({"rowsperstrip": 16}, {"tile": (32, 48)}):
        path = tmp_path / "plain.tif"
        photometric = "minisblack" if samples == 1 else "rgb"
        tifffile.imwrite(path, values.squeeze(), photometric=photometric, **how, **layout)
        assert why_not_opencv(looked_at(str(path))) == ""
        own = tifffile.imread(path)
        assert same(read_image(path), own if samples == 1 else own[..., ::-1])


@pytest.mark.parametrize("compression", ["packbits", "zstd", "zlib"])
def test_differences_in_any_compression(tmp_path: Path, compression: str) -> None:
    """Pixels stored as differences, also beside compressions for which libtiff does not know of them."""
    path, values = tmp_path / "differences.tif", np.arange(1800, dtype=np.uint8).reshape(20, 90)
    tifffile.imwrite(path, values, photometric="minisblack", compression=compression, predictor=2)
    assert looked_at(str(path)).one(317) == 2
    assert same(read_image(path), values)
