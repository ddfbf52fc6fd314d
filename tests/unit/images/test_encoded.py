"""PNG, JPEG, WebP, GIF, BMP: what their bytes say is heeded before OpenCV decodes them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.unit.images.test_tiff_layouts import TURNS

from pixmake.images import read_image
from pixmake.images.axes import ImageError
from pixmake.images.encoded import examined

PICTURE = np.random.default_rng(0).integers(0, 255, (20, 31, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    """Upright by EXIF, whatever the format, whole and in part."""
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a.{suffix}"
    words: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(PICTURE).save(path, exif=exif, **words)
    as_stored = np.asarray(Image.open(path).convert("RGB"))[..., ::-1]
    expected = TURNS[orientation](as_stored)
    found = read_image(path)
    # two decoders of JPEG may differ by rounding
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (3 if suffix == "jpg" else 0)
    assert np.array_equal(read_image(path, {"y": 4, "height": 5}), found[4:9])
    assert cv2.mean(found)  # OpenCV takes it


@pytest.fixture(params=["png", "webp", "gif"])
def animation(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    frames = [np.full((20, 30, 3), 40 * number, np.uint8) for number in range(4)]
    for number, frame in enumerate(frames):
        frame[2:5, number : number + 3] = 255
    path = tmp_path / f"moving.{request.param}"
    first, *rest = map(Image.fromarray, frames)
    words: dict[str, Any] = {"lossless": True} if request.param == "webp" else {}
    first.save(path, save_all=True, append_images=rest, duration=100, **words)
    return path


def test_animations(animation: Path) -> None:
    """No frame in silence, and any that is asked for."""
    with pytest.raises(ImageError, match=r"has 4 frames.*`checkpoint: frames`"):
        read_image(animation)
    for number in range(4):
        found = read_image(animation, {"page": number})
        assert found[10, 10, :3].tolist() == [40 * number] * 3
        assert found[3, number + 1, :3].tolist() == [255] * 3
    with pytest.raises(ImageError, match=r"has no page 4, but 4 frames \(0 to 3\)"):
        read_image(animation, {"page": 4})


def test_one_frame_is_an_image(tmp_path: Path) -> None:
    """A GIF, or a WebP, of one picture."""
    for suffix in ("gif", "webp", "png"):
        Image.fromarray(PICTURE[..., 0]).save(tmp_path / f"a.{suffix}")
        assert read_image(tmp_path / f"a.{suffix}").shape[:2] == (20, 31)


def test_bitmaps_with_the_short_header(tmp_path: Path) -> None:
    """Colours, where OpenCV by itself makes them grey."""
    rows = PICTURE[::-1, :, ::-1].reshape(20, -1)
    body = np.pad(rows, ((0, 0), (0, 3))).tobytes()  # each a multiple of four bytes
    header = struct.pack("<IHHI", 26 + len(body), 0, 0, 26) + struct.pack("<IHHHH", 12, 31, 20, 1, 24)
    (tmp_path / "a.bmp").write_bytes(b"BM" + header + body)
    assert np.array_equal(read_image(tmp_path / "a.bmp"), PICTURE[..., ::-1])
    (tmp_path / "a.bmp").write_bytes(b"BM" + header + body[:-1])
    with pytest.raises(ImageError, match="cut short"):
        read_image(tmp_path / "a.bmp")


def test_text_is_cut_short_by_its_numbers() -> None:
    """A PGM or PPM in text, with comments, has as many numbers as it says."""
    whole = b"P2\n# by hand\n3 2\n255\n1 2 3\n4 5 6\n"
    assert examined(whole).is_whole
    assert not examined(whole[:-3]).is_whole
    assert examined(b"P3 1 1 255 7 8 9").is_whole
    assert not examined(b"P3 1 1 255 7 8").is_whole


def test_colours_of_16_bits(tmp_path: Path) -> None:
    """Of a PNG none is cut to 8."""
    deep = np.random.default_rng(1).integers(0, 60000, (20, 31, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    found = read_image(tmp_path / "a.png")
    assert found.dtype == np.uint16
    assert np.array_equal(found, deep)


def test_inks_of_a_jpeg_are_colours(tmp_path: Path) -> None:
    """CMYK comes as blue, green, red, not as four inks."""
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[..., 0], inks[:8, :, 1], inks[..., 3] = 200, 100, 30
    picture = Image.fromarray(inks, "CMYK")
    picture.save(tmp_path / "a.jpg", quality=100)
    found = read_image(tmp_path / "a.jpg")
    assert found.shape == (16, 16, 3)
    assert np.abs(found.astype(int) - np.asarray(picture.convert("RGB"))[..., ::-1]).max() <= 4


def test_colours_that_opencv_swaps(tmp_path: Path) -> None:
    """A PAM in colour is an error; one in grey is read."""
    path = tmp_path / "a.pam"
    head = "P7\nWIDTH 31\nHEIGHT 20\nDEPTH {}\nMAXVAL 255\nTUPLTYPE {}\nENDHDR\n"
    path.write_bytes(head.format(3, "RGB").encode() + PICTURE.tobytes())
    with pytest.raises(ImageError, match="is a PAM in colour, of which OpenCV takes red for blue"):
        read_image(path)
    grey = np.ascontiguousarray(PICTURE[..., 1])
    path.write_bytes(head.format(1, "GRAYSCALE").encode() + grey.tobytes())
    assert np.array_equal(read_image(path), grey)
