"""TIFFs that are not whole are told, and never read as zeros or as fewer pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixmake.images import read_image
from pixmake.images.axes import ImageError
from pixmake.images.tiff_segments import lzw_size, packbits_size, short_lzw

ROWS, COLUMNS = np.mgrid[:120, :160]
PICTURES = {
    "smooth": (COLUMNS // 3 + ROWS // 2) % 200 + 1,
    "noise": np.random.default_rng(0).integers(0, 256, ROWS.shape),
    "mask": ((COLUMNS - 80) ** 2 + (ROWS - 60) ** 2 < 1600) * 255,
}
EVERYTHING = {"y": 0, "x": 0, "height": 120, "width": 160}


def segments(path: Path) -> list[tuple[int, int]]:
    with tifffile.TiffFile(path) as file:
        return list(zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_hole_in_a_strip(tmp_path: Path, data: st.DataObject) -> None:
    """Zeros where compressed bytes were: damaged, with the place; whole and by region; never other pixels."""
    path = tmp_path / "hole.tif"
    compression = data.draw(st.sampled_from(("lzw", "zlib", "packbits")))
    dtype = data.draw(st.sampled_from((np.uint8, np.uint16)))
    values = PICTURES[data.draw(st.sampled_from(sorted(PICTURES)))].astype(dtype)
    if data.draw(st.booleans()):
        values = np.stack([values, values // 2, values[::-1]], -1)
    how: dict[str, Any] = {"tile": (32, 48)} if data.draw(st.booleans()) else {"rowsperstrip": 40}
    if compression != "packbits" and data.draw(st.booleans()):
        how["predictor"] = 2
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    tifffile.imwrite(path, values, photometric=photometric, compression=compression, metadata=None, **how)
    expected = values[..., ::-1] if values.ndim == 3 else values
    assert np.array_equal(read_image(path), expected)
    offset, count = data.draw(st.sampled_from(segments(path)))
    # of PackBits a hole of 129 bytes at the most may lie among values, of which none is wrong by itself
    size = min(count - 2, data.draw(st.integers(260 if compression == "packbits" else 16, 400)))
    start = data.draw(st.integers(1, count - size))
    content = bytearray(path.read_bytes())
    before = content[offset + start : offset + start + size]
    content[offset + start : offset + start + size] = bytes(size)
    path.write_bytes(content)
    for part in ({}, EVERYTHING):
        try:
            found = read_image(path, part)
        except ImageError as error:
            assert re.search(r"is damaged at byte \d+|is cut short", str(error))
        else:
            assert size < 260 or not any(before)
            assert np.array_equal(found, expected)


def test_how_many_bytes_a_strip_makes() -> None:
    """Counted from the codes alone, whatever they stand for."""
    codecs = pytest.importorskip("imagecodecs")
    random = np.random.default_rng(5)
    for most in (1, 2, 3, 40, 256):
        for size in (0, 1, 2, 300, 40_000):
            values = random.integers(0, most, size).astype(np.uint8).tobytes()
            assert lzw_size(codecs.lzw_encode(values)) == size
            assert packbits_size(codecs.packbits_encode(values)) == size
    whole = codecs.lzw_encode(bytes(range(256)) * 9)
    assert not short_lzw(whole, 256 * 9)
    assert short_lzw(whole[: len(whole) // 2], 256 * 9).startswith("it makes ")


def stack(path: Path) -> list[int]:
    """Three pages, one after the other; where their directories are."""
    with tifffile.TiffWriter(path) as writer:
        for level in (10, 20, 30):
            writer.write(np.full((30, 40), level, np.uint8), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as file:
        return [page.offset for page in file.pages]


@pytest.mark.parametrize("words", [(), (None, "zyx"), ({"page": 2},), ({"page": 0},)])
def test_pages_that_are_not_there(tmp_path: Path, words: tuple[Any, ...]) -> None:
    """A pointer beyond the end, and pages of zeros: told, and never a file of fewer pages."""
    path = tmp_path / "stack.tif"
    _, second, third = stack(path)
    content = path.read_bytes()
    for shortened, why in (
        (content[: third - 1], "the file is cut short: page 2 should begin at byte"),
        (content[: second + 1], "the file is cut short: page 1 should begin at byte"),
        (
            content[:second] + bytes(len(content) - second),
            f"is damaged at byte {second}: page 1 should begin there",
        ),
        (content[:8] + bytes(len(content) - 8), "is damaged at byte 8: page 0 should begin there"),
        (content[:6], "the file is cut short: its header is not whole"),
    ):
        path.write_bytes(shortened)
        with pytest.raises(ImageError, match=re.escape(why)):
            read_image(path, *words)


def test_pixels_that_were_never_written(tmp_path: Path) -> None:
    """A file that its program laid out and did not fill is no black image."""
    path = tmp_path / "a.tif"
    for compression in (None, "lzw", "zstd"):
        tifffile.imwrite(path, PICTURES["noise"].astype(np.uint8), compression=compression, rowsperstrip=20)
        with tifffile.TiffFile(path, mode="r+") as file:
            tag = file.pages[0].tags[273]
            tag.overwrite([0, *tag.value[1:]])
            tag = file.pages[0].tags[279]
            tag.overwrite([0, *tag.value[1:]])
        for part in ({}, EVERYTHING):
            with pytest.raises(ImageError, match="never written"):
                read_image(path, part)


def test_the_last_byte_is_missing(tmp_path: Path) -> None:
    """Of any layout: cut short, in part and as a whole."""
    path = tmp_path / "a.tif"
    for how in (
        {},
        {"compression": "lzw"},
        {"tile": (16, 16)},
        {"compression": "zstd"},
        {"photometric": "miniswhite"},
    ):
        tifffile.imwrite(path, PICTURES["noise"].astype(np.uint8), **{"photometric": "minisblack", **how})
        path.write_bytes(path.read_bytes()[:-1])
        for part in ({}, EVERYTHING):
            with pytest.raises(ImageError, match="cut short"):
                read_image(path, part)
