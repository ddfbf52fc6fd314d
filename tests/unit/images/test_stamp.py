"""Where a file comes from stands in the file itself, and its pixels and rows are what they were."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from pixmake.cli.command_line import main
from pixmake.images.read import read_file, write_file, write_image
from pixmake.images.stamp import put_stamp, read_stamp

STAMP = {
    "pixmake": 1,
    "id": "ü 1",
    "step": "find",
    "task": "ab12",
    "params": {"level": 3, "names": ["a"] * 50},
    "images": [{"path": "images/a.png", "sha256": "c0ffee"}],
    "needs": [{"step": "cut", "file": "a.part.png", "sha256": "beef"}],
}
TEXT = json.dumps(STAMP)

ARRAYS = {
    "grey.png": np.arange(48, dtype=np.uint8).reshape(6, 8),
    "colour.png": np.arange(144, dtype=np.uint8).reshape(6, 8, 3),
    "deep.png": np.arange(48, dtype=np.uint16).reshape(6, 8) * 900,
    "grey.tif": np.arange(48, dtype=np.uint8).reshape(6, 8),
    "colour.tiff": np.arange(144, dtype=np.uint8).reshape(6, 8, 3),
    "float.tif": np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8),
    "large.tif": np.arange(900 * 700, dtype=np.uint16).reshape(900, 700),
    "volume.ome.zarr": np.arange(96, dtype=np.uint16).reshape(2, 6, 8),
    "mask.ome.zarr": np.arange(48).reshape(6, 8) > 20,
}


@pytest.mark.parametrize("name", list(ARRAYS))
def test_images_say_it_and_stay_what_they_are(name: str, tmp_path: Path) -> None:
    """Read by pixmake, by OpenCV or by tifffile they have the same pixels; written twice the same bytes."""
    plain, stamped, again = (tmp_path / place / name for place in ("plain", "stamped", "again"))
    for path, stamp in ((plain, ""), (stamped, TEXT), (again, TEXT)):
        path.parent.mkdir()
        write_file(ARRAYS[name], path, "x", None, stamp)
    assert read_stamp(plain) is None
    assert read_stamp(stamped) == STAMP
    expected = read_file(plain)
    np.testing.assert_array_equal(read_file(stamped), expected)
    if not path.is_dir():
        assert stamped.read_bytes() == again.read_bytes()
        np.testing.assert_array_equal(
            cv2.imread(str(stamped), cv2.IMREAD_UNCHANGED), cv2.imread(str(plain), cv2.IMREAD_UNCHANGED)
        )
    if ".tif" in name:
        tifffile = pytest.importorskip("tifffile")
        with tifffile.TiffFile(stamped) as file, tifffile.TiffFile(plain) as before:
            assert len(file.pages) == len(before.pages) == 1
            np.testing.assert_array_equal(file.asarray(), before.asarray())
            assert file.pages[0].tags["Software"].value.startswith("pixmake {")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_of_several_planes_keeps_its_axes(order: Any, big: bool, tmp_path: Path) -> None:
    """Both orders of bytes, and BigTIFF; what tifffile calls itself gives way."""
    tifffile = pytest.importorskip("tifffile")
    planes = np.arange(144, dtype=np.uint16).reshape(3, 6, 8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        planes,
        byteorder=order,
        bigtiff=big,
        metadata={"axes": "ZYX"},
        compression="zlib",
        photometric="minisblack",
    )
    put_stamp(path, TEXT)
    assert read_stamp(path) == STAMP
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes == "ZYX"
        assert len(file.pages) == 3
        np.testing.assert_array_equal(file.asarray(), planes)


def test_a_table_says_it_and_keeps_its_rows(tmp_path: Path) -> None:
    """Parquet; types and pandas' own notes are kept. Text and bytes of a user's are left alone."""
    frame = pd.DataFrame({"area": [1, 2], "name": ["é", None]})
    write_file(frame, tmp_path / "a.parquet", stamp=TEXT)
    write_file(frame, tmp_path / "b.parquet")
    assert read_stamp(tmp_path / "a.parquet") == STAMP
    assert read_stamp(tmp_path / "b.parquet") is None
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "a.parquet"), pd.read_parquet(tmp_path / "b.parquet")
    )
    write_image(ARRAYS["grey.png"], tmp_path / "own.png")
    content = (tmp_path / "own.png").read_bytes()
    for name in ("bytes.png", "a.txt"):
        write_file(content, tmp_path / name, stamp=TEXT)
        assert (tmp_path / name).read_bytes() == content
    for name, damaged in (
        ("cut.png", content[:40]),
        ("none.tif", b"II*\0"),
        ("no.parquet", b"PAR1"),
        ("e.png", b""),
    ):
        (tmp_path / name).write_bytes(damaged)
        assert read_stamp(tmp_path / name) is None


def test_explain_reads_it_without_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As lines or JSON; a file that does not say it is told, in words."""
    monkeypatch.chdir(tmp_path)
    write_file(ARRAYS["grey.png"], Path("a.png"), stamp=TEXT)
    write_file(ARRAYS["grey.png"], Path("b.png"))
    assert main(["explain", "a.png"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == ["find of ü 1", "  file        a.png", "  task        ab12"]
    assert "  image       images/a.png, SHA-256 c0ffee" in told
    assert "  needs       a.part.png, SHA-256 beef, of step cut" in told
    assert main(["explain", "a.png", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == STAMP
    assert main(["explain", "b.png"]) == 1
    assert "b.png: does not say where it comes from" in capsys.readouterr().err


def test_it_costs_little(tmp_path: Path) -> None:
    """Less than 0.3 ms an image: the least of some tries, since others use this machine."""
    path = tmp_path / "a.png"
    write_image(np.random.default_rng(1).integers(0, 255, (500, 500), dtype=np.uint8), path)
    content, seconds = path.read_bytes(), []
    for _ in range(50):
        path.write_bytes(content)
        began = time.perf_counter()
        put_stamp(path, TEXT)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.0003
