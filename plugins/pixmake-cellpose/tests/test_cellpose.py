"""Steps that run Cellpose: what it is told, what is left; its classes are stood in for (`stand_ins`)."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import yaml
from pixmake_cellpose import run

from pixmake import testing
from pixmake.base.errors import PixmakeError
from pixmake.job.runners import Call
from pixmake.job.task import Task
from pixmake.plan.plan import plan_project
from pixmake.project.folder import complete_project

STAND_INS = Path(__file__).with_name("stand_ins")
STEP: dict[str, Any] = {
    "cellpose": "cpsam_v2",
    "params": {"diameter": 30, "flow_threshold": 0.5, "cellprob_threshold": -1, "min_size": 4},
    "files": {"labels": "tif", "objects": "csv"},
}
CONFIG: dict[str, Any] = {
    "images": {"table": "images.csv"},
    "steps": {"cells": STEP},
    "max_failures": 9,
}


def draw(path: str, spots: int, level: int = 200) -> None:
    """A picture with so many bright squares of 16 pixels each."""
    image = np.zeros((40, 60), np.uint8)
    for number in range(spots):
        image[5:9, 4 + 10 * number : 8 + 10 * number] = level
    cv2.imwrite(path, image)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of three images, of which one makes Cellpose raise an exception."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{STAND_INS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(str(STAND_INS))
    for name in ("torch", "cellpose", "cellpose.models"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    draw("a.png", 3)
    draw("b.png", 1)
    draw("bad.png", 2, 252)
    Path("images.csv").write_text("path\na.png\nb.png\nbad.png\n")
    Path("config").mkdir()
    return tmp_path


def rows(name: str) -> list[dict[str, str]]:
    with open(f"results/{name}", newline="") as lines:
        return list(csv.DictReader(lines))


def test_a_run(here: Path) -> None:
    """One load, labels and objects of each image, the outlines on the page; a bad image fails alone."""
    Path("config/config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    complete_project(here)
    words = [sys.executable, "-m", "snakemake", "--cores", "1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {row["id"]: row["objects"] for row in rows("measurements.csv")} == {"a": "3", "b": "1"}
    (failed,) = rows("failures.csv")
    assert (failed["id"], failed["message"]) == ("bad", "mat1 and mat2 shapes cannot be multiplied")
    objects = rows("cells.objects.csv")
    assert [(row["id"], row["label"], row["area"]) for row in objects] == [
        *(("a", str(number), "16.0") for number in (1, 2, 3)),
        ("b", "1", "16.0"),
    ]
    labels = cv2.imread("results/cells/a.labels.tif", cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint16 and labels.max() == 3
    assert len(Path("loads.txt").read_text().splitlines()) == 1
    assert "<path" in Path("results/report.html").read_text()


def find(image: np.ndarray[Any, Any], step: dict[str, Any], device: str = "cpu") -> dict[str, Any]:
    """What a step leaves of an image, in this process."""
    colour = step["axes"].endswith("c")
    planes, axes = (np.moveaxis(image, -1, 0), "CYX") if colour else (image, step["axes"].upper())
    tifffile.imwrite("image.ome.tif", planes, metadata={"axes": axes}, photometric="minisblack")
    config = {**CONFIG, "images": {"table": "image.csv"}, "steps": {"cells": step}}
    Path("image.csv").write_text("path\nimage.ome.tif\n")
    ((planned, _),) = plan_project(config, []).jobs()
    model = run.load(planned.work, device=device, threads=1)
    outputs = {name: f"{name}.{suffix}" for name, suffix in step.get("files", {}).items()}
    task = Task("cells", "a", "cellpose", planned.work, "", {}, params=step.get("params", {}))
    left = run.run(Call(task, ("image.ome.tif",), {}, outputs, models={"model": model}))
    return {name: each["value"] for name, each in left.measurements.items()}


def test_channels_and_volumes(here: Path) -> None:
    """A channel is asked for by its number; a volume by Cellpose's own params."""
    image = np.zeros((20, 20, 4), np.uint8)
    image[2:8, 2:8, 3] = 200
    step = {"cellpose": "cpsam", "axes": "yxc"}
    assert find(image, step)["objects"] == 0
    assert find(image, {**step, "params": {"channels": [3]}})["objects"] == 1
    volume = np.zeros((5, 20, 20), np.uint8)
    volume[1:3, 2:8, 2:8] = 200
    files = {"labels": "ome.zarr"}
    found = find(volume, {"cellpose": "cpsam", "axes": "zyx", "params": {"do_3D": True}, "files": files})
    assert (found["objects"], found["area_objects"]) == (1, 72)
    assert Path("labels.ome.zarr").is_dir()
    find(image, step, device="cuda")
    assert "'gpu': True, 'device': 'cuda'" in Path("loads.txt").read_text().splitlines()[-1]


def test_a_model_that_is_not_there(here: Path) -> None:
    """Cellpose would take its default one, and say so in a log; a model's file is in the task."""
    with pytest.raises(ValueError, match="Cellpose has no model 'cyto3'; it has cpsam_v2, cpsam, or takes"):
        run.load({"model": "cyto3", "bfloat16": True}, device="cpu", threads=1)
    with pytest.raises(PixmakeError, match="there is no model models/mine"):
        plan_project({**CONFIG, "steps": {"cells": {"cellpose": "models/mine"}}}, [])
    Path("mine").write_bytes(b"weights")
    ((planned, _), *_) = plan_project({**CONFIG, "steps": {"cells": {"cellpose": "mine"}}}, []).jobs()
    assert len(planned.work["load"]["model"]["files"]["mine"]) == 64


@pytest.mark.parametrize("promise", testing.KIND, ids=testing.name)
def test_promises(promise: Callable[[testing.KindCase], None], here: Path) -> None:
    """Those of every kind of step."""
    complete_project(here)
    wrong: Sequence[dict[str, Any]] = [
        {"cellpose": "models/away"},
        {"params": {"diametre": 30}},
        {"params": {"diameter": "large"}},
        {"params": {"channels": [0, 1, 2, 3]}},
        {"params": {"do_3D": True, "stitch_threshold": 0.2}},
        {"axes": "zyx"},
        {"files": {"masks": "tif"}},
        {"files": {"labels": "jpg"}},
    ]
    promise(testing.KindCase("cellpose", CONFIG, "cells", "a", "bad", wrong))
