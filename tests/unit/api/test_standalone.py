"""Functions of a notebook as files that stand alone, and values as config.yaml holds them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pixmake import Parallel, ParallelConfig, PixmakeError, map_images, step
from pixmake.api.pipeline import images_content, plain, steps_content
from pixmake.api.standalone import function_path
from pixmake.job.runners.function import load_module

NOTEBOOK = """
import os.path as p
import math
import numpy as np
from collections import Counter, OrderedDict as Ordered
from dataclasses import dataclass

LEVELS = {"low": [1, 2.5], "high": (True, None)}
MODEL = object()
ARRAY = np.zeros(3)

def near(value, *, scale=math.pi):
    return round(value * scale, 3)

@dataclass
class Box:
    width: float = near(2.0)

close = near

def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

def measure(image, *, box: Box = Box(), counts=Counter()):
    def inner():
        return np.sum(LEVELS["low"]) + close(1)
    return {"sum": float(inner()), "width": box.width, "even": even(4), "base": p.basename("a/b"),
            "ordered": [str(key) for key in Ordered(a=1)]}

def uses_model(image):
    return [MODEL, ARRAY]

def maker(threshold):
    def closure(image):
        return {"t": threshold}
    return closure

inside = maker(7)
late = maker(MODEL)
small = lambda image: {}
"""


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module that says that it is ``__main__``, as a notebook's cells do."""
    file = tmp_path / "cells.py"
    file.write_text(NOTEBOOK)
    specification = importlib.util.spec_from_file_location("__main__", file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "__main__", module)
    specification.loader.exec_module(module)
    yield module


def loaded(folder: Path, path: str) -> Any:
    """The function of ``FILE.py:NAME``, loaded as a job loads it."""
    file, _, name = path.partition(":")
    specification = importlib.util.spec_from_file_location("alone", folder / file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["alone"] = module
    specification.loader.exec_module(module)
    return getattr(module, name)


def test_all_that_a_function_uses_comes_along(notebook: ModuleType, tmp_path: Path) -> None:
    """Imports under their names, constants, functions that call each other, classes, defaults."""
    folder = tmp_path / "project"
    path = function_path(notebook.measure, folder)
    assert path == "scripts/measure.py:measure"
    text = (folder / "scripts/measure.py").read_text()
    assert "MODEL" not in text
    assert loaded(folder, path)(None) == notebook.measure(None)
    before = (folder / "scripts/measure.py").stat().st_mtime_ns
    function_path(notebook.measure, folder)
    assert (folder / "scripts/measure.py").stat().st_mtime_ns == before


def test_a_closure_over_a_constant(notebook: ModuleType, tmp_path: Path) -> None:
    assert loaded(tmp_path, function_path(notebook.inside, tmp_path))(None) == {"t": 7}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("uses_model", ["uses_model uses 'ARRAY', a ndarray", "uses_model uses 'MODEL', a object"]),
        ("late", ["closure uses 'threshold', a object"]),
        ("small", ["a lambda has no name"]),
        ("MODEL", ["is a object, not a function"]),
    ],
)
def test_what_cannot_stand_alone(notebook: ModuleType, tmp_path: Path, name: str, words: list[str]) -> None:
    """Each thing that is only in memory is named, all at once."""
    with pytest.raises(PixmakeError) as caught:
        function_path(getattr(notebook, name), tmp_path)
    for word in words:
        assert word in str(caught.value)
    assert not (tmp_path / "scripts").exists()


