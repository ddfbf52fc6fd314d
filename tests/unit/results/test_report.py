"""The page: small pictures are made once, data stand in it whole, nothing of a user's breaks it."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pixmake.job.record import Failure, Record, write_record
from pixmake.results.report import write_report
from pixmake.results.report.thumbnails import Picture, make_thumbnails, outline_svg


def draw(path: Path, image: np.ndarray) -> str:
    """Write an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return str(path)


def page_of(folder: Path, records: list[Record], **project: Any) -> tuple[str, dict[str, Any]]:
    """The page of records, and the data in it."""
    with (folder / "records.jsonl").open("w") as lines:
        for record in records:
            write_record(record, folder / "one.json")
            lines.write(json.dumps(json.loads((folder / "one.json").read_text())) + "\n")
    known = {"results": "results", "terms": [], "steps": {}, "tables": [], "functions": [], **project}
    write_report(folder / "records.jsonl", known, folder / "report.html", folder / "kept")
    page = (folder / "report.html").read_text(encoding="utf-8")
    found = re.search(r'id="data">([^<]+)<', page)
    assert found is not None
    data = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return page, {**data, **data["levels"][0]}


def test_small_pictures_are_made_once(tmp_path: Path) -> None:
    """Only the picture of a changed image is made again; that of an image that is gone is removed."""
    grey = np.full((600, 800, 3), 90, np.uint8)
    pictures = [Picture(name, draw(tmp_path / f"{name}.png", grey)) for name in "abc"]
    folder = tmp_path / "small"
    made = make_thumbnails(pictures, folder, 2)
    assert cv2.imread(str(folder / made["a"].small)).shape[:2] == (216, 288)
    for name in folder.iterdir():
        name.write_bytes(b"kept")
        os.utime(name, ns=(0, os.stat(tmp_path / f"{name.stem}.png").st_mtime_ns))
    draw(tmp_path / "b.png", grey + 50)
    os.utime(tmp_path / "b.png", ns=(10**18, 10**18))
    make_thumbnails(pictures[:2], folder, 1)
    assert (folder / "a.jpg").read_bytes() == b"kept"
    assert (folder / "b.jpg").read_bytes() != b"kept"
    assert not (folder / "c.jpg").exists()


@pytest.mark.parametrize("suffix", ["tif", "png"])
@pytest.mark.parametrize("kind", [np.uint16, np.uint8])
def test_deep_images_are_shown(tmp_path: Path, suffix: str, kind: type) -> None:
    """16 bits are stretched to what an eye sees; what no browser shows has a large copy."""
    ramp = np.linspace(1000 if kind is np.uint16 else 20, 1400 if kind is np.uint16 else 90, 2000 * 400)
    image = Picture("i", draw(tmp_path / f"i.{suffix}", ramp.reshape(400, 2000).astype(kind)))
    made = make_thumbnails([image], tmp_path / "small", 1)["i"]
    small = cv2.imread(str(tmp_path / "small" / made.small))
    assert small.std() > (60 if kind is np.uint16 else 10)
    assert bool(made.large) == (suffix == "tif")
    if made.large:
        assert cv2.imread(str(tmp_path / "small" / made.large)).shape[1] == 1600


def test_outlines(tmp_path: Path) -> None:
    """A mask has an outline, also one of labels; a photograph that a step made has none."""
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 10:30] = 1
    mask[10:20, 30:50] = 2
    svg = outline_svg(mask)
    assert svg.count("M") == 4  # two objects, each as a dark and a bright line
    assert 'viewBox="0 0 60 40"' in svg
    photo = np.random.default_rng(0).integers(1, 255, (40, 60), np.uint8)
    image = draw(tmp_path / "i.png", photo)
    files = (
        ("s: photo", draw(tmp_path / "photo.png", photo)),
        ("s: mask", draw(tmp_path / "mask.png", mask)),
    )
    made = make_thumbnails(
        [Picture("i", image, files), Picture("j", image, files[:1])], tmp_path / "small", 1
    )
    assert (made["i"].outline, made["j"].outline) == ("i.svg", "")


def test_what_the_page_says(tmp_path: Path) -> None:
    """Rows by image, failures with their log, groups apart; nothing of it is run."""
    (tmp_path / "log").write_text("before\nthe end")
    evil = "</script><script>alert(1)</script>"
    records = [
        Record("a", "one", "ok", {"plant": evil, "day": "2024-01-02"}, {"x": {"value": 1, "unit": "mm"}}),
        Record("a", "two", "ok", {"plant": evil}, {"x": {"value": "nan"}, "h": {"value": [1, 2]}}),
        Record("b", "one", "failed", {"plant": "P"}, error=Failure("E", "no", "", str(tmp_path / "log"))),
        Record("b", "two", "failed", {"plant": "P"}, error=Failure("PrerequisiteFailed", "one")),
        Record("P", "over", "ok", {}, {"n": {"value": 2}}),
    ]
    page, data = page_of(tmp_path, records, over_several=["over"], title=evil)
    assert evil not in page
    columns = {column["key"]: (column["type"], column["values"]) for column in data["columns"]}
    assert columns == {
        "plant": ("text", [evil, "P"]),
        "day": ("time", [1704153600000.0, None]),
        "one.x": ("number", [1, None]),
        "two.x": ("number", [None, None]),
    }
    assert (data["ids"], data["states"]) == (["a", "b"], ["done", "failed"])
    assert [(each["row"], each["tail"]) for each in data["failures"]] == [(1, "before\nthe end")]
    assert data["several"]["two.h"]["rows"] == {"0": [1, 2]}
    assert data["parts"][0]["rows"] == [["id", "n"], ["P", "2"]]
    assert page_of(tmp_path, records, over_several=["over"], title=evil)[0] == page


