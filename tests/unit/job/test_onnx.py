"""Networks in files: what goes in, what comes out, and that tiles leave no trace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.networks import write_network

from pixmake.base.errors import PixmakeError
from pixmake.config.network import Network
from pixmake.images.axes import ImageError
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.onnx import load, run
from pixmake.job.task import Task
from pixmake.plan.plan import plan_project

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

BLUR = np.full((1, 1, 3, 3), 1 / 9, np.float32)
TWO = {"classes": ["a", "b"]}
PICK = np.zeros((2, 3, 3, 3), np.float32)
PICK[0, 0, 1, 1] = PICK[1, 2, 1, 1] = 1  # the first class is the first channel, the second one the third


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    cv2.imwrite("grey.png", rng.integers(0, 256, (150, 90), np.uint8))
    cv2.imwrite("colour.png", rng.integers(0, 256, (40, 50, 3), np.uint8))
    write_network(tmp_path / "blur.onnx", BLUR)
    write_network(tmp_path / "blur64.onnx", BLUR, size=64)
    write_network(tmp_path / "sure.onnx", BLUR * 5, sigmoid=True)
    write_network(tmp_path / "pick.onnx", PICK)
    write_network(tmp_path / "one.onnx", BLUR, reduce=True)
    return tmp_path


def apply(
    model: str,
    image: str = "grey.png",
    asked: str = "yx",
    files: Mapping[str, str] | None = None,
    **keys: Any,
) -> Outcome:
    described = Network.model_validate(keys).model_dump()
    work = {"load": {"network": {"files": {model: ""}}}, "network": described, "axes": asked}
    files = files or {}
    task = Task("s", "a", "onnx", work, "", {}, images=(image,), files=tuple(files))
    session = load(work, device="cpu", threads=1)
    return run(Call(task, (image,), {}, files, models={"network": session}))


@pytest.mark.parametrize("keys", [{"tile": 64}, {"tile": 16, "overlap": 1}, {"tile": 200}, {}])
@pytest.mark.parametrize("model", ["blur.onnx", "blur64.onnx"])
def test_tiles_leave_no_trace(model: str, keys: dict[str, Any]) -> None:
    """Whatever their size, what comes out is that of the whole image, mirrored at its edges."""
    if model == "blur64.onnx" and keys.get("tile", 64) != 64:
        with pytest.raises(ValueError, match="takes tiles of 64 pixels; all edges of a tile are of one size"):
            apply(model, output="distances", **keys)
        return
    apply(model, output="distances", files={"distances": "d.npy"}, **keys)
    image = cv2.imread("grey.png", cv2.IMREAD_UNCHANGED).astype(np.float32)
    expected = cv2.blur(image, (3, 3), borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(np.load("d.npy"), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("keys", "low", "width"),
    [
        ({"subtract": 10, "divide": 255}, 10, 255),
        ({"divide": [2.0]}, 0, 2),
        ({"percentiles": [0, 100]}, 0, 255),
    ],
)
def test_values_are_made_what_the_network_takes(keys: dict[str, Any], low: float, width: float) -> None:
    apply("blur.onnx", output="distances", files={"distances": "d.npy"}, **keys)
    image = cv2.imread("grey.png", cv2.IMREAD_UNCHANGED).astype(np.float32)
    expected = cv2.blur((image - low) / width, (3, 3), borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(np.load("d.npy"), expected, atol=1e-3)


def test_classes_are_the_likeliest_ones_and_are_measured() -> None:
    """By argmax of logits; channels in the network's order; areas and objects as of any classification."""
    files = {"labels": "l.png", "probabilities": "p.npy"}
    keys = {"output": "logits", "classes": ["red", "blue"], "channels": [2, 1, 0], "divide": 255}
    outcome = apply("pick.onnx", "colour.png", "yxc", files, **keys)
    blue, _, red = cv2.split(cv2.imread("colour.png"))
    labels = cv2.imread("l.png", cv2.IMREAD_UNCHANGED)
    different = blue != red
    np.testing.assert_array_equal(labels[different], np.where(blue > red, 2, 1)[different])
    np.testing.assert_allclose(np.load("p.npy").sum(axis=0), 1, atol=1e-5)
    assert outcome.measurements["area_red"]["value"] == (labels == 1).sum()
    assert outcome.measurements["fraction_blue"]["value"] == (labels == 2).mean()


