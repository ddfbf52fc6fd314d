"""TIFFs that are more, less or other than one plain picture: the image that is meant, or an error."""

from __future__ import annotations

import importlib.util
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from pixmake.base.errors import MissingPackageError, PixmakeError
from pixmake.images import describe, read_image
from pixmake.images.axes import ImageError
from pixmake.images.tiff import looked_at, needs_tifffile
from pixmake.images.tiff_tags import wrong_in_opencv

GREY = (np.arange(48 * 64).reshape(48, 64) % 251).astype(np.uint8)
COLOUR = np.stack([GREY, GREY // 2, 250 - GREY], -1)


def packed(path: Path, values: np.ndarray, bits: int) -> None:
    """A grey TIFF of so many bits a pixel, packed, in one strip: tifffile writes none without imagecodecs."""
    digits = (values.astype(np.uint32)[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    data = np.packbits(digits.astype(np.uint8).reshape(len(values), -1), axis=1).tobytes()
    height, width = values.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    tags.append((279, len(data)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    data += bytes(len(data) % 2)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)


def written(path: Path, pixels: bytes, *tags: tuple[int, int, tuple[int, ...]], drop: int = 0) -> None:
    """A TIFF of one strip, grey and of 8 bits but for what other tags (number, kind, values) say."""
    height, width = GREY.shape
    said = {256: (4, (width,)), 257: (4, (height,)), 258: (3, (8,)), 259: (3, (1,)), 262: (3, (1,))}
    said |= {273: (4, (8,)), 277: (3, (1,)), 278: (4, (height,)), 279: (4, (len(pixels),))}
    said |= {tag: (kind, values) for tag, kind, values in tags}
    said.pop(drop, None)
    body, entries = pixels + bytes(len(pixels) % 2), b""
    for tag, (kind, values) in sorted(said.items()):
        place = struct.pack(f"<{len(values)}{'HI'[kind == 4]}", *values)
        if len(place) > 4:
            place, body = struct.pack("<I", 8 + len(body)), body + place + bytes(len(place) % 2)
        entries += struct.pack("<HHI", tag, kind, len(values)) + place.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<I", 8 + len(body))
    path.write_bytes(head + body + struct.pack("<H", len(said)) + entries + bytes(4))


def jpeg(values: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", values)[1])


_JPEG = (259, 3, (7,))
CONTRADICTIONS: dict[str, tuple[bytes, list[tuple[int, int, tuple[int, ...]]], int, str]] = {
    "depths of three samples, and one sample": (
        COLOUR.tobytes(),
        [(258, 3, (8, 8, 8)), (262, 3, (2,))],
        277,
        "3 depths for 1 sample a pixel",
    ),
    "samples that lie neither beside each other nor apart": (
        COLOUR.tobytes(),
        [(258, 3, (8, 8, 8)), (262, 3, (2,)), (277, 3, (3,)), (284, 3, (0,))],
        0,
        r"whether its samples lie beside each other or apart \(it says 0\)",
    ),
    "a fax of 8 bits": (
        GREY.tobytes(),
        [(259, 3, (4,))],
        0,
        "8 bits a sample in the compression CCITT Group 4",
    ),
    "a strip that ends in the tags": (GREY.tobytes()[:-9], [], 0, "its tags lie where its pixels should"),
    "a JPEG of fewer columns": (jpeg(GREY[:, :-8]), [_JPEG], 0, "56 × 48 pixels instead of 64 × 48"),
    "a JPEG of fewer rows": (jpeg(GREY[:-8]), [_JPEG], 0, "64 × 40 pixels instead of 64 × 48"),
    "a JPEG in colour": (jpeg(COLOUR), [_JPEG], 0, "3 samples a pixel instead of 1"),
    "a JPEG that is cut": (jpeg(GREY)[:-40], [_JPEG], 0, "its end is missing"),
    "a JPEG of its header": (jpeg(GREY)[:200], [_JPEG], 0, "it ends before its pixels"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_tags_that_contradict_the_pixels(tmp_path: Path, name: str) -> None:
    """Told in the same words, whole, by axes, page and region; never a part of the pixels, nor zeros."""
    pixels, tags, drop, why = CONTRADICTIONS[name]
    written(tmp_path / "a.tif", pixels, *tags, drop=drop)
    for words in ((), (None, "yx"), ({"page": 0},), ({"y": 20, "height": 28},)):
        with pytest.raises(ImageError, match=f"is damaged.*{why}"):
            read_image(tmp_path / "a.tif", *words)


@pytest.mark.parametrize("count", [0, 10_000_000])
def test_byte_counts_that_are_wrong(tmp_path: Path, count: int) -> None:
    """Without compression the pixels are where they begin, whatever number of bytes is told."""
    written(tmp_path / "a.tif", GREY.tobytes(), (279, 4, (count,)))
    for words, expected in (((), GREY), (({"page": 0},), GREY), (({"y": 3, "height": 5},), GREY[3:8])):
        assert np.array_equal(read_image(tmp_path / "a.tif", *words), expected)


@pytest.mark.parametrize("left_out", [1, 12])
def test_tiles_that_are_left_out(tmp_path: Path, left_out: int) -> None:
    """They are empty, whole and by region; a file of which all are left out was never written."""
    path, expected = tmp_path / "a.tif", GREY.copy()
    expected[:16, :16] = 0
    tifffile.imwrite(path, GREY, tile=(16, 16), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in (324, 325):
            values = file.pages[0].tags[tag].value
            file.pages[0].tags[tag].overwrite([0] * left_out + list(values[left_out:]))
    for words, rows in (((), slice(None)), (({"y": 10, "height": 20},), slice(10, 30))):
        if left_out == 1:
            assert np.array_equal(read_image(path, *words), expected[rows])
        else:
            with pytest.raises(ImageError, match="never written"):
                read_image(path, *words)


def test_a_description_of_fewer_planes(tmp_path: Path) -> None:
    """ImageJ's description of another number of planes than there are is told, and a page can be read."""
    path = tmp_path / "a.tif"
    said = "ImageJ=1.54f\nimages=2\nchannels=2\nslices=1\nhyperstack=true\n"
    with tifffile.TiffWriter(path) as writer:
        for number in range(4):
            description = said if number == 0 else None
            writer.write(STACK[number], description=description, metadata=None, photometric="minisblack")
    for words in ((), (None, "cyx"), ({"y": 3, "height": 5},)):
        with pytest.raises(ImageError, match="its description tells of 2 × 48 × 64, and its 4 pages are not"):
            read_image(path, *words)
    assert np.array_equal(read_image(path, {"page": 3}), STACK[3])


@pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
def test_packed_bits(tmp_path: Path, bits: int) -> None:
    """Values as stored; of single bits 0 and 255."""
    values = np.arange(40 * 50).reshape(40, 50) % 2**bits
    packed(tmp_path / "bits.tif", values, bits)
    expected = values * 255 if bits == 1 else values
    for words in ((), (None, "yx"), ({"y": 0, "height": 40},)):
        found = read_image(tmp_path / "bits.tif", *words)
        assert np.array_equal(found, expected)
        assert found.dtype == (np.uint8 if bits <= 8 else np.uint16)


@pytest.mark.parametrize(
    ("compression", "words"),
    [
        ("jpeg2000", {"level": 0, "reversible": True}),
        ("aperio_jp2000_rgb", {"level": 0, "reversible": True}),
        ("jpegxl", {"lossless": True}),
        ("jpegxr", {"level": 1.0}),
        ("png", {}),
        ("zstd", {}),
        ("lerc", {}),
        ("webp", {"lossless": True}),
    ],
)
def test_compressions_that_opencv_lacks(tmp_path: Path, compression: str, words: dict[str, Any]) -> None:
    """Whole, tiled and as a pyramid: the pixels, never zeros."""
    path = tmp_path / "a.tif"
    for layout in ({}, {"tile": (32, 32)}, {"tile": (16, 32), "subifds": 1}):
        with tifffile.TiffWriter(path, ome="subifds" in layout) as writer:
            how = {"photometric": "rgb", "compression": compression, "compressionargs": words}
            writer.write(COLOUR, **how, **layout)
            if "subifds" in layout:
                writer.write(COLOUR[::2, ::2], subfiletype=1, tile=(16, 32), **how)
        assert np.array_equal(read_image(path), COLOUR[..., ::-1])
        assert np.array_equal(
            read_image(path, {"y": 7, "height": 30}, "cyx"), COLOUR[7:37, :, ::-1].transpose(2, 0, 1)
        )
    assert np.array_equal(read_image(path, {"level": 1}), COLOUR[::2, ::2, ::-1])


REFUSED: dict[str, tuple[np.ndarray, dict[str, Any], str]] = {
    "inks": (np.dstack([COLOUR, GREY]), {"photometric": "separated"}, "holds CMYK or other inks"),
    "lab": (COLOUR, {"photometric": "cielab"}, "holds colours in CIE L\\*a\\*b\\*"),
    "ycbcr": (COLOUR, {"photometric": "ycbcr"}, "holds colours in YCbCr without compression"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_colours_that_are_none(tmp_path: Path, name: str) -> None:
    """One and the same error, however they are asked for."""
    values, how, why = REFUSED[name]
    tifffile.imwrite(tmp_path / "a.tif", values, metadata=None, **how)
    for words in ((), (None, "yxc"), ({"page": 0},), ({"y": 0, "height": 5},)):
        with pytest.raises(ImageError, match=why):
            read_image(tmp_path / "a.tif", *words)


STACK = (np.arange(7)[:, None, None] * 30 + GREY // 8).astype(np.uint16)
_IMAGEJ = "ImageJ=1.54f\nimages=7\nslices=7\nloop=false\n"


@pytest.mark.parametrize(
    ("how", "axes"),
    [
        ({"description": _IMAGEJ, "metadata": None, "truncate": True, "byteorder": ">"}, "zyx"),
        ({"truncate": True, "metadata": {"axes": "ZYX"}}, "zyx"),
        ({"volumetric": True, "tile": (1, 16, 16), "metadata": None}, "zyx"),
        ({"imagej": True, "metadata": {"axes": "ZYX"}, "truncate": True}, "zyx"),
    ],
)
def test_planes_behind_one_directory(tmp_path: Path, how: dict[str, Any], axes: str) -> None:
    """All planes, or those that are asked for, at the cost of those."""
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **how)
    assert looked_at(str(path)).pages == 1
    assert describe(path).axes == axes
    assert np.array_equal(read_image(path), STACK)
    assert np.array_equal(read_image(path, {"z": 5, "x": 3, "width": 9}, "yx"), STACK[5, :, 3:12])
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ImageError):
        read_image(path)


def test_a_metamorph_stack(tmp_path: Path) -> None:
    """The planes of an STK are named by tags of its maker, which count by the plane."""
    path, values = tmp_path / "stack.stk", STACK[:3]
    height, width = values.shape[1:]
    # UIC2: of each plane its distance in z (a fraction), and days and milliseconds of two times
    times = b"".join(
        struct.pack("<IIIIII", 1, 1, 2_450_000, number, 2_450_000, number) for number in range(3)
    )
    beside = struct.pack("<II", 0, 1) + times + struct.pack("<II", 500, 1) * 3
    start = 8 + len(beside)
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, start), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, height * width * 2)]
    tags += [(33628, 5, 1, 8), (33629, 5, 3, 16), (33630, 5, 3, 16 + len(times))]
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    pixels = values.astype("<u2").tobytes()
    head = b"II*\0" + struct.pack("<I", start + len(pixels))
    path.write_bytes(head + beside + pixels + struct.pack("<H", len(tags)) + directory)
    assert next(wrong_in_opencv(looked_at(str(path)))) == "the planes of a MetaMorph stack"
    assert np.array_equal(read_image(path), values)
    assert np.array_equal(read_image(path, {"z": 2}, "yx"), values[2])


def pages(path: Path, *sizes: tuple[int, int], **how: Any) -> None:
    """A page of each size, its value the width; those after the first with the words of `how`."""
    with tifffile.TiffWriter(path) as writer:
        for number, (height, width) in enumerate(sizes):
            words = how if number else {}
            values = np.full((height, width), width, np.uint8)
            writer.write(values, photometric="minisblack", metadata=None, **words)


def test_pages_of_several_sizes(tmp_path: Path) -> None:
    """An error, unless tags say that all but one are levels, masks or previews."""
    path = tmp_path / "pages.tif"
    for sizes in (((9, 10), (9, 12), (7, 9)), ((64, 64), (32, 32), (16, 16)), ((8, 8),) * 5 + ((8, 9),) * 5):
        pages(path, *sizes)
        with pytest.raises(ImageError, match=r"of unlike sizes.*column page"):
            read_image(path)
        assert read_image(path, {"page": 2}).shape == sizes[2]
    # tifffile looks at some pages alone
    pages(path, *((9, 10),) * 3, (9, 11), *((9, 10),) * 8)
    for words in ((), (None, "zyx")):
        with pytest.raises(ImageError, match=r"unlike"):
            read_image(path, *words)
    pages(path, (64, 64), (32, 32), (16, 16), subfiletype=1)
    assert read_image(path).shape == (64, 64)
    assert (describe(path).levels, read_image(path, {"level": 2}).shape) == (3, (16, 16))
    pages(path, (64, 64), (10, 12), subfiletype=1)
    assert read_image(path).shape == (64, 64)


@pytest.mark.parametrize("metadata", [None, {}])
def test_a_preview_comes_first(tmp_path: Path, metadata: dict[str, Any] | None) -> None:
    """The image in the SubIFD; of a camera's raw file an error; never the preview."""
    path = tmp_path / "a.tif"
    for photometric in ("minisblack", "cfa"):
        with tifffile.TiffWriter(path) as writer:
            writer.write(COLOUR[::4, ::4], photometric="rgb", subfiletype=1, subifds=1, metadata=metadata)
            writer.write(STACK[3], photometric=photometric, subfiletype=0, metadata=metadata)
        if photometric == "cfa" and importlib.util.find_spec("rawpy"):
            assert read_image(path).shape[:2] == STACK[3].shape
        elif photometric == "cfa":
            with pytest.raises((ImageError, PixmakeError), match=r"mosaic|camera raw"):
                read_image(path)
        else:
            assert np.array_equal(read_image(path), STACK[3])


@pytest.mark.parametrize("missing", ["tifffile", "imagecodecs"])
def test_without_the_libraries(tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an interpreter that lacks them, what OpenCV may not read names that interpreter and the package."""
    planar, plain, zstd = tmp_path / "planar.tif", tmp_path / "plain.tif", tmp_path / "zstd.tif"
    tifffile.imwrite(planar, STACK[:3], photometric="rgb", planarconfig="separate", metadata=None)
    tifffile.imwrite(plain, COLOUR, photometric="rgb", compression="lzw", metadata=None)
    tifffile.imwrite(zstd, GREY, photometric="minisblack", compression="zstd", metadata=None)
    monkeypatch.setattr("pixmake.images.tiff_support.is_installed", lambda: missing != "tifffile")
    found = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == missing else found(name, *more)
    )
    if missing == "tifffile":
        monkeypatch.setitem(sys.modules, "tifffile", None)
    else:
        assert np.array_equal(read_image(planar), STACK[:3].transpose(1, 2, 0)[..., ::-1])
    for path in (zstd, *([planar] if missing == "tifffile" else [])):
        with pytest.raises(MissingPackageError) as told:
            read_image(path)
        assert f"needs the package {missing}, which {sys.executable} lacks" in str(told.value)
        assert str(told.value).startswith(f"{path}: ")
    # what OpenCV reads alike is read, whatever is asked for
    for words in ((), (None, "yxc"), ({"y": 3, "height": 9, "x": 5},)):
        rows = slice(3, 12) if words and words[0] else slice(None)
        columns = slice(5, None) if words and words[0] else slice(None)
        assert np.array_equal(read_image(plain, *words), COLOUR[rows, columns, ::-1])


DECODED_WRONGLY: dict[str, tuple[Callable[[Path], None], str]] = {
    "white": (
        lambda path: tifffile.imwrite(path, GREY, photometric="miniswhite", metadata=None),
        "0 for white",
    ),
    "planes": (
        lambda path: tifffile.imwrite(path, STACK[:3], photometric="rgb", planarconfig="separate"),
        "separate planes",
    ),
    "pages": (lambda path: tifffile.imwrite(path, STACK, photometric="minisblack"), "7 pages"),
    "bits": (lambda path: packed(path, STACK[0], 12), "12 bits a sample"),
    "plain": (lambda path: tifffile.imwrite(path, COLOUR, photometric="rgb"), ""),
    "doubles": (lambda path: tifffile.imwrite(path, GREY.astype(float), photometric="minisblack"), ""),
}


@pytest.mark.parametrize("name", DECODED_WRONGLY)
def test_what_others_may_decode_wrongly(tmp_path: Path, name: str) -> None:
    """Kinds that OpenCV gets wrong are known by their tags; what it gets right is not told of."""
    make, why = DECODED_WRONGLY[name]
    make(tmp_path / "a.tif")
    assert next(wrong_in_opencv(looked_at(str(tmp_path / "a.tif"))), "") == why
    assert needs_tifffile(str(tmp_path / "a.tif")) == (name != "plain")