def test_the_page_asks_for_nothing_from_outside(tmp_path: Path) -> None:
    """No address of a network is loaded: no script, style, font or picture."""
    page, _ = page_of(tmp_path, [Record("a", "s", "ok", {}, {"x": {"value": 1}})])
    page = re.sub(r"(?s)<script[^>]*>.*?</script>", lambda each: each[0].partition(">")[0], page)
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"|@import|url\((?!["\']?data:|#)', page) == []


def test_levels(tmp_path: Path) -> None:
    """What a step with `per` measures is a level of its own; the page opens where values are."""
    draw(tmp_path / "a.png", np.full((30, 40, 3), 90, np.uint8))
    images = [
        Record(
            f"i{n}", "split", "ok", {"plant": f"P{n // 2}", "day": n % 2}, images=[str(tmp_path / "a.png")]
        )
        for n in range(4)
    ]
    plants = [
        Record("P0", "rate", "ok", {"plant": "P0"}, {"rate": {"value": 0.5}}),
        Record("P1", "rate", "failed", {"plant": "P1"}, error=Failure("ValueError", "too few")),
    ]
    steps = {"rate": {"per": "plant"}, "split": {}}
    _, data = page_of(tmp_path, [*images, *plants], steps=steps, over_several=["rate"])
    first, second = data["levels"]
    assert (first["nouns"], second["nouns"], data["first"]) == ("images", "plants", 1)
    assert second["members"] == [[0, 1], [2, 3]]
    assert second["shown"] == ["i0", "i2"]
    assert [name for name, _ in second["files"][1]] == ["i2", "i3"]
    assert (second["states"], data["failures"][0]["level"]) == (["done", "failed"], 1)


def test_a_well_without_one_of_its_sites(tmp_path: Path) -> None:
    """It is told of how many of its images a well was made; its files are those of all channels."""
    wells = ("A1", "A2", "A3", "A4")
    sites = [
        Record(
            f"{well}_{site}",
            "measure",
            "ok",
            {"well": well},
            images=[f"{well}_{site}_{channel}.png" for channel in ("DAPI", "GFP")],
            origin={"task": {"names": ["DAPI", "GFP"]}},
        )
        for well in wells
        for site in (1, 2)
        if (well, site) != ("A2", 2)
    ]
    sites[-1] = Record(**{**vars(sites[-1]), "status": "failed", "error": Failure("ValueError", "no cells")})
    sums = [Record(well, "sum", "ok", {"well": well}, {"n": {"value": 2}}) for well in wells]
    for need, found in ("measure", {"1": [1, 2], "3": [1, 2]}), ("other", {"1": [1, 2]}):
        steps = {"measure": {}, "sum": {"per": "well", "needs": [need]}}
        _, data = page_of(tmp_path, [*sites, *sums], steps=steps, over_several=["sum"])
        assert data["levels"][0]["lacking"] == {}
        assert data["levels"][1]["lacking"] == found
    assert [[name, Path(path).name] for name, path in data["levels"][1]["files"][0]] == [
        ["A1_1: DAPI", "A1_1_DAPI.png"],
        ["A1_1: GFP", "A1_1_GFP.png"],
        ["A1_2: DAPI", "A1_2_DAPI.png"],
        ["A1_2: GFP", "A1_2_GFP.png"],
    ]


@pytest.mark.parametrize(
    ("times", "unit", "hours"),
    [
        (["2024-01-02T10:00:00", "2024-01-02T12:00:00"], "", [10, 12]),
        (["2024-01-02T10:00:00+02:00", "2024-01-02T12:00:00+02:00"], "UTC+02:00", [10, 12]),
        (["2024-01-02T10:00:00Z", "2024-01-02T12:00:00Z"], "UTC", [10, 12]),
        (["2024-03-31T10:00:00+01:00", "2024-03-31T12:00:00+02:00"], "UTC", [9, 10]),
        (["2024-01-02", "2024-01-03"], "", [0, 0]),
    ],
)
def test_times_have_their_zone(tmp_path: Path, times: list[str], unit: str, hours: list[int]) -> None:
    """Times stand as they were written, with their zone; those of several zones are in UTC."""
    records = [Record(f"i{n}", "s", "ok", {"timestamp": time}) for n, time in enumerate(times)]
    _, data = page_of(tmp_path, records)
    [column] = data["columns"]
    assert column["unit"] == unit
    assert [value / 3_600_000 % 24 for value in column["values"]] == hours
