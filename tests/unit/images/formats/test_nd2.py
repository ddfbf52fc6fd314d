"""Nikon ND2: positions are scenes, sizes count where they are calibrated, colours are as everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.microscopes import write_nd2

from pixmake.images import formats
from pixmake.images.axes import ImageError
from pixmake.images.read import describe_part, read_image

nd2 = pytest.importorskip("nd2")

FRAMES = np.random.default_rng(0).integers(0, 60000, (12, 20, 30, 2)).astype(np.uint16)
LOOPS = [("t", 2), ("p", 2), ("z", 3)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two times, two positions, three planes and two channels, which nd2 reads as they were written."""
    path = tmp_path_factory.mktemp("nd2") / "a.nd2"
    write_nd2(path, FRAMES, LOOPS, channels=["DAPI", "GFP"], micrometers=0.325, names=["A1", "B2"])
    with nd2.ND2File(path) as file:
        assert dict(file.sizes) == {"T": 2, "P": 2, "Z": 3, "C": 2, "Y": 20, "X": 30}
        assert np.array_equal(file.asarray(), FRAMES.reshape(2, 2, 3, 20, 30, 2).transpose(0, 1, 2, 5, 3, 4))
    return str(path)


def test_positions_are_scenes(stack: str) -> None:
    """By their names."""
    assert [scene.name for scene in formats.scenes(stack)] == ["A1", "B2"]
    values = FRAMES.reshape(2, 2, 3, 20, 30, 2)
    for position in range(2):
        whole = read_image(stack, {"scene": position}, "tczyx")
        assert np.array_equal(whole, values[:, position].transpose(0, 4, 1, 2, 3))
    part = {"scene": 1, "t": 1, "z": 2, "c": 0, "y": 4, "height": 6, "x": 5, "width": 7}
    assert np.array_equal(read_image(stack, part), values[1, 1, 2, 4:10, 5:12, 0])


def test_what_the_metadata_say(stack: str) -> None:
    """Sizes with their units, channels by name."""
    described = describe_part(stack, {"scene": 0})
    assert described.channels == ("DAPI", "GFP")
    assert described.pixel_size == {
        "t": (0.5, "second"),
        "z": (2.0, "micrometer"),
        "y": (0.325, "micrometer"),
        "x": (0.325, "micrometer"),
    }


def test_a_camera_that_was_not_calibrated(tmp_path: Path) -> None:
    """Has pixels of no size: nd2 says 1 micrometer of them."""
    path = write_nd2(tmp_path / "a.nd2", FRAMES[:1, ..., :1], channels=["DAPI"])
    assert describe_part(path, {}).pixel_size == {}
    assert np.array_equal(read_image(path), FRAMES[0, ..., 0])


def test_colours_are_blue_green_red(tmp_path: Path) -> None:
    """As they are in the file."""
    frame = np.random.default_rng(1).integers(0, 255, (1, 20, 30, 3)).astype(np.uint8)
    path = write_nd2(tmp_path / "a.nd2", frame)
    assert np.array_equal(read_image(path), frame[0])
    assert np.array_equal(read_image(path, {"c": 2}), frame[0, ..., 2])


def test_a_file_that_is_cut_short(stack: str, tmp_path: Path) -> None:
    """Is an error that names it."""
    short = tmp_path / "short.nd2"
    short.write_bytes(Path(stack).read_bytes()[:5000])
    with pytest.raises(ImageError, match=r"short.nd2: cannot be read as Nikon ND2"):
        read_image(short)
