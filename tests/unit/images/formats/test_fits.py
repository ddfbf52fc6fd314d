"""FITS: rows as astropy has them, values with offset and scale, blanks as NaN, in native byte order."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pixmake.images import formats
from pixmake.images.read import describe_part, read_image

fits = pytest.importorskip("astropy.io.fits")

VALUES = np.random.default_rng(0).integers(0, 30000, (20, 30))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_types(tmp_path: Path, dtype: str) -> None:
    """Each in its own, unsigned ones too, as OpenCV takes it; the first row is the first."""
    values = (VALUES % 250 if dtype == "uint8" else VALUES - (100 if dtype[0] in "if" else 0)).astype(dtype)
    path = tmp_path / "a.fits"
    fits.writeto(path, values)
    found = read_image(path)
    assert found.dtype == dtype
    assert found.dtype.isnative
    assert np.array_equal(found, values)
    assert np.array_equal(read_image(path, {"y": 2, "height": 7, "x": 3, "width": 5}), values[2:9, 3:8])
    assert describe_part(path, {}).dtype == dtype
    if dtype in ("uint8", "uint16", "float32"):
        cv2.GaussianBlur(found, (3, 3), 0)


def test_scale_and_blank(tmp_path: Path) -> None:
    """Values that stand for none are no numbers."""
    path = tmp_path / "a.fits"
    hdu = fits.PrimaryHDU(VALUES.astype(np.int16))
    hdu.header["BLANK"] = int(VALUES[4, 5])
    hdu.writeto(path)
    found = read_image(path)
    assert np.array_equal(np.isnan(found), VALUES[4, 5] == VALUES)
    scaled = tmp_path / "b.fits"
    hdu = fits.PrimaryHDU((VALUES / 4).astype(np.float32))
    hdu.scale("int16", bscale=0.25, bzero=10)
    hdu.writeto(scaled)
    assert np.allclose(read_image(scaled), VALUES / 4, atol=0.13)
    assert describe_part(scaled, {}).dtype == str(read_image(scaled).dtype) == "float32"


@pytest.mark.parametrize(("dtype", "floating"), [("uint16", "float32"), ("uint32", "float64")])
def test_blanks_of_unsigned_numbers(tmp_path: Path, dtype: str, floating: str) -> None:
    """Astropy leaves them as numbers; ``BLANK`` is that of the stored value."""
    values = VALUES.astype(dtype)
    path = tmp_path / "a.fits"
    hdu = fits.PrimaryHDU(values)
    hdu.header["BLANK"] = int(values[4, 5]) - hdu.header["BZERO"]
    hdu.writeto(path)
    found = read_image(path)
    assert found.dtype == describe_part(path, {}).dtype == floating
    assert np.array_equal(np.isnan(found), values == values[4, 5])
    assert np.array_equal(found[~np.isnan(found)], values[values != values[4, 5]])
    assert np.isnan(read_image(path, {"y": 4, "height": 1, "x": 5, "width": 1})).all()


def test_extensions_are_scenes(tmp_path: Path) -> None:
    """By name; tables are none, and an empty primary one is none."""
    path = str(tmp_path / "a.fits")
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(3))])
    cube = np.stack([VALUES, VALUES + 1]).astype(np.int32)
    compressed = fits.CompImageHDU(VALUES.astype(np.uint16), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), compressed, table, fits.ImageHDU(cube, name="CUBE")]).writeto(path)
    assert [scene.name for scene in formats.scenes(path)] == ["SCI", "CUBE"]
    assert np.array_equal(read_image(path, {"scene": 0, "x": 4, "width": 3}), VALUES[:, 4:7])
    assert np.array_equal(read_image(path, {"scene": 1}, "zyx"), cube)
