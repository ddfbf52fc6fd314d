"""Leica LIF: series in the axes in which they were taken, in their own sizes, read by the plane."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from tests.microscopes import Series, write_lif

from pixmake.images import formats
from pixmake.images.axes import ImageError
from pixmake.images.read import describe_part, read_image

liffile = pytest.importorskip("liffile")

GENERATOR = np.random.default_rng(0)
STACK = GENERATOR.integers(0, 60000, (2, 3, 4, 20, 30)).astype(np.uint16)
WITHOUT_ROWS = GENERATOR.integers(0, 60000, (7, 30)).astype(np.uint16)
STAGE_SCAN = GENERATOR.integers(0, 255, (23, 5, 30)).astype(np.uint8)
COLOURS = GENERATOR.integers(0, 255, (20, 30, 3)).astype(np.uint8)
MOSAIC = GENERATOR.integers(0, 255, (3, 20, 30)).astype(np.uint8)


@pytest.fixture(scope="module")
def lif(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of five series, that liffile reads as they were written."""
    series = [
        Series(
            "stack",
            STACK,
            "tzcyx",
            {"x": 5e-7, "y": 5e-7, "z": 1e-6, "t": 2},
            ("Green", "Red", "Blue", "Gray"),
            [0] * 4,
        ),
        Series("xz", WITHOUT_ROWS, "zx", {"x": 5e-7, "z": 1e-6}),
        Series("xzy", STAGE_SCAN, "yzx", {"x": 5e-7}),
        Series("colours", COLOURS, "yxc", {"x": 5e-7}, ("Red", "Green", "Blue"), (1, 2, 3)),
        Series("mosaic", MOSAIC, "myx", {}),
    ]
    path = write_lif(tmp_path_factory.mktemp("lif") / "a.lif", series)
    with liffile.LifFile(path) as file:
        for image, each in zip(file.images, series, strict=True):
            assert image.name == each.name
            assert np.array_equal(image.asarray(), each.pixels)
    return str(path)


def test_series_are_scenes(lif: str) -> None:
    """By name; each tile of a mosaic is one."""
    assert [scene.name for scene in formats.scenes(lif)] == [
        "stack",
        "xz",
        "xzy",
        "colours",
        "mosaic 0",
        "mosaic 1",
        "mosaic 2",
    ]
    assert np.array_equal(read_image(lif, {"scene": 6}), MOSAIC[2])


def test_a_stack(lif: str) -> None:
    """Whole, and any part of it; sizes with their units, channels by name."""
    assert np.array_equal(read_image(lif, {"scene": 0}), STACK)
    part = {"scene": 0, "t": 1, "c": 2, "y": 3, "height": 5, "x": 7, "width": 9}
    assert np.array_equal(read_image(lif, part, "zyx"), STACK[1, :, 2, 3:8, 7:16])
    described = describe_part(lif, {"scene": 0})
    assert described.channels == ("Green", "Red", "Blue", "Gray")
    assert described.pixel_size == {
        "x": (0.5, "micrometer"),
        "y": (0.5, "micrometer"),
        "z": (1.0, "micrometer"),
        "t": (2.0, "second"),
    }


def test_a_series_without_rows(lif: str) -> None:
    """A scan of x and z has one row in each plane, which has no size."""
    assert np.array_equal(read_image(lif, {"scene": 1}, "zyx"), WITHOUT_ROWS[:, None])
    assert set(describe_part(lif, {"scene": 1}).pixel_size) == {"x", "z"}


def test_a_scan_whose_rows_are_slow(lif: str) -> None:
    """The stage went along y, with planes of x and z: axes go by their names."""
    assert np.array_equal(read_image(lif, {"scene": 2}, "zyx"), STAGE_SCAN.transpose(1, 0, 2))
    assert np.array_equal(read_image(lif, {"scene": 2, "z": 3}), STAGE_SCAN[:, 3])


def test_colours_are_blue_green_red(lif: str) -> None:
    """Whatever their order in the file."""
    assert np.array_equal(read_image(lif, {"scene": 3}), COLOURS[..., ::-1])


def test_no_more_is_read_than_a_plane(tmp_path: Path) -> None:
    """Of a file of 2 GB with 100 series one; the others were never written, and take no place on the disk."""
    plane = np.arange(3200 * 3200, dtype=np.uint16).reshape(3200, 3200)
    empty = np.zeros_like(plane)
    series = [Series(f"{n}", empty, "yx", {}, is_written=False) for n in range(100)]
    series[77] = Series("77", plane, "yx", {})
    path = write_lif(tmp_path / "a.lif", series)
    assert path.stat().st_size > 2_000_000_000
    read_image(path, {"scene": 3, "y": 0, "height": 1})
    before = measured()
    image = read_image(path, {"scene": 77})
    assert all(after - start < 1.5 * plane.nbytes for after, start in zip(measured(), before, strict=True))
    assert np.array_equal(image, plane)
    starts = [measured()[0]]
    read_image(path, {"scene": 77, "y": 0, "height": 1, "x": 0, "width": 1})
    starts.append(measured()[0])
    region = read_image(path, {"scene": 77, "y": 50, "height": 64, "x": 70, "width": 64})
    headers = starts[1] - starts[0]
    assert measured()[0] - starts[1] - headers < 100_000
    assert np.array_equal(region, plane[50:114, 70:134])


def measured() -> tuple[int, int]:
    """Bytes that this process has asked files for, and its peak of memory."""
    with open("/proc/self/io") as lines:
        asked = int(next(lines).split()[1])
    return asked, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_file_that_is_cut_short(lif: str, tmp_path: Path) -> None:
    """Is an error, not the end of the process that maps it."""
    short = tmp_path / "short.lif"
    short.write_bytes(Path(lif).read_bytes()[:-100])
    with pytest.raises(ImageError, match=r"short.lif: .*cut short|cannot be read as Leica LIF"):
        read_image(short, {"scene": 6})
