"""Camera raw: the sensor's picture, never the thumbnail; two pictures compare; the mosaic for who asks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pixmake.base.errors import MissingExtraError
from pixmake.images import formats
from pixmake.images.read import describe_part, read_image

MOSAIC = np.random.default_rng(0).integers(100, 4000, (64, 96)).astype(np.uint16)


def write_dng(
    path: Path,
    mosaic: np.ndarray,
    orientation: int = 1,
    area: Sequence[int] = (),
    crop: tuple[int, int, int, int] | None = None,
) -> Path:
    """A DNG as cameras write it: a thumbnail first, the mosaic (red, green; green, blue) behind it.

    Its active area is top, left, bottom, right; its default crop is left and top in that, width and height.
    """
    matrix = [number for diagonal in (1, 0, 0, 0, 1, 0, 0, 0, 1) for number in (diagonal, 1)]
    neutral = [5000, 10000, 10000, 10000, 6000, 10000]
    with tifffile.TiffWriter(path) as file:
        file.write(
            np.full((16, 24, 3), 200, np.uint8),
            photometric="rgb",
            subifds=1,
            subfiletype=1,
            metadata=None,
            extratags=[
                (50706, 1, 4, bytes([1, 4, 0, 0]), True),
                (50708, 2, 0, "A camera", True),
                (271, 2, 0, "Maker", True),
                (272, 2, 0, "A camera", True),
                (274, 3, 1, orientation, True),
                (50721, 10, 9, matrix, True),
                (50728, 5, 3, neutral, True),
                (50778, 3, 1, 21, True),
            ],
        )
        pattern = [(33421, 3, 2, [2, 2], True), (33422, 1, 4, bytes([0, 1, 1, 2]), True)]
        more = [(50717, 3, 1, 4095, True)]
        if area:
            more.append((50829, 4, 4, area, True))
        if crop:
            more += [(50719, 4, 2, crop[:2], True), (50720, 4, 2, crop[2:], True)]
        file.write(mosaic, photometric=32803, subfiletype=0, metadata=None, extratags=pattern + more)
    return path


def test_the_sensors_picture_and_not_the_thumbnail(tmp_path: Path) -> None:
    """By what is in the file, whatever it is called."""
    pytest.importorskip("rawpy")
    for name in ("a.dng", "b.tif"):
        path = write_dng(tmp_path / name, MOSAIC)
        picture = read_image(path)
        assert (picture.shape, picture.dtype) == ((64, 96, 3), np.uint16)
        assert describe_part(path, {}).shape == picture.shape
        assert np.array_equal(read_image(path, {}, "yx"), MOSAIC)
        assert np.array_equal(read_image(path, {"scene": 1, "y": 3, "height": 4}), MOSAIC[3:7])


def test_two_pictures_compare(tmp_path: Path) -> None:
    """A bright spot in one of them changes no other pixel."""
    pytest.importorskip("rawpy")
    dark = np.full_like(MOSAIC, 500)
    bright = dark.copy()
    bright[-4:] = 4000
    first = read_image(write_dng(tmp_path / "dark.dng", dark))
    second = read_image(write_dng(tmp_path / "bright.dng", bright))
    assert np.array_equal(first[:32], second[:32])
    assert (
        abs(int(first[10, 10, 1]) - 500 / 4095 * 65535) < 400
    )  # linear, not brightened: green is the measure


def test_it_is_upright(tmp_path: Path) -> None:
    """Developed it is turned as the camera was held; the mosaic is as the sensor has it."""
    pytest.importorskip("rawpy")
    path = write_dng(tmp_path / "a.dng", MOSAIC, orientation=6)
    assert read_image(path).shape == describe_part(path, {}).shape == (96, 64, 3)
    assert np.array_equal(read_image(path, {}, "yx"), MOSAIC)


def test_the_active_area(tmp_path: Path) -> None:
    """What is masked from light beside it is no part of either; the default crop is not applied."""
    pytest.importorskip("rawpy")
    path = write_dng(tmp_path / "a.dng", MOSAIC, area=(4, 8, 60, 90), crop=(10, 10, 40, 20))
    assert [scene.at().shape for scene in formats.scenes(str(path))] == [(56, 82, 3), (56, 82)]
    assert np.array_equal(read_image(path, {}, "yx"), MOSAIC[4:60, 8:90])
    assert read_image(path).shape == (56, 82, 3)


def test_blue_comes_first(tmp_path: Path) -> None:
    """A mosaic whose red alone is bright is a red picture."""
    pytest.importorskip("rawpy")
    red = np.full_like(MOSAIC, 10)
    red[::2, ::2] = 3000
    blue, green, red_value = read_image(write_dng(tmp_path / "a.dng", red))[20, 20]
    assert red_value > 10 * max(blue, green)


def test_without_the_library_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thumbnail, which any TIFF reader gives, is not the picture."""
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = write_dng(tmp_path / "a.dng", MOSAIC)
    for axes in (None, "yx"):
        with pytest.raises(
            MissingExtraError, match=r"a.dng: is camera raw; reading it needs the package rawpy"
        ):
            read_image(path, {}, axes)


def test_what_is_no_raw_file(tmp_path: Path) -> None:
    """A TIFF with a pyramid in its SubIFDs stays a TIFF."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(MOSAIC, subifds=1)
        file.write(MOSAIC[::2, ::2], subfiletype=1)
    assert formats.recognised(str(path)) is None
    assert np.array_equal(read_image(path), MOSAIC)


@pytest.mark.parametrize(
    "head",
    [
        b"II*\0\x10\0\0\0CR\x02\0",
        b"\0\0\0\x18ftypcrx \0\0\0\x01",
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0",
        b"IIU\0",
    ],
)
def test_other_cameras(tmp_path: Path, head: bytes) -> None:
    """Canon, Fujifilm, Olympus, Panasonic, by their first bytes."""
    path = tmp_path / "a.bin"
    path.write_bytes(head.ljust(600, b"\0"))
    found = formats.recognised(str(path))
    assert found is not None
    assert found.NAME == "camera raw"