def test_a_file_of_the_user_is_not_written_over(notebook: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/measure.py").write_text("mine = 1\n")
    with pytest.raises(PixmakeError, match="over a file of yours"):
        function_path(notebook.measure, tmp_path)


def test_a_function_of_a_module_is_named_where_it_is() -> None:
    assert function_path(plain, Path(__file__).parents[3]) == "workflow/pixmake/api/pipeline.py:plain"
    assert function_path(plain, Path("/nowhere")).endswith("/workflow/pixmake/api/pipeline.py:plain")


def test_values_as_yaml_has_them() -> None:
    """NumPy's scalars and arrays, tuples and paths are written; anything else is told by its place."""
    given = {"a": np.float64(1.5), "b": np.arange(2), "c": (Path("x"), np.bool_(True)), "d": None}
    assert plain(given, "params") == {"a": 1.5, "b": [0, 1], "c": ["x", True], "d": None}
    assert type(plain(np.float64(1.5), "params")) is float
    with pytest.raises(PixmakeError, match=r"params: model: a object cannot be written"):
        plain({"model": object()}, "params")


def test_images_of_any_shape(tmp_path: Path) -> None:
    """A table, a folder, a DataFrame and paths; a person's own table is never written over."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "config").mkdir()
    (tmp_path / "config/images.csv").write_text("path\n")
    assert images_content("config/images.csv", tmp_path, "config") == {"table": "config/images.csv"}
    assert images_content(tmp_path / "pictures", tmp_path, "config", base=Path("/elsewhere")) == {
        "directory": str(tmp_path / "pictures")
    }
    frame = pd.DataFrame({"path": ["a.png"], "plant": ["007"]})
    assert images_content(frame, tmp_path, "config", base=Path("/elsewhere")) == {
        "table": "config/dataframe.csv",
        "root": "/elsewhere",
    }
    assert (tmp_path / "config/dataframe.csv").read_text() == "path,plant\na.png,007\n"
    images_content([Path("b.png"), "c.png"], tmp_path, "config")
    assert (tmp_path / "config/dataframe.csv").read_text() == "path\nb.png\nc.png\n"
    assert (tmp_path / "config/images.csv").read_text() == "path\n"
    with pytest.raises(PixmakeError, match=r"nowhere: there is no such table or folder"):
        images_content("nowhere", tmp_path, "config")
    with pytest.raises(PixmakeError, match="no column 'path'"):
        images_content(pd.DataFrame({"file": ["a"]}), tmp_path, "config")


def test_a_project_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("mine: 1\n")
    with pytest.raises(PixmakeError, match="would write over this config"):
        map_images("a.py:b", tmp_path, results=tmp_path)
    assert (tmp_path / "config/config.yaml").read_text() == "mine: 1\n"


def test_steps_come_after_what_they_need(tmp_path: Path) -> None:
    """Needed steps come along by themselves, each once; two of one name are an error."""
    first = step("a.py:first")
    left, right = step("a.py:left", needs=[first]), step("a.py:right", needs=[first])
    last = step("a.py:last", needs=[left], needs_all=[right], threads=2)
    content = steps_content([last], tmp_path, "scripts")
    assert list(content) == ["first", "left", "right", "last"]
    assert content["last"] == {
        "function": "a.py:last",
        "needs": ["left"],
        "needs_all": ["right"],
        "threads": 2,
    }
    with pytest.raises(PixmakeError, match="two steps are called 'first'"):
        steps_content([step("b.py:first"), left], tmp_path, "scripts")
    with pytest.raises(PixmakeError, match="no name"):
        step(shell="true")
    with pytest.raises(PixmakeError, match="which is no step"):
        step("a.py:b", needs=["first"])  # type: ignore[list-item]


def test_a_function_of_a_package(tmp_path: Path) -> None:
    """It is loaded as a part of its package, so that its relative imports hold."""
    package = tmp_path / "plants" / "traits"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "units.py").write_text("PIXELS = 'pixels'\n")
    (package / "area.py").write_text("from .units import PIXELS\n\ndef area(): return PIXELS\n")
    assert load_module(str(package / "area.py")).area() == "pixels"


def test_parallel_config_is_strict(tmp_path: Path) -> None:
    """It is not nested, not even from another thread; nothing of a mapping is dropped in silence."""
    config = ParallelConfig({"executors": {"big": {"threads": np.int64(2)}}}, mapping={"measure": "big"})
    steps = {"measure": {"function": "a.py:b", "executor": "small"}, "other": {"function": "a.py:c"}}
    with config:
        with pytest.raises(PixmakeError, match="in force already"), ParallelConfig():
            pass
        with pytest.raises(PixmakeError, match="in force already"):
            Parallel([ParallelConfig().__enter__], verbose=False).run()
    with ParallelConfig():
        pass
    assert config.applied({"steps": steps})["steps"] == {
        "measure": {"function": "a.py:b", "executor": "big"},
        "other": {"function": "a.py:c"},
    }
    (path,) = config.environment(tmp_path).values()
    assert yaml.safe_load(Path(path).read_text()) == {"executors": {"big": {"threads": 2}}}
    with pytest.raises(PixmakeError, match="did you mean 'measure'"):
        ParallelConfig(mapping={"mesure": "big"}).applied({"steps": steps})
    with pytest.raises(PixmakeError, match="unknown key big"):
        ParallelConfig({"big": {"threads": 2}})
    with pytest.raises(PixmakeError, match="no such file of settings"):
        ParallelConfig(tmp_path / "none.yaml")
