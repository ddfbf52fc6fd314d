"""pixmake in real Jupyter notebooks: what they show, and that functions of their cells run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from tests.conftest import REPOSITORY
from tests.conftest import Project as Folder

from pixmake.config.models import Step
from pixmake.project.folder import make_project

WIDGET = "application/vnd.jupyter.widget-view+json"

SHOWN = """
import threading
for thread in threading.enumerate():
    if thread.name == "pixmake-display":
        thread.join()
"""
"""Waits until a run's end has been shown below its cell."""


def executed(folder: Folder, cells: Sequence[str]) -> list[Any]:
    """The cells of a notebook once it has been executed in a project's folder; a cell that raises fails."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(
        made, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(folder.folder)}}
    )
    cells = list(client.execute().cells)
    for cell in cells:
        cell.metadata["widgets"] = "\n".join(_states(cell, client.widget_state))
    return cells


def _states(cell: Any, known: Mapping[str, Any]) -> Iterator[str]:
    """The states of the widgets that a cell shows, with those inside of them."""
    views = [output.get("data", {}).get(WIDGET, {}).get("model_id") for output in cell.outputs]
    waiting = [view for view in views if view]
    while waiting:
        state = known.get(waiting.pop(), {})
        waiting += [child.removeprefix("IPY_MODEL_") for child in state.get("children", ())]
        yield str(state)


def widgets(cell: Any) -> str:
    """What the widgets say that a cell shows."""
    return str(cell.metadata["widgets"])


def shown(cell: Any, kind: str = "text/html") -> str:
    """What a cell shows."""
    found = [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]
    return "\n".join(found)


def printed(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


@pytest.fixture
def trial(small: Folder) -> Folder:
    """Four images, of which the first is too dark; two steps, the first of which makes masks."""
    small.write(
        "scripts/plants.py",
        "def segment(image, *, level=100):\n"
        "    return {'mask': image[..., 0] > level}\n\n\n"
        "def measure(image, mask):\n"
        "    if image.mean() < 20:\n"
        "        raise ValueError('too <dark>')\n"
        "    return {'area': int((mask > 0).sum())}\n",
    )
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "segment": {"function": "scripts/plants.py:segment", "files": {"mask": "png"}},
            "measure": {"function": "scripts/plants.py:measure", "needs": ["segment"]},
        },
        max_failures=1,
    )
    return small


def test_a_project_in_a_notebook(trial: Folder) -> None:
    """A plan, a run that is watched to its end, results with thumbnails and failures first."""
    plan, run, ended, results, _, sliders = executed(
        trial,
        [
            "from pixmake import Project\nproject = Project()\nproject.plan",
            "run = project.run(cores=2)\nrun",
            f"table = run.result()\n{SHOWN}\nrun.progress",
            "run.results",
            "assert 'matplotlib' not in open(run.log).read()\nassert len(table) == 3",
            "project.tune('measure', {'segment.level': (50, 150)}, images=1)",
        ],
    )
    assert "<b>4 images</b>" in shown(plan)
    assert "scripts/plants.py:measure" in shown(plan)
    # the cell of the run was kept up to date while later cells ran
    assert shown(run).count('role="progressbar"') == 1
    assert re.search(r"done: (\d+) of \1 images, 1 failed", shown(run))
    assert "3 of 4 images with results, 1 failed" in shown(run)
    assert re.search(r"done: (\d+) of \1 images", shown(ended))
    assert shown(results).count("data:image/png;base64,") == 8  # each image and its mask
    assert "ValueError: too &lt;dark&gt;" in shown(results)
    assert re.findall(r"<td>(p\d)</td>", shown(results)) == ["p0", "p1", "p2", "p3"]
    assert "IntSlider" in widgets(sliders)
    assert "ValueError: too &lt;dark&gt;" in widgets(sliders)
    for cell in (plan, run, results):
        assert "<script" not in shown(cell)
        assert "http" not in shown(cell)


def test_functions_of_a_notebook(trial: Folder) -> None:
    """`map_images` and `Parallel` take what a cell has defined; a bar is shown; what cells print arrives."""
    cells = executed(
        trial,
        [
            "import numpy as np\nfrom pixmake import Failed, Parallel, Task, map_images\nSHIFT = 5",
            "def look(image, path):\n    print('looking')\n    return {'max': int(np.max(image)) + SHIFT}",
            "table = map_images(look, 'images', cores=2)\nassert list(table.error) == [None] * 4\ntable",
            "def twice(number):\n    print('in a process', flush=True)\n    return number * FACTOR",
            "FACTOR = 2\n"
            "for threading in (True, False):\n"
            "    tasks = [Task(twice, number) for number in range(3)] + [lambda: 1 / 0]\n"
            "    results = Parallel(tasks, threading=threading, pass_fail_job=True).run(progress_bar=True)\n"
            "    assert results[:3] == [0, 2, 4], results\n"
            "    assert isinstance(results[3], Failed)",
        ],
    )
    assert "max" in shown(cells[2])
    assert "image" in printed(cells[2]) + widgets(cells[2])  # the bar
    assert "4/4" in printed(cells[4]) + widgets(cells[4])
    assert "ZeroDivisionError" in printed(cells[4])
    assert printed(cells[4]).count("in a process") == 6


RAISING = """
import asyncio
from pixmake import Parallel, Project, Task, map_images
def look(image):
    return {"share": 1 / int(image.max() - image.max())}
