"""StarDist's own classes, where it is installed, with a small network that has learnt nothing."""

from __future__ import annotations

import ast
import csv
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from pixmake.project.folder import complete_project

models = pytest.importorskip("stardist.models")
STAND_IN = Path(__file__).with_name("stand_ins") / "stardist/models.py"


def arguments(function: ast.FunctionDef) -> list[str]:
    return [each.arg for each in function.args.args]


def test_the_stand_in_has_no_argument_of_its_own() -> None:
    stand_in = next(each for each in ast.parse(STAND_IN.read_text()).body if isinstance(each, ast.ClassDef))
    real = {
        "__init__": models.StarDist2D.__init__,
        "from_pretrained": models.StarDist2D.from_pretrained.__func__,
        "predict_instances": models.StarDist2D._predict_instances_generator,
    }
    for function in (each for each in stand_in.body if isinstance(each, ast.FunctionDef)):
        assert set(arguments(function)) <= set(inspect.signature(real[function.name]).parameters)


def write_model(channels: int) -> str:
    """The folder of a model of StarDist's architecture, of some thousand weights."""
    config = models.Config2D(
        n_rays=8,
        grid=(2, 2),
        n_channel_in=channels,
        unet_n_depth=1,
        unet_n_filter_base=4,
        net_conv_after_unet=8,
    )
    name = f"small{channels}"
    model = models.StarDist2D(config, name=name, basedir="models")
    model.keras_model.save_weights(f"models/{name}/weights_best.weights.h5")
    model.thresholds = {"prob": 0.4, "nms": 0.3}
    return f"models/{name}"


@pytest.mark.parametrize(("channels", "axes"), [(1, "yx"), (3, "yxc")])
def test_a_network_that_has_learnt_nothing(
    channels: int, axes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of three images by a serving process: labels of the image's size, and a table of objects."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    for name in "abc":
        cv2.imwrite(f"{name}.png", rng.integers(0, 256, (70, 90, channels), np.uint8))
    Path("images.csv").write_text("path\na.png\nb.png\nc.png\n")
    step: dict[str, Any] = {
        "stardist": write_model(channels),
        "axes": axes,
        "params": {"prob_thresh": 0.3, "nms_thresh": 0.4, "n_tiles": [1, 2]},
        "files": {"labels": "tif", "objects": "csv"},
    }
    config = {"images": {"table": "images.csv"}, "steps": {"nuclei": step}, "aggregate": {"report": False}}
    Path("config").mkdir()
    Path("config/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    complete_project(tmp_path)
    words = [sys.executable, "-m", "snakemake", "--cores", "1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    logs = "".join(path.read_text() for path in sorted(Path("logs").glob("nuclei*")) if path.is_file())
    assert done.returncode == 0, done.stdout + done.stderr + logs
    with open("results/measurements.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 3
    labels = cv2.imread("results/nuclei/a.labels.tif", cv2.IMREAD_UNCHANGED)
    assert labels.shape == (70, 90)
    with open("results/nuclei.objects.csv", newline="") as lines:
        objects = [row for row in csv.DictReader(lines) if row["id"] == "a"]
    assert len(objects) == int(rows[0]["objects"]) == len(np.unique(labels[labels > 0]))
    assert all(0 <= float(row["probability"]) <= 1 for row in objects)
    log = Path("logs/nuclei.load.log").read_text()
    assert log.count("pixmake: loaded in") == 1
