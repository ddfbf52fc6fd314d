"""PlantCV's own workflow scripts, unmodified, under the real PlantCV 4 and 5."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.conftest import PLANTCV, Project, notebook

pytestmark = pytest.mark.plantcv

SCRIPT = """\
import os

import cv2
import numpy as np
from plantcv import plantcv as pcv
from plantcv.parallel import workflow_inputs

args = workflow_inputs("threshold", "do")
pcv.params.debug = args.debug
img, path, filename = pcv.readimage(filename=args.image1)
mark = os.path.join("marks", os.environ["VERSION"])
MISBEHAVE
gray = pcv.rgb2gray_lab(rgb_img=img, channel="a")
mask = pcv.threshold.binary(gray_img=gray, threshold=int(args.threshold), object_type="dark")
pcv.analyze.size(img=img, labeled_mask=mask)
# state of PlantCV's own, which a next image must not see
assert list(pcv.outputs.observations) == ["default_1"], pcv.outputs.observations
pcv.params.device += 1
assert pcv.params.device < 100
pcv.analyze.size(img=img, labeled_mask=mask, label="plant")
pcv.outputs.add_metadata(term="protocol", datatype=str, value="v1")
pcv.outputs.add_observation(
    sample="plant_1", variable="not_there", trait="t", method="m", scale="none",
    datatype=float, value=float("nan"), label="none",
)
if args.writeimg and "missing" not in filename:
    pcv.print_image(mask, os.path.join(args.outdir, filename + "_mask.png"))
if "unsaved" not in filename:
    pcv.outputs.save_results(filename=args.result)
if "wrong" in filename:
    open(args.result, "w").write("{")
"""

MISBEHAVE = """\
if "raise" in filename:
    pcv.fatal_error("no plant in this picture")
if "exit" in filename:
    raise SystemExit(3)
if "crash" in filename:
    os.kill(os.getpid(), 11)
if "hang" in filename:
    __import__("time").sleep(1000)
if "second" in filename and not os.path.exists(mark):
    open(mark, "w").close()
    raise RuntimeError("not yet")
"""

EXPECTED = {
    "raise": ("RuntimeError", "no plant in this picture"),
    "exit": ("CommandError", "the script ended with exit status 3"),
    "crash": ("CrashError", "its process was killed by SIGSEGV (signal 11)"),
    "hang": ("TimeoutError", "took longer than the step's timeout of 4 s"),
    "missing": ("OutputError", "the file 'mask': the script wrote nothing to args.outdir"),
    "unsaved": ("OutputError", "the script saved no results: it needs pcv.outputs.save_results"),
    "wrong": ("OutputError", "the file of results is not what PlantCV saves: JSONDecodeError"),
}


def draw(project: Project, name: str, size: int) -> None:
    """A green square of a known size on a grey ground."""
    image = np.full((120, 160, 3), 128, np.uint8)
    image[40 : 40 + size, 50 : 50 + size] = (40, 180, 40)
    project.write(f"images/{name}.png", cv2.imencode(".png", image)[1].tobytes())


@pytest.mark.parametrize("version", PLANTCV)
def test_a_workflow_script_runs_unchanged(
    project: Project, plantcv: Callable[[str], Path], version: str
) -> None:
    """Every image in a fork that has PlantCV loaded; each way to fail is a failed image with its reason."""
    project.write("workflow.py", SCRIPT.replace("MISBEHAVE\n", MISBEHAVE))
    (project.folder / "marks").mkdir()
    names = ["ok1", "ok2", *EXPECTED, "second"]
    for size, name in enumerate(names, 10):
        draw(project, name, size)
    project.list_images([{"path": f"{name}.png", "plantbarcode": name} for name in names])
    step = {
        "plantcv": "workflow.py",
        "python": str(plantcv(version)),
        "params": {"threshold": 120},
        "files": {"mask": "png"},
        "timeout": 4,
        "retries": 1,
    }
    project.configure(
        images={"table": "config/images.csv", "root": "images"}, steps={"size": step}, max_failures=7
    )
    ended = project.snakemake(environment={"VERSION": version})
    assert ended.code == 0, ended.err

    failures = {row["id"]: (row["error"], row["message"]) for row in project.rows("failures.csv")}
    assert {name: error for name, (error, _) in failures.items()} == {n: e for n, (e, _) in EXPECTED.items()}
    for name, (_, message) in EXPECTED.items():
        assert failures[name][1].startswith(message)
    assert "workflow.py" in project.record("size", "raise")["error"]["traceback"]

    for size, name in ((10, "ok1"), (11, "ok2"), (19, "second")):
        record = project.record("size", name)
        area = record["measurements"]["area"]
        assert area["value"] == size**2
        assert (area["unit"], area["scale"], area["label"]) == ("pixels", "pixels", "pixels")
        assert (area["sample"], area["variable"], area["trait"]) == ("default_1", "area", "area")
        assert record["measurements"]["plant_1.area"]["value"] == size**2
        assert record["measurements"]["plant_1.not_there"]["value"] == "nan"
        assert record["measurements"]["protocol"]["value"] == "v1"
        assert record["run"]["plantcv"].startswith(version)
        mask = cv2.imread(str(project.folder / f"results/size/{name}.mask.png"), cv2.IMREAD_UNCHANGED)
        assert int((mask > 0).sum()) == size**2
    assert project.record("size", "second")["run"]["attempt"] == 2
    assert not list((project.folder / "results/size").glob(".*"))


def test_groups_by_name_and_the_result_file_before_the_call(
    project: Project, plantcv: Callable[[str], Path]
) -> None:
    """`args.vis`, or `args.image1`; what PlantCV is told of the images is strict JSON, in its own words."""
    project.write(
        "workflow.py",
        """\
