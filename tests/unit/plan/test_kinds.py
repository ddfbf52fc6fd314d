"""Steps of every kind: what cannot work is told before anything runs."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import notebook

from pixmake.base.errors import PixmakeError
from pixmake.config.models import Step
from pixmake.job.runners.measurements import from_csv, from_json
from pixmake.job.runners.notebook import with_inputs
from pixmake.plan.analysis import file_hash
from pixmake.plan.kinds import KINDS
from pixmake.plan.plan import plan_project

FILES = {
    "pcv.py": "from plantcv import plantcv as pcv\n",
    "measure.R": "x <- 1\n",
    "measure.sh": "true\n",
    "tool": "#!/usr/bin/env perl\n1;\n",
    "data": "no program\n",
    "broken.py": "def (\n",
    "empty.py": "",
    "seg.py": "def seg(image):\n    return {}\n",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    rows = ["path,camera,plant,note"]
    for plant in "ab":
        for camera in ("VIS", "vis"):
            (tmp_path / f"{plant}{camera}.png").write_bytes(b"x")
            rows.append(f"{plant}{camera}.png,{camera},{plant},")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    return tmp_path


def problems(step: dict[str, Any], **images: Any) -> list[str]:
    config = {
        "images": {"table": "images.csv", **images},
        "steps": {"seg": {"function": "seg.py:seg", "files": {"mask": "png"}}, "s": step},
    }
    if images:
        del config["steps"]["seg"]
    try:
        plan_project(config, [])
    except PixmakeError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "step",
    [
        {"plantcv": "pcv.py", "params": {"threshold": 3}, "files": {"mask": "png"}},
        {"script": "measure.R", "args": ["{image}", "--n={params.n}", 3], "params": {"n": 1}},
        {"script": "measure.sh"},
        {"script": "tool", "measurements": "stdout-csv"},
        {"shell": "x {image} {threads} {id} {meta.plant} > {result}"},
        {"shell": "x {needs.mask} {files.out} {{}}", "needs": ["seg"], "files": {"out": "tif"}},
    ],
)
def test_good_steps(here: Path, step: dict[str, Any]) -> None:
    """What is in order has no problem."""
    assert problems(step) == []


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({}, "the step does not say what to run; it has exactly one of: function, plantcv, script, shell, "),
        ({"shell": "x", "script": "tool"}, "the step is script and shell at once; it has exactly one of:"),
        (
            {"shell": "x", "args": ["a"]},
            "args has no meaning for a step of kind shell (it belongs to: script)",
        ),
        ({"shell": "x", "python": "y"}, "python has no meaning for a step of kind shell"),
        (
            {"plantcv": "pcv.py", "measurements": "json"},
            "measurements has no meaning for a step of kind plantcv",
        ),
        ({"plantcv": "pcv.R"}, "steps.s.plantcv: 'pcv.R' is not a file *.py"),
        ({"plantcv": "none.py"}, "steps.s.plantcv: there is no file none.py"),
        ({"plantcv": "broken.py"}, "broken.py, line 1: is not valid Python"),
        ({"plantcv": "empty.py"}, "steps.s.plantcv: empty.py is empty"),
        (
            {"plantcv": "pcv.py", "params": {"result": 1}},
            "steps.s.params.result: --result is given by pixmake",
        ),
        ({"plantcv": "pcv.py", "params": {"writeimg": True}}, "`writeimg: true` of the step, or its files"),
        ({"script": "measure.R", "writeimg": True}, "writeimg has no meaning for a step of kind script"),
        ({"script": "data"}, "steps.s.script: data: what runs it?"),
        (
            {"script": "measure.R", "args": ["{imag}"]},
            "there is no placeholder {imag} (did you mean 'image'?)",
        ),
        ({"shell": "x {files.mask}"}, "there is no placeholder {files.mask}"),
        ({"shell": "x {params.sigm}", "params": {"sigma": 1}}, "(did you mean 'params.sigma'?)"),
        ({"shell": "awk '{print $1}' {image}"}, "braces of the command itself are doubled: {{ and }}"),
        ({"shell": "x } {image}"}, "a single '}' in 'x } {image}'"),
        (
            {"shell": "x '{image}'"},
            "{image} stands in quotes (every value is quoted already: remove the quotes",
        ),
        ({"shell": "x {image}", "files": {"out": "png"}}, "the command does not use {files.out}"),
        ({"shell": "x {image}", "measurements": "csv"}, "the command does not use {result}"),
        ({"shell": "x {meta.plnt}"}, "{meta.plnt}: no image has a value of 'plnt' (did you mean 'plant'?)"),
        ({"shell": "x {images.VIS}"}, "{images.VIS}: no group has an image 'VIS' (groups of images need"),
    ],
)
def test_what_cannot_work(here: Path, step: dict[str, Any], expected: str) -> None:
    """Each problem says what would be right."""
    found = problems(step)
    assert len(found) == 1, found
    assert expected in found[0]


def test_groups(here: Path) -> None:
    """In groups `image` is `images`; PlantCV cannot tell names apart that differ in case alone."""
    grouped = {"group_by": ["plant"], "name_by": "camera"}
    assert problems({"shell": "x {images.VIS} {images}"}, **grouped) == []
    assert "{images.NIR}: no group has an image 'NIR'" in problems({"shell": "x {images.NIR}"}, **grouped)[0]
    assert "there is no placeholder {image}" in problems({"shell": "x {image}"}, **grouped)[0]
    (found,) = problems({"plantcv": "pcv.py"}, **grouped)
    assert found.startswith("images.csv, row 2: PlantCV makes one name of 'VIS' and 'vis'")


def test_all_steps_are_checked_at_once(here: Path) -> None:
    """A problem of one step hides none of another."""
    steps = {"a": {"script": "data"}, "b": {"shell": "{x}"}, "c": {"function": "seg.py:f"}}
    with pytest.raises(PixmakeError) as raised:
        plan_project({"images": {"table": "images.csv"}, "steps": steps}, [])
    assert [problem.where for problem in raised.value.problems] == [
        *("steps.a.script", "steps.b.shell", "steps.c.function"),
    ]


def test_hash_of_a_script(tmp_path: Path) -> None:
    """A script's code counts, and its own modules; comments of Python do not."""
    script, module = tmp_path / "a.py", tmp_path / "own.py"
    module.write_text("x = 1\n")
    script.write_text("import own\nprint(own.x)\n")
    first = file_hash(str(script))
    script.write_text("import own  # mine\n\nprint(own.x)\n")
    assert file_hash(str(script)) == first
    module.write_text("x = 2\n")
    assert file_hash(str(script)) != first
    other = tmp_path / "a.R"
    other.write_text("1\n")
    first = file_hash(str(other))
    other.write_text("1 # one\n")
    assert file_hash(str(other)) != first


