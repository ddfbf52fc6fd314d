"""`load` of a step: what cannot work is told before anything runs; what decides a result is in its task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pixmake.api.pipeline import step, steps_content
from pixmake.base.errors import PixmakeError
from pixmake.config.models import Step
from pixmake.plan import loads
from pixmake.plan.kinds import KINDS
from pixmake.plan.plan import plan_project
from pixmake.plan.program_copy import program_files

CELLS = """\
import nets

def load_model(size, device, threads=1):
    return nets.net(size)

def of_path(path):
    return path

def measure(image, model, level=1):
    return {}

def plain(image):
    return {}

def together(batch, path, model):
    return []
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells.py").write_text(CELLS)
    (tmp_path / "nets.py").write_text("def net(size): ...\n")
    (tmp_path / "model.bin").write_bytes(b"1")
    (tmp_path / "images.csv").write_text("path\na.png\n")
    (tmp_path / "a.png").touch()
    return tmp_path


def problems(**keys: Any) -> list[str]:
    step = {"function": "cells.py:measure", "load": {"model": "cells.py:load_model"}, **keys}
    try:
        plan_project({"images": {"table": "images.csv"}, "steps": {"s": step}}, [])
    except PixmakeError as error:
        return [str(problem) for problem in error.problems]
    return []


SIZE = {"size": 3}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"params": SIZE}, []),
        ({"params": {"size": 3, "level": 2}}, []),
        (
            {},
            ["steps.s.load.model: cells.py:load_model needs the argument 'size' (give it under params)"],
        ),
        ({"params": {"size": 3, "levle": 2}}, ["cells.py:measure has no argument 'levle'"]),
        ({"params": SIZE, "function": "cells.py:plain"}, ["cells.py:plain has no argument 'model'"]),
        ({"params": SIZE, "load": {}}, ["no argument 'size'", "'model' (give it under params or load, or"]),
        ({"params": SIZE, "load": "cells.py:load_model"}, ["{model: cells.py:load_model})"]),
        ({"params": SIZE, "load": {"model": "cells.py:of_path"}}, ["(that is an image's: ask"]),
        ({"params": SIZE, "load": {"model": "cells.py"}}, ["is not of the form FILE.py:FUNCTION"]),
        ({"params": SIZE, "load": {"model": {"files": []}}}, ["the key steps.s.load.model.function is miss"]),
        (
            {"params": SIZE, "load": {"model": {"function": "cells.py:load_model", "files": ["no.bin"]}}},
            ["steps.s.load.model.files[0]: there is no file no.bin"],
        ),
        ({"params": SIZE, "load": {"image": "cells.py:load_model"}}, ["'image' has a meaning of its own"]),
        ({"params": {"size": 3, "model": 1}}, ["a param or a file of step 's' has this name, too"]),
        ({"params": SIZE, "load": {}, "load_slots": 2}, ["load_slots has no meaning without load"]),
        (
            {"params": SIZE, "load_in": "process", "images_per_process": 9},
            ["a process that loads models works on all images by itself"],
        ),
        ({"params": SIZE, "load_in": "thread"}, ["steps.s.load_in"]),
        ({"params": SIZE, "batch": 8, "function": "cells.py:together"}, []),
        ({"params": SIZE, "batch": 8}, ["cells.py:measure has no argument 'batch'", "with `batch` it gets"]),
        ({"params": SIZE, "function": "cells.py:together"}, ["say how many images it gets at the most"]),
        ({"load": {}, "batch": 8, "function": "cells.py:plain"}, ["batch has no meaning without load"]),
        ({"params": SIZE, "batch": 8, "load_in": "fork"}, ["a fork works on one image"]),
        ({"params": {"size": 3, "batch": 1}, "batch": 8}, ["'batch' has a meaning of its own in this step"]),
        ({"params": SIZE, "batch": 8, "per": "all"}, ["a step with `per` has several images by itself"]),
    ],
)
def test_what_is_wrong_with_a_load_is_told(keys: dict[str, Any], expected: list[str]) -> None:
    found = problems(**keys)
    for part in expected:
        assert any(part in each for each in found), found
    assert bool(found) == bool(expected)