def half(number):
    return 1 / number
async def later(number):
    await asyncio.sleep(0)
    return half(number)
def told(call):
    try:
        call()
    except Exception:
        get_ipython().showtraceback()
"""
RAISED = {
    "map_images(look, 'images', on_error='stop', progress_bar=False)": ("Cell In[1], line 4", "image.max()"),
    "map_images(look, 'images', strict=True, progress_bar=False)": ("Cell In[1], line 4", "4 of 4 images"),
    "Parallel([Task(half, 0)], verbose=False).run()": ("Cell In[1], line 6", "return 1 / number"),
    "Parallel([Task(later, 0)], verbose=False).run()": ("Cell In[1], line 9", "return half(number)"),
    "Parallel([Task(half, 0)], threading=False, verbose=False).run()": (
        "Cell In[1], line 6",
        "return 1 / number",
    ),
    "map_images(look, 'nowhere')": ("PixmakeError: nowhere: there is no such table", "looked for in"),
    "Project('nowhere.yaml')": ("there is no such file", "pixmake init"),
}


def test_errors_name_the_lines_of_cells(trial: Folder) -> None:
    """What a cell's function raises is shown with the cell's lines, and none of pixmake's or of asyncio's."""
    failed = "[failed] = Parallel([Task(half, 0)], pass_fail_job=True).run()\nprint(failed.traceback)"
    _, *cells, last = executed(
        trial, [RAISING.strip(), *(f"told(lambda: {call})" for call in RAISED), failed]
    )
    for cell, (call, said) in zip(cells, RAISED.items(), strict=True):
        text = re.sub(r"\x1b\[[\d;]*m", "", printed(cell) + errors(cell))
        assert f"told(lambda: {call})" in text, text
        for each in said:
            assert each in text, text
        assert "workflow/pixmake/" not in text, text
        assert "asyncio/" not in text, text
    assert printed(last).count("Cell In[1], line 6, in half") == 2
    assert "ipykernel" not in printed(last)


def errors(cell: Any) -> str:
    """The tracebacks that a cell shows."""
    return "".join("\n".join(each.traceback) for each in cell.outputs if each.output_type == "error")


@pytest.mark.slow
def test_the_page_of_examples(tmp_path: Path) -> None:
    """The examples of docs/python.md are a notebook that runs in a new project."""
    make_project(tmp_path / "demo")
    table = tmp_path / "demo/config/images.csv"
    head, *rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join([head, *rows[:4]]))
    for picture in sorted((tmp_path / "demo/images").iterdir())[4:]:
        picture.unlink()
    page = (REPOSITORY / "docs/python.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    if "executor" not in Step.model_fields:
        examples = [example for example in examples if "ParallelConfig" not in example]
    # nbclient drops what a thread sends between two cells; browsers do not
    examples = [f"{example}{SHOWN}" if "run.result()" in example else example for example in examples]
    cells = executed(Folder(tmp_path / "demo"), [*examples, "assert len(table) == 4 and len(areas) == 4"])
    assert "greenness" not in (tmp_path / "demo/config/config.yaml").read_text()
    assert re.search(r"done: (\d+) of \1 images", shown(cells[3]))
    assert (tmp_path / "demo/config/pipeline.yaml").is_file()
