"""`images.exif`: columns from the headers of the files themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images
from pixmake.plan.plan import plan_project
from pixmake.table.exif import BROKEN
from pixmake.table.sources import read_images
from pixmake.table.table import Table

ALL = ["timestamp", "camera", "exposure", "aperture", "iso", "focal_length"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()


def picture(name: str, tags: dict[int, Any] | None = None, shot: dict[int, Any] | None = None) -> None:
    image = Image.new("RGB", (4, 3))
    header = Image.Exif()
    header.update(tags or {})
    header.get_ifd(0x8769).update(shot or {})
    if name.endswith("tif"):
        header[0x8769] = 0  # Pillow writes the inner header of a TIFF only if the outer one names it
    image.save(f"in/{name}", exif=header)


def table(**keys: Any) -> Table:
    return read_images(Images.model_validate({"directory": "in", "exif": ALL, **keys}))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_terms(suffix: str) -> None:
    """When a picture was taken, with what, and how, in seconds, f-number, ISO and mm."""
    picture(
        f"a.{suffix}",
        {0x010F: "Canon", 0x0110: "Canon EOS 70D"},
        {
            0x9003: "2024:01:31 17:05:09",
            0x9291: "25",
            0x9011: "+02:00",
            0x829A: IFDRational(1, 200),
            0x829D: IFDRational(56, 10),
            0x8827: 400,
            0x920A: IFDRational(50, 1),
        },
    )
    found = table()
    assert found.frame.iloc[0].to_dict() == {
        "path": f"a.{suffix}",
        "timestamp": "2024-01-31T17:05:09.250000+02:00",
        "camera": "Canon EOS 70D",
        "exposure": 0.005,
        "aperture": 5.6,
        "iso": 400,
        "focal_length": 50.0,
    }
    assert found.when is not None
    assert str(found.when[0]) == "2024-01-31T15:05:09.250000"
    assert found.notes == ()


def test_headers_that_say_nothing() -> None:
    """Their cells are empty, and that is noted; a date of zeros is none."""
    picture("a.jpg")
    picture(
        "b.jpg", {0x0132: "0000:00:00 00:00:00", 0x010F: "Nikon", 0x0110: "D5"}, {0x829A: IFDRational(0, 0)}
    )
    found = table(exif=["timestamp", "camera", "exposure"])
    assert found.frame["camera"].tolist() == [None, "Nikon D5"]
    assert found.frame["timestamp"].tolist() == [None, None]
    assert [str(note) for note in found.notes] == [
        "in, a.jpg, in/a.jpg: has no timestamp in its header",
        "in, a.jpg, in/a.jpg: has no camera in its header",
        "in, a.jpg, in/a.jpg: has no exposure in its header",
        "in, b.jpg, in/b.jpg: has no timestamp in its header",
        "in, b.jpg, in/b.jpg: has no exposure in its header",
    ]


def test_headers_that_cannot_be_read() -> None:
    """Their cells are empty, and that is noted; a file that is not there is for another check."""
    Path("in/a.jpg").write_text("no image")
    picture("b.jpg", {0x0110: "D5"}, {0x9003: "yesterday, at noon"})
    picture("c.jpg", {0x0110: "D5"}, {0x9003: "2024:03:01 14:05:09"})
    found = table(exif=["timestamp", "camera"])
    assert found.frame["camera"].tolist() == [None, "D5", "D5"]
    assert found.frame["timestamp"].tolist() == [None, None, "2024-03-01T14:05:09"]
    first, second = map(str, found.notes)
    assert first == "in, a.jpg, in/a.jpg: its header cannot be read: it is no image that Pillow knows"
    assert second.startswith(
        "in, b.jpg, in/b.jpg: its header cannot be read: timestamp: time data 'yesterday, at noon'"
    )
    Path("t.csv").write_text("path\ngone.jpg\n")
    gone = read_images(Images.model_validate({"table": "t.csv", "exif": ["camera"]}))
    assert (gone.frame["camera"].tolist(), gone.notes) == ([None], ())


@pytest.mark.parametrize(
    ("keys", "ids"),
    [
        ({"group_by": ["camera"]}, ["a", "D5"]),
        ({"id": "{camera}"}, ["a", "D5"]),
        ({}, ["a", "b"]),
    ],
)
@pytest.mark.parametrize("how", ["empty", "fail"])
def test_a_broken_header_stops_no_other_image(keys: dict[str, Any], ids: list[str], how: str) -> None:
    """An image whose key cannot be read is one by itself; whether its job fails is said by a key."""
    Path("in/a.jpg").write_text("no image")
    picture("b.jpg", {0x0110: "D5"})
    Path("s.py").write_text("def f(images=None): ...\n")
    images = {"directory": "in", "exif": ["camera"], "broken_headers": how, **keys}
    plan = plan_project({"images": images, "steps": {"s": {"function": "s.py:f"}}}, [])
    assert [group.id for group in plan.groups] == ids
    broken = [job.task.broken for _, job in plan.jobs()]
    assert broken == [f"{BROKEN}: it is no image that Pillow knows" if how == "fail" else "", ""]


def test_each_header_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers are kept below .snakemake/pixmake; a file that has changed, and another term, are read."""
    read: list[str] = []
    opened = Image.open

    def counted(path: Any, *args: Any, **keys: Any) -> Any:
        read.append(str(path))
        return opened(path, *args, **keys)

    monkeypatch.setattr(Image, "open", counted)
    for name in ("a.jpg", "b.jpg"):
        picture(name, {0x0110: "D5"}, {0x8827: 400})
    first = table(exif=["camera", "iso"])
    assert sorted(read) == ["in/a.jpg", "in/b.jpg"]
    picture("b.jpg", {0x0110: "D780"})
    read.clear()
    again = table(exif=["camera", "iso"])
    assert read == ["in/b.jpg"]
    assert again.frame.iloc[0].to_dict() == first.frame.iloc[0].to_dict()
    assert again.frame["camera"].tolist() == ["D5", "D780"]
    assert [str(note) for note in again.notes] == ["in, b.jpg, in/b.jpg: has no iso in its header"]
    read.clear()
    assert table(exif=["iso"]).frame["iso"].tolist() == [400, None]
    assert sorted(read) == ["in/a.jpg", "in/b.jpg"]
    (kept,) = Path(".snakemake/pixmake/headers").glob("exif.camera.iso.json")
    kept.write_text("cut")
    assert table(exif=["camera", "iso"]).frame["camera"].tolist() == ["D5", "D780"]


def test_a_column_that_is_there_already() -> None:
    """Two words for one thing are an error."""
    picture("VIS_a.jpg")
    with pytest.raises(PixmakeError, match="has a column 'camera' already"):
        table(directory={"path": "in", "template": "{camera}_{plant}"}, exif=["camera"])
