"""Cellpose's own classes, where it is installed, with a small network that has learnt nothing."""

from __future__ import annotations

import ast
import inspect
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from pixmake_cellpose import run

from pixmake.job.runners import Call
from pixmake.job.task import Task
from pixmake.plan.plan import plan_project

models = pytest.importorskip("cellpose.models")
STAND_IN = Path(__file__).with_name("stand_ins") / "cellpose/models.py"


def arguments(function: ast.FunctionDef) -> list[str]:
    return [each.arg for each in function.args.args]


def test_the_stand_in_has_no_argument_of_its_own() -> None:
    (stand_in,) = (each for each in ast.parse(STAND_IN.read_text()).body if isinstance(each, ast.ClassDef))
    for function in (each for each in stand_in.body if isinstance(each, ast.FunctionDef)):
        real = inspect.signature(getattr(models.CellposeModel, function.name)).parameters
        assert set(arguments(function)) <= set(real), function.name


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file of a model of Cellpose's architecture, with one layer."""
    import torch
    from cellpose import vit
    from segment_anything.modeling import ImageEncoderViT

    def encoder(checkpoint: None) -> Any:
        norm = partial(torch.nn.LayerNorm, eps=1e-6)
        shape = {"depth": 1, "embed_dim": 32, "num_heads": 2, "img_size": 1024, "patch_size": 16}
        more = {"use_rel_pos": True, "window_size": 14, "out_chans": 256, "norm_layer": norm}
        return SimpleNamespace(image_encoder=ImageEncoderViT(**shape, **more))

    monkeypatch.setattr(vit, "sam_model_registry", {"vit_l": encoder})
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    torch.save(vit.CPSAM().state_dict(), "small")
    return "small"


@pytest.mark.parametrize(
    ("axes", "params"),
    [
        ("yx", {}),
        ("yxc", {"channels": [2, 0], "diameter": 40, "flow_threshold": 0, "min_size": 1}),
        ("zyx", {"stitch_threshold": 0.3, "cellprob_threshold": -6}),
        ("zyx", {"do_3D": True, "min_size": 1}),
    ],
)
def test_a_network_that_has_learnt_nothing(small: str, axes: str, params: dict[str, Any]) -> None:
    """It finds something or nothing, the same each time, and labels of the image's size."""
    tifffile = pytest.importorskip("tifffile")
    rng = np.random.default_rng(1)
    shape = {"yx": (90, 70), "yxc": (90, 70, 3), "zyx": (4, 60, 50)}[axes]
    image = rng.integers(0, 256, shape, np.uint8)
    path = "image.png"
    if axes == "zyx":
        path = "image.ome.tif"
        tifffile.imwrite(path, image, metadata={"axes": "ZYX"})
    else:
        cv2.imwrite(path, image)
    Path("images.csv").write_text(f"path\n{path}\n")
    step = {"cellpose": small, "axes": axes, "params": params, "files": {"labels": "npy", "objects": "csv"}}
    config = {"images": {"table": "images.csv"}, "steps": {"cells": step}}
    ((planned, _),) = plan_project(config, []).jobs()
    model = run.load(planned.work, device="cpu", threads=1)
    found = []
    for name in ("one", "other"):
        files = {"labels": f"{name}.npy", "objects": f"{name}.csv"}
        task = Task("cells", "a", "cellpose", planned.work, "", {}, params=params)
        found.append(run.run(Call(task, (path,), {}, files, models={"model": model})).measurements)
        assert np.load(f"{name}.npy").shape == shape[: len(shape) - ("c" in axes)]
    assert found[0] == found[1]
    assert Path("one.csv").read_text() == Path("other.csv").read_text()