def test_the_params_of_a_loader_that_is_not_there_are_no_further_error() -> None:
    (told,) = problems(params=SIZE, load={"model": "cells.py:lod_model"})
    assert told.startswith("steps.s.load.model: cells.py has no function 'lod_model' (did you mean")


def work(**keys: Any) -> Any:
    given = {"function": "cells.py:measure", "load": {"model": "cells.py:load_model"}, **keys}
    return KINDS["function"].work(Step.model_validate(given))


def test_what_made_the_model_is_in_the_task(here: Path) -> None:
    """The loader's source with the modules that it uses, and of files what is in them."""
    before = work()
    assert program_files(before) == ["cells.py", "nets.py"]
    (here / "nets.py").write_text("def net(size): return 1\n")
    changed = work()
    assert changed["load"]["model"]["source"] != before["load"]["model"]["source"]
    files = {"model": {"function": "cells.py:load_model", "files": ["model.bin"]}}
    (first,) = work(load=files)["load"]["model"]["files"].values()
    assert work(load=files)["load"]["model"]["files"]["model.bin"] == first
    (here / "model.bin").write_bytes(b"22")
    assert work(load=files)["load"]["model"]["files"]["model.bin"] != first
    assert "load" not in KINDS["function"].work(Step.model_validate({"function": "cells.py:plain"}))


@pytest.mark.parametrize(
    ("statement", "asked", "expected"),
    [
        ("import numpy", "auto", "auto"),
        ("def net(size):\n    from torch import nn", "auto", "process"),
        ("import onnxruntime.capi", "auto", "process"),
        ("from cellpose.models import CellposeModel", "auto", "process"),
        ("import torch", "fork", "fork"),
        ("import numpy", "process", "process"),
    ],
)
def test_where_a_model_is_loaded(here: Path, statement: str, asked: str, expected: str) -> None:
    """By what the loader's file and the project's modules that it uses import, wherever they do so."""
    (here / "nets.py").write_text(f"{statement}\n")
    keys = {"function": "cells.py:measure", "load": {"model": "cells.py:load_model"}, "load_in": asked}
    assert loads.load_in(Step.model_validate(keys)) == expected


def test_the_size_of_a_batch_is_no_part_of_a_task() -> None:
    """Another size runs nothing again; images of a batch are never forks."""
    keys = {"function": "cells.py:together", "load": {"model": "cells.py:load_model"}, "params": SIZE}
    content = {"images": {"table": "images.csv"}, "steps": {"s": keys}}
    tasks = []
    for more in ({"batch": 8}, {"batch": 2}):
        plan = plan_project({**content, "steps": {"s": {**keys, **more}}}, [])
        tasks += [job.task.as_json() for _, job in plan.jobs()]
    assert len(tasks) == 2 and tasks[0] == tasks[1]
    assert loads.load_in(Step.model_validate({**keys, "batch": 8})) == "process"


def measure(image: Any, model: Any) -> dict[str, float]:
    return {"mean": float(image.mean()) * model}


def load_it() -> int:
    return 2


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (load_it, {"model": {"function": "FILE:load_it"}}),
        ({"net": load_it}, {"net": {"function": "FILE:load_it"}}),
        ({"net": "cells.py:load_model"}, {"net": {"function": "cells.py:load_model"}}),
        (
            {"net": {"function": load_it, "files": [Path("model.bin")]}},
            {"net": {"function": "FILE:load_it", "files": ["model.bin"]}},
        ),
    ],
)
def test_a_load_from_python(here: Path, load: Any, expected: Any) -> None:
    """Functions are named by their files, as the step's own is."""
    content = steps_content([step(measure, load=load)], here, "scripts")
    found = content["measure"]["load"]
    for loader in found.values():
        loader["function"] = loader["function"].replace(__file__, "FILE")
    assert found == expected


def test_a_load_from_python_that_is_none(here: Path) -> None:
    with pytest.raises(PixmakeError, match="3 is neither a function nor a dict of them"):
        steps_content([step(measure, load=3)], here, "scripts")