def test_measurements_from_json() -> None:
    """An object of values, or of objects with a value and what is known of it."""
    text = '{"area": 3, "w": {"value": [1.5, NaN], "unit": "mm"}, "ok": true}'
    assert from_json(text, "it") == {
        "area": {"value": 3},
        "w": {"value": [1.5, "nan"], "unit": "mm"},
        "ok": {"value": True},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "it is empty"),
        ("{", "it is not JSON: "),
        ("[1]", "it holds a JSON list, not an object of names and values"),
        ('{"a": {"value": 1, "units": "m"}}', "'a' has the unknown key 'units'"),
        ('{"a": {"unit": "m"}}', "'a' has no 'value'"),
        ('{"a": [[1]]}', "'a' is of type list"),
    ],
)
def test_no_measurements_in_json(text: str, expected: str) -> None:
    """Anything else is told."""
    with pytest.raises(ValueError) as raised:
        from_json(text, "it")
    assert expected in str(raised.value)


def test_measurements_from_csv() -> None:
    """A line of values; several lines are several values."""
    assert from_csv("\ufeffarea,plate,x\n3,007,\n", "it") == {
        "area": {"value": 3},
        "plate": {"value": "007"},
        "x": {"value": None},
    }
    assert from_csv('a,"b, c"\r\n1,x\r\n-2.5e3,nan\r\n', "it") == {
        "a": {"value": [1, -2500.0]},
        "b, c": {"value": ["x", "nan"]},
    }
    for text, expected in [
        ("", "has no values"),
        ("a,a\n1,2\n", "twice"),
        ("a,b\n1\n", "line 2 has 1 cells"),
    ]:
        with pytest.raises(ValueError, match=expected):
            from_csv(text, "it")


