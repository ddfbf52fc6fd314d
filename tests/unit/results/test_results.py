"""Records and files: whole or not at all, and the same bytes for the same results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixmake import Measurement
from pixmake.base.files import written_whole
from pixmake.images.encoded import examined
from pixmake.images.read import ImageError, read_file, write_file
from pixmake.job.record import Failure, Record, failure_counts, note_failure, read_record, write_record
from pixmake.job.runners.measurements import measured


def test_record_round_trip(tmp_path: Path) -> None:
    """A record is read as it was written."""
    record = Record(
        "i", "s", "failed", {"ü": [1, None]}, {}, {}, Failure("E", "why", "tb", "log"), {"n": 1}, ("a.png",)
    )
    write_record(record, tmp_path / "a" / "i.json")
    assert read_record(tmp_path / "a" / "i.json") == record
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["i.json"]


def test_nothing_half_written(tmp_path: Path) -> None:
    """A file that cannot be finished leaves the old one as it was, and no other."""
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as temporary:
        temporary.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '{"error": null, "x": 1}'])
def test_no_record(tmp_path: Path, text: str) -> None:
    """A file that is no record is told by name."""
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ValueError, match=r"r\.json is not a record of pixmake"):
        read_record(tmp_path / "r.json")


def test_failures_are_counted(tmp_path: Path) -> None:
    """Each failure is a line, whatever its message holds."""
    assert failure_counts(tmp_path, "s") == {}
    note_failure(tmp_path, "s", "a", "one\ntwo\r\nthree")
    note_failure(tmp_path, "s", "a", "x" * 9999)
    note_failure(tmp_path, "s", "b", "")
    assert failure_counts(tmp_path, "s") == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (3, {"value": 3}),
        (np.float32(0.5), {"value": 0.5}),
        (np.array(7), {"value": 7}),
        (np.bool_(True), {"value": True}),
        ("text", {"value": "text"}),
        (None, {"value": None}),
        (float("nan"), {"value": "nan"}),
        ([1, np.int64(2)], {"value": [1, 2]}),
        (np.arange(3), {"value": [0, 1, 2]}),
        ((1.5, float("inf")), {"value": [1.5, "inf"]}),
        (Measurement(2, unit="mm"), {"value": 2, "unit": "mm"}),
        (Measurement([1, 2], label=["a", "b"]), {"value": [1, 2], "label": ["a", "b"]}),
    ],
)
def test_measurements(value: object, content: dict[str, object]) -> None:
    """Numbers, text and flat sequences are measurements, NumPy's too."""
    assert measured("x", value) == content


@pytest.mark.parametrize("value", [np.zeros((2, 2)), object(), [[1]], {"a": 1}, b"x", 1j])
def test_no_measurement(value: object) -> None:
    """Anything else is an error that names it."""
    with pytest.raises(TypeError, match="'x'"):
        measured("x", value)


@pytest.mark.parametrize(
    ("suffix", "array", "back"),
    [
        ("png", np.eye(5, dtype=bool), np.eye(5, dtype=np.uint8) * 255),
        ("png", np.arange(12).reshape(3, 4), np.arange(12, dtype=np.uint16).reshape(3, 4)),
        ("png", np.full((3, 4, 3), 9, np.uint8), np.full((3, 4, 3), 9, np.uint8)),
        ("tif", np.eye(4) / 3, (np.eye(4) / 3).astype(np.float32)),
        ("npy", np.ones((2, 2, 2, 2)), np.ones((2, 2, 2, 2))),
    ],
)
def test_arrays_in_files(tmp_path: Path, suffix: str, array: np.ndarray, back: np.ndarray) -> None:
    """What a step writes, the next one reads: without loss, or it is an error."""
    path = tmp_path / f"a.{suffix}"
    write_file(array, path)
    read = read_file(path)
    np.testing.assert_array_equal(read, back)
    assert read.dtype == back.dtype


@pytest.mark.parametrize(
    ("suffix", "array"),
    [
        ("png", np.eye(3) / 2),
        ("jpg", np.full((3, 3), 300)),
        ("png", np.full((2, 2), -1)),
        ("png", np.ones(3, np.uint8)),
    ],
)
def test_arrays_that_a_file_cannot_hold(tmp_path: Path, suffix: str, array: np.ndarray) -> None:
    """A file that would lose values is not written."""
    with pytest.raises(ImageError):
        write_file(array, tmp_path / f"a.{suffix}")


def test_cut_short_is_seen_at_any_length() -> None:
    """A file that lacks its end is seen, wherever it was cut; a whole one is not."""
    import cv2

    image = np.random.default_rng(0).integers(0, 255, (64, 70, 3), dtype=np.uint8)
    for suffix in (".png", ".jpg", ".webp", ".bmp", ".ppm", ".jp2", ".gif"):
        whole = cv2.imencode(suffix, image)[1].tobytes()
        assert examined(whole).is_whole
        assert examined(whole + b"trailing bytes of a camera").is_whole
        for length in range(40, len(whole) - 14, 97):
            assert not examined(whole[:length]).is_whole, (suffix, length)