def test_one_class_is_held_to_a_threshold() -> None:
    shares = []
    for threshold in (None, 0.01, 0.99):
        outcome = apply("sure.onnx", subtract=127, divide=30, threshold=threshold)
        shares.append(outcome.measurements["fraction_object"]["value"])
    assert 0 < shares[2] < shares[0] < shares[1] < 1


@pytest.mark.parametrize(
    ("model", "image", "asked", "keys", "error", "what"),
    [
        (
            "pick.onnx",
            "grey.png",
            "yxc",
            TWO,
            ImageError,
            "grey.png: has 1 channel, and the network takes 3",
        ),
        ("pick.onnx", "grey.png", "yxc", {"channels": [2], **TWO}, ImageError, "has 1 channel, no 2"),
        ("one.onnx", "grey.png", "yx", {}, ValueError, "makes 1 × 1 pixels of 256 × 256; as many are exp"),
        ("blur.onnx", "grey.png", "yx", {"axes": "bczyx"}, ValueError, "which are not the axes bczyx"),
        ("pick.onnx", "colour.png", "yxc", {"divide": [1, 2], **TWO}, ValueError, "2 numbers for 3 channel"),
    ],
)
def test_what_does_not_fit_is_told(
    model: str, image: str, asked: str, keys: dict[str, Any], error: type[Exception], what: str
) -> None:
    with pytest.raises(error, match=what):
        apply(model, image, asked, **keys)


@pytest.mark.parametrize(
    ("model", "keys", "what"),
    [
        ("blur.onnx", {"axes": "bczyx"}, "which are not the axes bczyx"),
        ("pick.onnx", {}, "gives 2 classes, and `classes` names 1"),
        ("pick.onnx", {"axes": "byxc", "overlap": 2, **TWO}, "an overlap of 2 leaves nothing of a tile of 3"),
        ("blur64.onnx", {"tile": 32}, "takes tiles of 64 pixels"),
    ],
)
def test_what_no_image_can_mend_is_told_as_it_is_loaded(model: str, keys: dict[str, Any], what: str) -> None:
    """Once, and not for each image."""
    work = {"load": {"network": {"files": {model: ""}}}, "network": Network.model_validate(keys).model_dump()}
    with pytest.raises(ValueError, match=what):
        load(work, device="cpu", threads=1)


def problems(**keys: Any) -> list[str]:
    Path("images.csv").write_text("path\ngrey.png\n")
    try:
        plan_project({"images": {"table": "images.csv"}, "steps": {"s": {"onnx": "blur.onnx", **keys}}}, [])
    except PixmakeError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"files": {"labels": "png", "object_labels": "tif"}, "axes": "yx"}, ""),
        ({"network": {"output": "distances"}, "files": {"distances": "tif"}, "axes": "yx"}, ""),
        ({"onnx": "no.onnx"}, "steps.s.onnx: there is no network no.onnx"),
        ({"onnx": "blur.pt"}, "is not a file *.onnx"),
        ({"files": {"distances": "tif"}}, "a step of kind onnx has no file 'distances'"),
        ({"network": {"axes": "xy"}}, "steps.s.network.axes: 'xy' are no axes of a network"),
        ({"network": {"tile": 32, "overlap": 16}}, "an overlap of 16 leaves nothing of a tile of 32"),
        ({"network": {"percentiles": [99, 1]}}, "the first one is to be below the second"),
        ({"network": {"clases": []}}, "unknown key steps.s.network.clases (did you mean 'classes'?)"),
        ({"axes": "zyx"}, "steps.s.axes: the network takes bcyx (ask for yxc)"),
        ({"load": {"model": "a.py:b"}}, "load has no meaning for a step of kind onnx"),
        ({"params": {"min_ara": 1}}, "has no param 'min_ara'"),
    ],
)
def test_what_is_wrong_with_a_step_is_told(keys: dict[str, Any], expected: str) -> None:
    found = problems(**keys)
    assert any(expected in each for each in found) if expected else not found, found
