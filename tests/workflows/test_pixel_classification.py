"""Pixel classification, from strokes on a picture to a table of objects, through Snakemake."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.conftest import Project

STEP = {
    "pixel_classification": "models/spots.npz",
    "training": {"labels": "strokes", "classes": ["ground", "spot"], "trees": 20, "scales": [0.7, 1.6, 3.5]},
    "files": {"labels": "png", "probabilities": "npy", "objects": "csv"},
    "params": {"objects": ["spot"], "min_area": 20},
}
REST = {"images": {"table": "config/images.csv", "root": "images"}, "aggregate": {"report": False}}


def spots(number: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A noisy picture with discs, as bright as the ground but smooth; and where they are."""
    numbers = np.random.default_rng(number)
    truth = np.zeros((120, 160), np.uint8)
    for spot in range(count):
        cv2.circle(truth, (20 + 40 * (spot % 4), 20 + 40 * (spot // 4)), 9, 1, -1)
    rough, smooth = numbers.normal(120, 40, truth.shape), numbers.normal(120, 4, truth.shape)
    return np.where(truth, smooth, rough).clip(0, 255).astype(np.uint8), truth


@pytest.fixture(scope="module")
def spotted(tmp_path_factory: pytest.TempPathFactory, make_project: Callable[[Path], Project]) -> Project:
    """A project of four pictures, one of them of another depth, with strokes on the first."""
    project = make_project(tmp_path_factory.mktemp("classes") / "spots")
    for number, count in enumerate((12, 7, 3)):
        image, truth = spots(number, count)
        project.write(f"images/s{number}.png", cv2.imencode(".png", image)[1].tobytes())
        if number == 0:
            strokes = np.zeros_like(truth)
            strokes[18:22], strokes[38:42] = 1 + truth[18:22], 1 + truth[38:42]
            project.write("strokes/s0.png", cv2.imencode(".png", strokes)[1].tobytes())
    project.write("images/deep.png", cv2.imencode(".png", image.astype(np.uint16) * 99)[1].tobytes())
    project.list_images([{"path": f"{name}.png"} for name in ("s0", "s1", "s2", "deep")])
    project.configure(**REST, steps={"classify": STEP})
    return project


@pytest.mark.slow
def test_from_strokes_to_objects(spotted: Project, ran_since: Callable[..., set[str]]) -> None:
    """Train, run: classes, areas and objects of each picture; one of another depth fails alone."""
    missing = spotted.pixmake("check")
    assert missing.code == 1
    assert "there is no classifier models/spots.npz (make it with: pixmake train)" in missing.err
    trained = spotted.pixmake("train")
    assert trained.code == 0, trained.err
    assert "20 trees" in trained.out and "out-of-bag accuracy: 9" in trained.out, trained.out
    first = (spotted.folder / "models/spots.npz").read_bytes()
    assert spotted.pixmake("train").code == 0
    assert (spotted.folder / "models/spots.npz").read_bytes() == first, "the same training, the same file"

    ended = spotted.snakemake()
    assert ended.code == 1, ended.err
    (failed,) = spotted.rows("failures.csv")
    assert failed["id"] == "deep"
    assert "has uint16 values; the classifier was trained on uint8" in failed["message"]

    counts = {"s0": 12, "s1": 7, "s2": 3}
    rows = {row["id"]: row for row in spotted.rows() if row["id"] != "deep"}
    with (spotted.folder / "results/classify.objects.csv").open(newline="") as lines:
        objects = list(csv.DictReader(lines))
    for number, (name, count) in enumerate(counts.items()):
        _, truth = spots(number, count)
        base = spotted.folder / "results/classify" / name
        labels = cv2.imread(f"{base}.labels.png", cv2.IMREAD_UNCHANGED)
        assert (labels == truth + 1).mean() > 0.95
        assert int(rows[name]["area_spot"]) == (labels == 2).sum()
        assert float(rows[name]["fraction_ground"]) == pytest.approx((labels == 1).mean())
        probabilities = np.load(f"{base}.probabilities.npy")
        assert probabilities.dtype == np.float32 and probabilities.shape == (2, *truth.shape)
        assert (probabilities.argmax(axis=0) + 1 == labels).all()
        assert int(rows[name]["objects_spot"]) == count
        own = [row for row in objects if row["id"] == name]
        assert len(own) == count and {row["class"] for row in own} == {"spot"}
        assert float(own[0]["centroid_y"]) == pytest.approx(20, abs=1)
        assert 150 < float(own[0]["area"]) < 400
    assert spotted.record("classify", "s1")["run"]["warm"]

    before = spotted.started()
    again = {**STEP, "training": {**STEP["training"], "seed": 1}}
    spotted.configure(**REST, steps={"classify": again})
    assert "would run: 1 × classify" in spotted.snakemake("-n").out, (
        "the one that failed: nothing has changed"
    )
    assert spotted.pixmake("train", "classify").code == 0
    spotted.snakemake()
    assert {f"classify/{name}" for name in counts} <= ran_since(spotted, before), "another classifier"


def test_a_classifier_by_options(spotted: Project) -> None:
    """Labels may lie beside their images; the file says what it was made of."""
    strokes = (spotted.folder / "strokes/s0.png").read_bytes()
    spotted.write("images/s0_labels.png", strokes)
    words = ("--images", "images", "--labels", "images", "--trees", "5", "--scales", "1", "3.5")
    ended = spotted.pixmake("train", "other.npz", *words, "--features", "GaussianSmoothing")
    (spotted.folder / "images/s0_labels.png").unlink()
    assert ended.code == 0, ended.err
    with np.load(spotted.folder / "other.npz") as content:
        told = json.loads(content["model.json"])
    assert told["classes"] == ["class_1", "class_2"]
    assert told["filters"] == [["GaussianSmoothing", 1.0, False], ["GaussianSmoothing", 3.5, False]]
    assert (told["axes"], told["channels"], told["dtype"], told["trees"]) == ("yx", 1, "uint8", 5)
    assert told["images"][0]["image"] == "images/s0.png" and len(told["images"][0]["labels_sha256"]) == 64
    assert set(told["software"]) >= {"numpy", "scikit-learn"}
