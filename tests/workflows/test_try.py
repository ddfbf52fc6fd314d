"""`pixmake try`: one image at once, and a notebook to work on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.conftest import Project, notebook

FUNCTIONS = """\
def segment(image, *, level: int = 50):
    return {"mask": image[:, :, 1] > level}


def measure(image, mask, meta, *, gain=1):
    return {"area": gain * int((mask > 0).sum()), "plant": meta["plant"]}


def broken(image, mask):
    raise ValueError("no plant in this picture")
"""

SCRIPT = """\
import json, os, sys
job = json.load(open(os.environ["PIXMAKE_JOB"]))
found = {"words": sys.argv[1:], "plant": job["meta"]["plant"]}
json.dump(found, open(job["result"], "w"))
"""

# enough of PlantCV to load a notebook's inputs
PLANTCV = """\
workflow_inputs = None


class WorkflowInputs:
    def __init__(self, images, names, result, outdir=".", writeimg=False, debug=None, **more):
        self.__dict__.update(more, result=result, debug=debug)
        self.__dict__.update(zip(names.split(","), images))
"""


@pytest.fixture
def tried(small: Project) -> Project:
    """A project with a step of every kind."""
    small.write("scripts/functions.py", FUNCTIONS)
    small.write("scripts/say.py", SCRIPT)
    small.write("scripts/plantcv/__init__.py", "")
    small.write("scripts/plantcv/parallel.py", PLANTCV)
    small.write(
        "scripts/pcv.py",
        "from plantcv.parallel import workflow_inputs\nargs = workflow_inputs('level')\n"
        "print('image1 is', args.image1, args.debug, args.level)\n",
    )
    cells = ["gain = 1", "import json\njson.dump({'gain': gain, 'id': id}, open(result, 'w'))"]
    small.write("notebooks/n.ipynb", notebook(cells, {0: ["parameters"]}))
    measure = {"function": "scripts/functions.py:measure", "needs": ["segment"], "params": {"gain": 2}}
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "segment": {"function": "scripts/functions.py:segment", "files": {"mask": "png"}},
            "measure": measure,
            "say": {"script": "scripts/say.py", "args": ["{id}", "{needs.mask}"], "needs": ["segment"]},
            "count": {"shell": "wc -c < {image} > {files.size}", "files": {"size": "txt"}},
            "pcv": {"plantcv": "scripts/pcv.py", "params": {"level": 3}},
            "note": {"notebook": "notebooks/n.ipynb", "params": {"gain": 3}},
            "broken": {**measure, "function": "scripts/functions.py:broken", "params": {}},
        },
        logs="logs_of_runs",
    )
    return small


def test_one_image_runs_at_once(tried: Project) -> None:
    """What was measured is printed; the results of runs are not touched."""
    ended = tried.pixmake("try", "p2", "--step", "measure")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "segment ok; its log: .snakemake/pixmake/try/logs/segment/p2.log"
    assert (tried.folder / ".snakemake/pixmake/try/logs/segment/p2.log").is_file()
    assert lines[1] == "  mask: .snakemake/pixmake/try/segment/p2.mask.png"
    assert lines[2:] == [
        "measure ok; its log: .snakemake/pixmake/try/logs/measure/p2.log",
        f"  area = {2 * 24 * 32}",
        '  plant = "P2"',
    ]
    assert not (tried.folder / "results").exists()

    failed = tried.pixmake("try", "p2", "--step", "broken")
    assert failed.code == 1
    assert "broken failed; its log: " in failed.out
    assert 'functions.py", line 10, in broken' in failed.out
    assert "ValueError: no plant in this picture" in failed.out
    assert "pixmake/job/run.py" not in failed.out

    for words, expected in [
        (["p22"], "there is no image 'p22' (did you mean 'p2'?)"),
        (["p2", "--step", "mesure"], "there is no step 'mesure' (did you mean 'measure'?)"),
    ]:
        ended = tried.pixmake("try", *words)
        assert (ended.code, ended.err.strip()) == (1, f"pixmake: {expected}")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("measure", f"{{'area': {2 * 24 * 32}, 'plant': 'P2'}}"),
        ("say", '"words": ["p2", ".snakemake/pixmake/try/segment/p2.mask.png"]'),
        ("pcv", "image1 is images/p2.png plot 3"),
        ("note", '"gain": 3, "id": "p2"'),
    ],
)
def test_a_notebook_to_work_in(tried: Project, step: str, said: str) -> None:
    """It has the image's inputs, and its cells run as they are in the project's folder."""
    ended = tried.pixmake("try", "p2", "--step", step, "--notebook")
    assert ended.code == 0, ended.err
    assert ended.out == f"try_{step}_p2.ipynb has the inputs of p2 loaded\n"
    cells = code_cells(tried, step)
    cells[-1] += "\nprint(globals().get('found'))"
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(cells)],
        cwd=tried.folder,
        env={**os.environ, "PYTHONPATH": "scripts"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = tried.folder / f".snakemake/pixmake/try/{step}/p2.result.json"
    assert said in done.stdout or said in result.read_text()


OVER_SEVERAL = """\
def segment(image):
    return {"mask": image[:, :, 1] > 50}


