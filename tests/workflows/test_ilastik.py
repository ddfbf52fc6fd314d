"""Steps that run ilastik: its command line, one start for many images, one bad image alone.

ilastik itself is not there: `tests/ilastik.py` stands in for it, and takes no other words than it does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.conftest import REPOSITORY, Project
from tests.unit.classifier.test_ilp import project as make_ilp

STEP: dict[str, Any] = {
    "ilastik": "my spots.ilp",
    "program": "bin/run_ilastik.sh",
    "files": {"labels": "png", "objects": "csv"},
    "params": {"objects": ["Spot"]},
    "threads": 2,
    "resources": {"mem_mb": 2000},
}
IMAGES = {"images": {"table": "config/images.csv", "root": "images"}, "aggregate": {"report": False}}


def draw(project: Project, name: str, marker: int = 0) -> None:
    """A picture with two bright squares; the first pixel tells the stand-in what to do."""
    image = np.full((40, 60, 3), 30, np.uint8)
    image[5:15, 5:15] = image[20:30, 40:55] = 200
    image[0, 0] = marker
    project.write(f"images/{name}.png", cv2.imencode(".png", image)[1].tobytes())


@pytest.fixture
def spots(project: Project) -> Project:
    """A project of five pictures, and an ilastik to work on them."""
    start = f'#!/bin/sh\nexec "{sys.executable}" "{REPOSITORY}/tests/ilastik.py" "$@"\n'
    project.write("bin/run_ilastik.sh", start).chmod(0o755)
    make_ilp(project.folder / "my spots.ilp")
    names = [f"p{number}" for number in range(5)]
    for number, name in enumerate(names):
        draw(project, name, marker=number)
    project.list_images([{"path": f"{name}.png"} for name in names])
    project.configure(**IMAGES, steps={"classify": STEP})
    return project


def told(project: Project) -> list[dict[str, Any]]:
    """What ilastik was told at each start."""
    path = project.folder / "told.json"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_one_start_for_many_images(spots: Project, ran_since: Callable[..., set[str]]) -> None:
    """One start, a record of each image; a bad image fails alone; a new one is a start for it alone."""
    environment = {"STAND_IN_LOG": str(spots.folder / "told.json")}
    draw(spots, "p1", marker=251)
    draw(spots, "p3", marker=252)
    truncated = (spots.folder / "images/p0.png").read_bytes()[:60]
    spots.write("images/cut.png", truncated)
    spots.list_images([{"path": f"{name}.png"} for name in ("p0", "p1", "p2", "p3", "p4", "cut")])
    ended = spots.snakemake(environment=environment)
    assert ended.code == 1
    failed = {row["id"]: row["message"] for row in spots.rows("failures.csv")}
    assert set(failed) == {"p1", "p3", "cut"}, ended.err
    assert "could not be read by this stand-in" in failed["p1"]
    assert "gave up half-way" in failed["p3"]
    assert "the file is cut short" in failed["cut"]

    first = told(spots)[0]
    assert first["headless"] and first["readonly"] == "1"
    assert first["export_source"] == "Simple Segmentation"
    assert (first["LAZYFLOW_THREADS"], first["LAZYFLOW_TOTAL_RAM_MB"]) == ("2", "1500")
    assert len(first["images"]) == 5, "the picture that is cut short is not shown to ilastik"
    assert len(told(spots)) <= 6

    rows = {row["id"]: row for row in spots.rows() if row["area_Spot"]}
    assert set(rows) == {"p0", "p2", "p4"}
    for name, row in rows.items():
        assert (row["area_Spot"], row["objects_Spot"]) == ("250", "2")
        labels = cv2.imread(str(spots.folder / f"results/classify/{name}.labels.png"), cv2.IMREAD_UNCHANGED)
        assert (labels == 2).sum() == 250 and (labels == 1).sum() == labels.size - 250
    objects = spots.rows("classify.objects.csv")
    assert [row["area"] for row in objects if row["id"] == "p0"] == ["100.0", "150.0"]
    assert float(objects[0]["centroid_x"]) == 9.5 and float(objects[0]["intensity_mean_0"]) == 200

    before, starts = spots.started(), len(told(spots))
    for number, name in enumerate(("p1", "p3", "new")):
        draw(spots, name, marker=10 + number)
    spots.list_images([{"path": f"{name}.png"} for name in ("new", "p0", "p1", "p2", "p3", "p4")])
    again = spots.snakemake(environment=environment)
    assert again.code == 0, again.err
    assert ran_since(spots, before) == {"classify/p1", "classify/p3", "classify/new"}
    assert [len(start["images"]) for start in told(spots)[starts:]] == [3]


def test_an_image_on_which_ilastik_hangs(spots: Project) -> None:
    """The step's timeout is for an image: the one that takes longer fails, the others are done."""
    environment = {"STAND_IN_LOG": str(spots.folder / "told.json")}
    draw(spots, "p2", marker=253)
    step = {**STEP, "timeout": 3, "files": {"probabilities": "npy"}, "params": {}, "images_per_start": 10}
    spots.configure(**IMAGES, steps={"classify": step})
    spots.snakemake(environment=environment)
    (failed,) = spots.rows("failures.csv")
    assert failed["id"] == "p2" and "took longer than the step's timeout of 3 s" in failed["message"]
    assert told(spots)[0]["export_source"] == "Probabilities"
    probabilities = np.load(spots.folder / "results/classify/p4.probabilities.npy")
    assert probabilities.shape == (2, 40, 60) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)


def test_checks_and_a_single_image(spots: Project, tmp_path: Path) -> None:
    """What is missing is told before a run; one image is tried by a start of its own, as decoded here."""
    environment = {"STAND_IN_LOG": str(spots.folder / "told.json")}
    wrong = {
        **STEP,
        "program": "bin/none.sh",
        "params": {"objects": ["Spott"], "size": 3},
        "needs": ["classify"],
    }
    spots.configure(**IMAGES, steps={"classify": wrong})
    checked = spots.pixmake("check")
    assert "needs has no meaning for a step of kind ilastik" in checked.err
    spots.configure(**IMAGES, steps={"classify": {**wrong, "needs": []}})
    checked = spots.pixmake("check")
    assert "there is no program bin/none.sh" in checked.err
    assert "there is no class 'Spott' (did you mean 'Spot'?)" in checked.err
    assert "has no param 'size'" in checked.err
    spots.configure(**IMAGES, steps={"classify": {**STEP, "axes": "yxc"}})
    image = np.full((10, 12, 3), 30, np.uint8)
    image[2:5, 2:5, 2] = 200  # red, which OpenCV has last and ilastik first
    spots.write("images/p0.png", cv2.imencode(".png", image)[1].tobytes())
    tried = spots.pixmake("try", "p0", environment=environment)
    assert tried.code == 0, tried.err
    assert "area_Spot = 9 pixels" in tried.out
    (start,) = told(spots)
    assert start["input_axes"] == "yxc" and start["images"] == ["00000.npy"]