import json, shutil, sys
from plantcv import plantcv as pcv
from plantcv.parallel import workflow_inputs
given = open(sys.argv[sys.argv.index("--result") + 1]).read()
args = workflow_inputs("negative", "listed")
pcv.outputs.add_observation("s", "told", "t", "m", "none", str, given, "none")
found = [args.vis, args.nir, args.negative, args.listed]
pcv.outputs.add_observation("s", "args", "t", "m", "none", list, found, [])
pcv.outputs.save_results(filename=args.result)
""",
    )
    rows = []
    for plant in ("a", "b"):
        for camera in ("VIS", "NIR"):
            draw(project, f"{plant}{camera}", 10)
            rows.append({"path": f"{plant}{camera}.png", "camera": camera, "plantbarcode": plant, "pot": 7})
    project.list_images(rows)
    images = {
        "table": "config/images.csv",
        "root": "images",
        "group_by": ["plantbarcode"],
        "name_by": "camera",
    }
    step = {
        "plantcv": "workflow.py",
        "python": str(plantcv("4")),
        "params": {"negative": -5, "listed": [1, "x"]},
    }
    project.configure(images=images, steps={"look": step})
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    measured = project.record("look", "a")["measurements"]
    assert measured["s.args"]["value"] == ["images/aVIS.png", "images/aNIR.png", "-5", "1,x"]
    told = json.loads(measured["s.told"]["value"], parse_constant=pytest.fail)
    assert told["observations"] == {}
    assert told["metadata"]["camera"] == {
        "label": "camera identifier",
        "datatype": "<class 'str'>",
        "value": ["VIS", "NIR"],
    }
    assert told["metadata"]["pot"]["value"] == [7, 7]
    assert told["metadata"]["timestamp"]["value"] == [None, None]
    assert told["metadata"]["image"]["value"] == ["images/aVIS.png", "images/aNIR.png"]


def test_a_plantcv_notebook_runs_unchanged(project: Project, plantcv: Callable[[str], Path]) -> None:
    """As it was prototyped: its own image gives way to the job's, its plots to none."""
    cells = [
        "%matplotlib inline\nfrom plantcv import plantcv as pcv\nfrom plantcv.parallel import WorkflowInputs",
        """
args = WorkflowInputs(images=["my/own/picture.jpg"], names="image1", result="mine.json",
                      outdir=".", writeimg=False, debug="plot", threshold=255)
""",
        "pcv.params.debug = args.debug\nimg, path, filename = pcv.readimage(filename=args.image1)",
        "# @ignore\npcv.visualize.colorspaces(rgb_img=img)\nraise RuntimeError('a look at it')",
        """
gray = pcv.rgb2gray_lab(rgb_img=img, channel="a")
mask = pcv.threshold.binary(gray_img=gray, threshold=args.threshold, object_type="dark")
pcv.analyze.size(img=img, labeled_mask=mask)
pcv.outputs.save_results(filename=args.result)
""",
    ]
    project.write("notebooks/plants.ipynb", notebook(cells))
    draw(project, "a", 12)
    project.list_images([{"path": "a.png"}])
    step = {
        "notebook": "notebooks/plants.ipynb",
        "python": str(plantcv("4")),
        "params": {"threshold": 120},
        "files": {"ran": "ipynb"},
    }
    project.configure(images={"table": "config/images.csv", "root": "images"}, steps={"size": step})
    ended = project.snakemake()
    assert ended.code == 0, ended.err + str(project.rows("failures.csv"))
    assert project.record("size", "a")["measurements"]["area"]["value"] == 144
    assert not list((project.folder / "notebooks").glob("mine.json"))


def test_a_notebook_that_runs_itself_in_parallel(project: Project, plantcv: Callable[[str], Path]) -> None:
    """PlantCV 5's own way: what its ``JupyterConfig`` would start is under way; no kernel is named."""
    cells = [
        """
from plantcv import plantcv as pcv
from plantcv import parallel as pcvpar

jupcon = pcvpar.JupyterConfig()
jupcon.input_dir = "path/to/images"
jupcon.filename_metadata = ["plantbarcode", "timestamp"]
jupcon.cluster_config["n_workers"] = 10
print(jupcon.workflow, jupcon.results)
summary, images = jupcon.inspect_dataset()
jupcon.save_config()
jupcon.run()

args = pcvpar.workflow_inputs()
""",
        """
img, path, filename = pcv.readimage(filename=args.image1)
gray = pcv.rgb2gray_lab(rgb_img=img, channel="a")
mask = pcv.threshold.binary(gray_img=gray, threshold=120, object_type="dark")
pcv.analyze.size(img=img, labeled_mask=mask)
pcv.outputs.save_results(filename=args.result, outformat="json")
""",
    ]
    content = json.loads(notebook(cells))
    project.write("notebooks/plants.ipynb", json.dumps({**content, "metadata": {}}))
    draw(project, "a", 12)
    project.list_images([{"path": "a.png"}])
    step = {"notebook": "notebooks/plants.ipynb", "python": str(plantcv("5"))}
    project.configure(images={"table": "config/images.csv", "root": "images"}, steps={"size": step})
    ended = project.snakemake()
    assert ended.code == 0, ended.err + str(project.rows("failures.csv"))
    assert project.record("size", "a")["measurements"]["area"]["value"] == 144
    assert [path.name for path in (project.folder / "notebooks").iterdir()] == ["plants.ipynb"]