def test_inputs_of_plantcv_in_a_notebook() -> None:
    """A call of WorkflowInputs gets the job's images; what else it says stays, unless the step has it."""
    cell = """%matplotlib inline
from plantcv.parallel import WorkflowInputs
args = WorkflowInputs(
    images=["é.png"],  # to try
    names="image1", result="r.json", debug="plot",
    threshold=120, sigma=1 + 1,
); print(args)"""
    job = {"image": "/a/b.png", "files": {"mask": "/x/m.png"}, "result": "/x/r.json", "sigma": 3, "id": "b"}
    text = with_inputs(cell, job)
    assert text.splitlines()[:2] == cell.splitlines()[:2]
    code = "\n".join(text.splitlines()[2:])
    found: dict[str, Any] = {}
    exec(code, {"WorkflowInputs": lambda **given: found.update(given), "print": lambda _: None})
    assert found == {
        **{"images": ["/a/b.png"], "names": "image1", "result": "/x/r.json", "outdir": "/x"},
        **{"writeimg": True, "debug": None, "threshold": 120, "sigma": 3},
    }
    grouped = with_inputs("WorkflowInputs(a=1)", {**job, "images": {"VIS": "/v.png", "NIR": "/n.png"}})
    assert "images=['/v.png', '/n.png'], names='VIS,NIR'" in grouped
    assert with_inputs("WorkflowInputs(", job) == "WorkflowInputs("


def test_a_notebook_that_configures_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of PlantCV 5's own pages: its run over all images is the one that is under way."""
    cell = """from plantcv import parallel as pcvpar

jupcon = pcvpar.JupyterConfig()
jupcon.input_dir = "path/to/images"
jupcon.cluster_config["n_workers"] = 4
summary, images = jupcon.inspect_dataset()
jupcon.run()

args = pcvpar.workflow_inputs("threshold", "other")"""

    class Inputs:
        def __init__(self, **given: Any) -> None:
            self.__dict__.update(given)

    plantcv, parallel = types.ModuleType("plantcv"), types.ModuleType("plantcv.parallel")
    plantcv.parallel, parallel.WorkflowInputs = parallel, Inputs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plantcv", plantcv)
    monkeypatch.setitem(sys.modules, "plantcv.parallel", parallel)
    job = {"image": "/a/b.png", "files": {}, "result": "/x/r.json", "threshold": 120, "id": "b"}
    known: dict[str, Any] = {}
    exec(with_inputs(cell, job), known)
    args = known["args"]
    assert (args.images, args.names, args.result) == (["/a/b.png"], "image1", "/x/r.json")
    assert (args.threshold, args.other) == ("120", None)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"cells": [{}], "nbformat": 4}', '{"worksheets": [], "nbformat": 3}']
)
def test_what_is_no_notebook(here: Path, text: str) -> None:
    """It is told before anything runs."""
    (here / "n.ipynb").write_text(text)
    (found,) = problems({"notebook": "n.ipynb"})
    assert found.startswith("steps.s.notebook: n.ipynb is ")


def test_hash_of_a_notebook(here: Path) -> None:
    """Code and tags count, what a notebook printed does not."""
    path, step = here / "n.ipynb", Step(notebook="n.ipynb")
    path.write_text(notebook(["x = 1"]))
    first = KINDS["notebook"].source(step)
    content = json.loads(path.read_text())
    content["cells"][0] |= {
        "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1"]}],
        "execution_count": 7,
    }
    path.write_text(json.dumps(content))
    assert KINDS["notebook"].source(step) == first
    for changed in (notebook(["x = 2"]), notebook(["x = 1"], {0: ["skip"]})):
        path.write_text(changed)
        assert KINDS["notebook"].source(step) != first
