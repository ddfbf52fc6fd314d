"""`pixmake check --read`: every image is opened before a night is spent on it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from tests.conftest import Project

from pixmake.project.read_check import Reading, described, kinds, read_all, with_progress


def readings(folder: Path, processes: int = 2) -> dict[str, Reading]:
    paths = sorted(str(path) for path in folder.iterdir())
    return {Path(reading.path).name: reading for reading in read_all(paths, processes)}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    colour = np.zeros((30, 40, 3), np.uint8)
    cv2.imwrite(str(folder / "colour.png"), colour)
    cv2.imwrite(str(folder / "colour2.jpg"), colour)
    cv2.imwrite(str(folder / "grey.tif"), np.zeros((7, 9), np.uint16))
    cv2.imwrite(str(folder / "alpha ü\n.png"), np.zeros((5, 6, 4), np.uint8))
    cv2.imwrite(str(folder / "float.tiff"), np.zeros((5, 6), np.float32))
    whole = (folder / "colour.png").read_bytes()
    (folder / "short.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("no picture")
    return folder


def test_what_each_image_is(pictures: Path) -> None:
    """Size, depth and channels are as an analysis gets them; what does not decode says why."""
    found = readings(pictures)
    assert {
        name: (reading.width, reading.height, reading.dtype, reading.channels)
        for name, reading in found.items()
        if not reading.error
    } == {
        "colour.png": (40, 30, "uint8", 3),
        "colour2.jpg": (40, 30, "uint8", 3),
        "grey.tif": (9, 7, "uint16", 1),
        "alpha ü\n.png": (6, 5, "uint8", 4),
        "float.tiff": (6, 5, "float32", 1),
    }
    assert {name: reading.error for name, reading in found.items() if reading.error} == {
        "short.png": "the file is cut short: its last part is missing",
        "empty.png": "the file is empty (0 bytes)",
        "text.png": "is of no image format that pixmake knows: "
        "it begins with the bytes 6e 6f 20 70 69 63 74 75 "
        "(let the function ask for `path` in place of `image`)",
    }


def test_a_file_that_brings_down_its_decoder(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash costs the file that causes it and no other."""
    broken = pictures.parent / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import os, pixmake.images.read as images\n"
        "read = images.read_known\n"
        "images.read_known = lambda path, part: os.abort() if 'colour' in path else read(path)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(broken))
    found = readings(pictures, processes=1)
    assert len(found) == 8
    assert found["grey.tif"].error == ""
    for name in ("colour.png", "colour2.jpg"):
        assert found[name].error == "brings down the process that decodes it (SIGABRT)"


def test_kinds_are_counted() -> None:
    """Images of a kind are one line, the most frequent first, with one of them named."""
    some = [
        Reading("b.png", 640, 480, "uint8", 3),
        Reading("a.png", 640, 480, "uint8", 3),
        Reading("c.tif", 20, 10, "uint16", 1),
        Reading("d.png", error="no"),
    ]
    assert described(kinds(some)) == [
        "images  width × height  depth    channels       for example",
        "     2  640 × 480       8 bits   3 (colour)     a.png",
        "     1  20 × 10         16 bits  1 (greyscale)  c.tif",
    ]
    many = [Reading(f"{size}.png", size, 1, "uint8", 3) for size in range(1, 31)]
    assert described(kinds(many))[-1] == "… and 10 more kinds, of 10 images"


def test_progress_is_plain_lines_where_there_is_no_terminal() -> None:
    """Now and then a whole line, and no control characters; nothing at all if it is quick."""
    shown = io.StringIO()
    ticks: Iterator[float] = iter(range(0, 1000, 4))
    some = [Reading(f"{number}.png", error="no" * (number == 1)) for number in range(10)]
    assert list(with_progress(some, 10, shown, lambda: next(ticks))) == some
    assert shown.getvalue().splitlines() == [
        "opened 3 of 10 images, 1 do not decode, about 28 s left",
        "opened 6 of 10 images, 1 do not decode, about 16 s left",
        "opened 9 of 10 images, 1 do not decode, about 4 s left",
    ]


def test_check_read(small: Project) -> None:
    """`pixmake check --read` ends with 0 if all is well, else with 1 and every bad image by name."""
    small.draw("images/p1.png", shape=(10, 12))
    well = small.pixmake("check", "--read")
    assert well.code == 0
    assert "opened 4 images" in well.out
    assert "     3  32 × 24         8 bits  3 (colour)     images/p0.png" in well.out
    assert "     1  12 × 10         8 bits  1 (greyscale)  images/p1.png" in well.out
    assert well.err == ""
    small.write("images/p2.png", b"")
    ill = small.pixmake("check", "--read")
    assert ill.code == 1
    assert "1 does not decode" in ill.out
    assert ill.err == "pixmake: images/p2.png: the file is empty (0 bytes)\n"
    assert small.pixmake("check").code == 0


def test_colours_that_are_multiplied_by_alpha(small: Project) -> None:
    """They come as stored, and `check --read` says so."""
    values = np.full((8, 9, 4), 60, np.uint8)
    for name, alpha in (("p0", "assocalpha"), ("p1", "unassalpha")):
        tifffile.imwrite(small.folder / f"images/{name}.png", values, photometric="rgb", extrasamples=[alpha])
    found = small.pixmake("check", "--read")
    assert found.code == 0
    assert (
        "1 image has colours that are multiplied by their alpha; they come as stored: images/p0.png"
        in found.out
    )


def test_formats_that_nothing_reads_are_told_once(small: Project) -> None:
    """With `--read`, too: each format once, with how many there are, beside what does not decode."""
    for name in ("p0", "p2"):
        small.write(f"images/{name}.png", b"%PDF-1.4\n")
    small.write("images/p1.png", b"")
    ill = small.pixmake("check", "--read")
    assert ill.code == 1
    assert "3 do not decode" in ill.out
    first, second = ill.err.splitlines()
    assert first.startswith("pixmake: images/p0.png: is of no image format that pixmake knows: it is a PDF")
    assert first.endswith("; so is 1 other image")
    assert second == "pixmake: images/p1.png: the file is empty (0 bytes)"
