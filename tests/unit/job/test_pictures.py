"""What an image's own job leaves for the page, before the analysis has the pixels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pixmake.job.run import DONE, FAILED, parse_job, run_job
from pixmake.job.task import Task

ANALYSES = """\
def measure(image):
    image[:] = 0
    return {"n": 1}

def opened(path):
    import cv2
    return {"n": int(cv2.imread(path).max())}

def fails(image):
    raise ValueError("no")

def channel(image):
    return {"n": image.shape[0]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an analysis and an image, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "analysis.py").write_text(ANALYSES)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "results/s").mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)
    cv2.imwrite("a.png", picture)
    return tmp_path


def run(function: str, image: str = "a.png", *, pictures: str = "pictures", **task: Any) -> dict[str, Any]:
    """Run a job, and give its record."""
    work = {"function": f"analysis.py:{function}", **task.pop("work", {})}
    told = Task("s", "a", "function", work, "", {}, images=(image,), **task)
    limits = {"attempts": 1, "quality": True, **({"pictures": pictures} if pictures else {})}
    job = parse_job([told.as_json(), json.dumps(limits), "-", "1", "log", "results/s/a.json"])
    assert run_job(job) in (DONE, FAILED)
    record: dict[str, Any] = json.loads(Path("results/s/a.json").read_bytes())
    return record


def test_a_thumbnail_is_made_of_the_pixels_as_they_were(project: Path) -> None:
    """It shows the image, though the analysis writes over its array; it has the image's time."""
    record = run("measure")
    small = cv2.imread("pictures/a.jpg")
    assert small.shape == (192, 288, 3)
    assert small.mean() > 100
    assert os.stat("pictures/a.jpg").st_mtime_ns == os.stat("a.png").st_mtime_ns
    assert record["run"]["quality"]["brightness"] == pytest.approx(0.5, abs=0.02)
    assert "quality" not in record["measurements"]


def test_it_is_made_once(project: Path) -> None:
    """One that is there is left as it is; the quality stands in each record."""
    run("measure")
    Path("pictures/a.jpg").write_bytes(b"kept")
    time = os.stat("a.png").st_mtime_ns
    os.utime("pictures/a.jpg", ns=(time, time))
    assert "quality" in run("measure")["run"]
    assert Path("pictures/a.jpg").read_bytes() == b"kept"
    os.utime("a.png", ns=(10**18, 10**18))
    run("measure")
    assert Path("pictures/a.jpg").read_bytes() != b"kept"


def test_a_failed_image_has_its_picture(project: Path) -> None:
    """Why it failed may be seen there."""
    record = run("fails")
    assert (record["status"], "quality" in record["run"]) == ("failed", True)
    assert Path("pictures/a.jpg").exists()


def test_what_is_not_decoded_here_has_none(project: Path) -> None:
    """The page makes it then; and where there is no page, nobody does."""
    assert "quality" not in run("opened")["run"]
    assert "quality" not in run("measure", pictures="")["run"]
    assert list(Path("pictures").iterdir()) == []


def test_the_part_that_is_meant_is_shown(project: Path) -> None:
    """A region of an image: its thumbnail is of that region, with a copy that a browser shows."""
    region = {"y": 0, "x": 0, "height": 50, "width": 100}
    record = run("channel", parts=(region,), work={"axes": "yxc"})
    assert record["measurements"]["n"]["value"] == 50
    assert cv2.imread("pictures/a.jpg").shape[:2] == (50, 100)
    assert Path("pictures/a.large.jpg").exists()


def test_no_result_is_lost_where_no_picture_can_be_made(project: Path) -> None:
    """The folder of pictures is a file: the image is measured."""
    Path("pictures").rmdir()
    Path("pictures").write_text("")
    assert run("measure")["status"] == "ok"
