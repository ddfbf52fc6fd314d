"""Steps that run StarDist: what it is told, what is left; its classes are stood in for (`stand_ins`)."""

from __future__ import annotations

import csv
import json
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
from pixmake_stardist import run

from pixmake import testing
from pixmake.job.runners import Call
from pixmake.job.task import Task
from pixmake.plan.plan import plan_project
from pixmake.project.folder import complete_project

STAND_INS = Path(__file__).with_name("stand_ins")
STEP: dict[str, Any] = {
    "stardist": "2D_demo",
    "params": {"prob_thresh": 0.5, "nms_thresh": 0.3, "normalize": [0, 100], "n_tiles": [1, 2]},
    "files": {"labels": "tif", "objects": "csv"},
}
CONFIG: dict[str, Any] = {
    "images": {"table": "images.csv"},
    "steps": {"nuclei": STEP},
    "max_failures": 9,
}


def draw(path: str, spots: int) -> None:
    """A picture with so many bright squares of 16 pixels each."""
    image = np.zeros((40, 60), np.uint8)
    for number in range(spots):
        image[5:9, 4 + 10 * number : 8 + 10 * number] = 200
    cv2.imwrite(path, image)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of three images, of which one has more channels than the model takes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{STAND_INS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(str(STAND_INS))
    for name in ("tensorflow", "stardist", "stardist.models"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    draw("a.png", 3)
    draw("b.png", 1)
    cv2.imwrite("bad.png", np.zeros((40, 60, 3), np.uint8))
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
    assert (failed["id"], failed["message"]) == (
        "bad",
        "bad.png: 3 channel(s) of it are given, and the model takes 1; see `channels`",
    )
    objects = rows("nuclei.objects.csv")
    assert [(row["id"], row["label"], row["area"]) for row in objects] == [
        *(("a", str(number), "16.0") for number in (1, 2, 3)),
        ("b", "1", "16.0"),
    ]
    assert [float(row["probability"]) for row in objects] == pytest.approx([0.5, 0.7, 0.9, 0.5])
    labels = cv2.imread("results/nuclei/a.labels.tif", cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint16 and labels.max() == 3
    assert len(Path("loads.txt").read_text().splitlines()) == 1
    assert "<path" in Path("results/report.html").read_text()


def find(image: np.ndarray[Any, Any], step: dict[str, Any]) -> dict[str, Any]:
    """What a step leaves of an image, in this process."""
    colour = step["axes"].endswith("c")
    planes, axes = (np.moveaxis(image, -1, 0), "CYX") if colour else (image, step["axes"].upper())
    tifffile.imwrite("image.ome.tif", planes, metadata={"axes": axes}, photometric="minisblack")
    config = {**CONFIG, "images": {"table": "image.csv"}, "steps": {"nuclei": step}}
    Path("image.csv").write_text("path\nimage.ome.tif\n")
    ((planned, _),) = plan_project(config, []).jobs()
    model = run.load(planned.work, device="cpu", threads=1)
    outputs = {name: f"{name}.{suffix}" for name, suffix in step.get("files", {}).items()}
    task = Task("nuclei", "a", "stardist", planned.work, "", {}, params=step.get("params", {}))
    left = run.run(Call(task, ("image.ome.tif",), {}, outputs, models={"model": model}))
    return {name: each["value"] for name, each in left.measurements.items()}


def model_folder(name: str, **said: Any) -> str:
    folder = Path("models") / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(said))
    (folder / "weights_best.h5").write_bytes(b"weights")
    return str(folder)


def test_a_model_of_ones_own(here: Path) -> None:
    """By its folder, which says what it takes; the files in it are in the task."""
    colour = model_folder("he", n_dim=2, n_channel_in=3)
    image = np.zeros((20, 20, 3), np.uint8)
    image[2:8, 2:8] = 200
    assert find(image, {"stardist": colour, "axes": "yxc", "params": {"n_tiles": [2, 2]}})["objects"] == 1
    deep = model_folder("deep", n_dim=3, n_channel_in=1)
    volume = np.zeros((5, 20, 20), np.uint16)
    volume[1:3, 2:8, 2:8] = 2000
    found = find(volume, {"stardist": deep, "axes": "zyx", "files": {"labels": "ome.zarr"}})
    assert (found["objects"], found["area_objects"]) == (1, 72)
    assert Path("labels.ome.zarr").is_dir()
    with pytest.raises(RuntimeError, match="not normalised"):
        find(volume, {"stardist": deep, "axes": "zyx", "params": {"normalize": False}})
    config = {**CONFIG, "steps": {"nuclei": {"stardist": colour}}}
    ((planned, _), *_) = plan_project(config, []).jobs()
    assert sorted(planned.work["load"]["model"]["files"]) == [
        f"{colour}/config.json",
        f"{colour}/weights_best.h5",
    ]


def test_a_model_that_is_not_there(here: Path) -> None:
    with pytest.raises(ValueError, match="StarDist has no model '2D_none'"):
        run.load({"model": "2D_none", "dimensions": 2}, device="cpu", threads=1)
    with pytest.raises(RuntimeError, match=r"this tensorflow .* sees no GPU"):
        run.load({"model": "2D_demo", "dimensions": 2}, device="cuda", threads=1)


@pytest.mark.parametrize("promise", testing.KIND, ids=testing.name)
def test_promises(promise: Callable[[testing.KindCase], None], here: Path) -> None:
    """Those of every kind of step."""
    complete_project(here)
    Path("models/empty").mkdir(parents=True)
    wrong: Sequence[dict[str, Any]] = [
        {"stardist": "models/away"},
        {"stardist": "models/empty"},
        {"params": {"prob_tresh": 0.5}},
        {"params": {"prob_thresh": 2}},
        {"params": {"normalize": [1]}},
        {"axes": "zyx"},
        {"files": {"masks": "tif"}},
    ]
    promise(testing.KindCase("stardist", CONFIG, "nuclei", "a", "bad", wrong))
