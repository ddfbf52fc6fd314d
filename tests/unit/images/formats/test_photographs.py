"""AVIF and JPEG XL: upright, blue first, in all of their bits."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from pixmake.images.read import describe_part, read_image

GENERATOR = np.random.default_rng(0)
COLOURS = GENERATOR.integers(0, 255, (20, 30, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "values", "axes"),
    [
        ("colours", COLOURS, "yxc"),
        ("grey", COLOURS[..., 0], "yx"),
        ("grey of 16 bits", GENERATOR.integers(0, 65535, (20, 30)).astype(np.uint16), "yx"),
        ("alpha", GENERATOR.integers(0, 255, (20, 30, 4)).astype(np.uint8), "yxc"),
        ("floating", GENERATOR.random((20, 30)).astype(np.float32), "yx"),
        ("frames", GENERATOR.integers(0, 255, (3, 40, 50)).astype(np.uint8), "iyx"),
    ],
)
def test_jpeg_xl(tmp_path: Path, name: str, values: np.ndarray, axes: str) -> None:
    """In their own type, without loss."""
    path = tmp_path / "a.jxl"
    path.write_bytes(imagecodecs.jpegxl_encode(values))
    expected = values[..., [2, 1, 0, *range(3, values.shape[-1])]] if axes.endswith("c") else values
    found = read_image(path)
    assert found.dtype == values.dtype
    assert np.array_equal(found, expected)
    described = describe_part(path, {})
    assert (described.axes, described.shape) == (axes, values.shape)
    rows = (slice(None), slice(3, 8)) if axes == "iyx" else (slice(3, 8),)
    assert np.array_equal(read_image(path, {"y": 3, "height": 5}), expected[rows])


@pytest.mark.parametrize(("bits", "dtype"), [(8, "uint8"), (10, "uint16"), (12, "uint16")])
def test_avif(tmp_path: Path, bits: int, dtype: str) -> None:
    """Without loss: 10 bits are not cut to 8."""
    values = GENERATOR.integers(0, 2**bits - 1, (20, 30, 3)).astype(dtype)
    path = tmp_path / "a.avif"
    path.write_bytes(imagecodecs.avif_encode(values, level=100, bitspersample=bits))
    assert np.array_equal(read_image(path), values[..., ::-1])
    assert describe_part(path, {}).dtype == dtype


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_upright(tmp_path: Path, orientation: int) -> None:
    """As Pillow has it once it is turned."""
    from PIL import ImageOps

    picture = np.zeros((40, 64, 3), np.uint8)
    picture[:20, :32] = (250, 0, 0)
    picture[:20, 32:] = (0, 250, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.avif"
    Image.fromarray(picture).save(path, exif=exif, quality=100)
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))[..., ::-1]
    found = read_image(path)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() < 30