def flat(images, *, mask):
    return {"flat": sum(image.astype(float) for image in images) / len(images), "masks": len(mask)}


def correct(image, *, flat):
    return {"mean": float((image - flat).mean())}


def rank(image, *, measurements):
    means = sorted(row["mean"] for row in measurements)
    return {"rank": means.index(max(means)), "of": len(means)}
"""


def test_steps_over_several_images(small: Project) -> None:
    """The record is that of a run, whether others' jobs are taken from one or are done for the trial."""
    small.write("scripts/several.py", OVER_SEVERAL)
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "segment": {"function": "scripts/several.py:segment", "files": {"mask": "png"}},
            "flat": {
                **{"function": "scripts/several.py:flat", "per": "all", "needs": ["segment"]},
                "files": {"flat": "npy"},
            },
            "correct": {"function": "scripts/several.py:correct", "needs": ["flat"]},
            "rank": {"function": "scripts/several.py:rank", "needs_all": ["correct"]},
        },
    )
    first = small.pixmake("try", "p2")
    assert first.code == 0, first.err
    assert [line.split(";")[0] for line in first.out.splitlines() if "its log" in line] == [
        *("segment ok", "correct ok", "rank ok")
    ]
    assert small.snakemake().code == 0
    again = small.pixmake("try", "p2")
    assert again.out == first.out
    for step in ("segment", "correct", "rank"):
        assert tried_record(small, step, "p2") == as_it_is_tried(small.record(step, "p2"))
    flat = small.folder / ".snakemake/pixmake/try/flat"
    assert "flat ok" in small.pixmake("try", "p2", "--step", "flat").out
    assert (flat / "all.flat.npy").read_bytes() == (small.folder / "results/flat/all.flat.npy").read_bytes()


@pytest.mark.parametrize("own_python", [False, True])
def test_groups(project: Project, own_python: bool) -> None:
    """All images of a group by name, and what another step has measured of it: the record of a run."""
    rows = []
    for plant in ("A", "B"):
        for level, camera in ((40, "NIR"), (150, "VIS")):
            project.draw(f"images/{plant}_{camera}.png", level=level + 10 * (plant == "B"))
            rows.append({"path": f"images/{plant}_{camera}.png", "plant": plant, "camera": camera})
    project.list_images(rows)
    project.write(
        "scripts/pairs.py",
        "def gap(images, meta):\n"
        "    return {'gap': float(images['VIS'].mean() - images['NIR'].mean()), 'cameras': meta['camera']}\n"
        "\n\ndef twice(gap):\n    return {'twice': 2 * gap['gap']}\n",
    )
    python = {"python": sys.executable} if own_python else {}
    project.configure(
        images={"table": "config/images.csv", "group_by": ["plant"], "name_by": "camera"},
        steps={
            "gap": {"function": "scripts/pairs.py:gap", **python},
            "twice": {"function": "scripts/pairs.py:twice", "needs": ["gap"], **python},
        },
    )
    assert project.snakemake().code == 0
    ended = project.pixmake("try", "B")
    assert ended.code == 0, ended.err + ended.out
    for step in ("gap", "twice"):
        assert tried_record(project, step, "B") == as_it_is_tried(project.record(step, "B"))


def test_a_command_in_a_notebook(tried: Project) -> None:
    """It is filled in; a notebook that is there, perhaps with a day's work in it, is not overwritten."""
    assert tried.pixmake("try", "p2", "--step", "count", "--notebook").code == 0
    (cell, *_) = code_cells(tried, "count")
    assert cell == "%%bash\nwc -c < images/p2.png > .snakemake/pixmake/try/count/p2.size.txt"
    again = tried.pixmake("try", "p2", "--step", "count", "--notebook")
    assert again.code == 1
    assert "try_count_p2.ipynb: is there already" in again.err


def as_it_is_tried(record: dict[str, Any]) -> dict[str, Any]:
    """What of a record is the same whether an image is tried or run."""
    same = {key: record[key] for key in ("id", "step", "status", "metadata", "measurements", "images")}
    return {**same, "task": record["origin"]["task"]}


def tried_record(project: Project, step: str, job_id: str) -> dict[str, Any]:
    """The same of what `pixmake try` has left."""
    path = project.folder / f".snakemake/pixmake/try/{step}/{job_id}.json"
    return as_it_is_tried(json.loads(path.read_bytes()))


def code_cells(project: Project, step: str) -> list[str]:
    """The code of a notebook that was written."""
    content = json.loads((project.folder / f"try_{step}_p2.ipynb").read_text())
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
