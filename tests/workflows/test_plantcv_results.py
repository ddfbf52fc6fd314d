"""PlantCV's own result files: the same as PlantCV makes of the same images with the same script."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.conftest import Project

pytestmark = pytest.mark.slow

SCRIPT = """\
from plantcv import plantcv as pcv
from plantcv.parallel import workflow_inputs

args = workflow_inputs("threshold")
pcv.params.debug = args.debug
img, path, filename = pcv.readimage(filename=args.image1)
gray = pcv.rgb2gray_lab(rgb_img=img, channel="a")
mask = pcv.threshold.binary(gray_img=gray, threshold=int(args.threshold), object_type="dark")
pcv.analyze.size(img=img, labeled_mask=mask)
if "P1" not in filename:
    pcv.analyze.color(rgb_img=img, labeled_mask=mask, colorspaces="hsv", label="plant")
pcv.outputs.add_observation(sample="default_1", variable="note", trait="a, b", method="m", scale="none",
                            datatype=str, value='said "so"', label="none")
pcv.outputs.save_results(filename=args.result)
"""

RUN_WORKFLOW = """\
import sys
from plantcv.parallel import WorkflowConfig

config = WorkflowConfig()
config.input_dir, config.json, config.img_outdir, config.tmp_dir = "images", "theirs.json", "out", "tmp"
config.workflow, config.filename_metadata = "workflow.py", ["plantbarcode", "camera", "timestamp"]
config.timestampformat, config.other_args = "%Y-%m-%d", {"threshold": "120"}
config.cluster_config = {"n_workers": 1, "cores": 1, "memory": "1GB", "disk": "1GB"}
config.save_config("theirs.config.json")
sys.argv = ["plantcv-run-workflow", "--config", "theirs.config.json"]
from plantcv.parallel.cli import main

if __name__ == "__main__":
    main()
"""


def test_the_same_as_plantcv_itself(project: Project, plantcv: Callable[[str], Path]) -> None:
    """Entities, single-value and multi-value tables are those of plantcv-run-workflow and of its json2csv."""
    rows = []
    for plant in range(2):
        for day in (1, 2):
            name = f"P{plant}_VIS_2024-01-0{day}.png"
            size = 10 + 5 * plant + 2 * day
            image = np.full((60, 80, 3), 128, np.uint8)
            image[10 : 10 + size, 20 : 20 + size] = (40, 180, 40)
            project.write(f"images/{name}", cv2.imencode(".png", image)[1].tobytes())
            terms = {"plantbarcode": f"P{plant}", "camera": "VIS", "timestamp": f"2024-01-0{day}"}
            rows.append({"path": name, **terms})
    project.list_images(rows)
    project.write("workflow.py", SCRIPT)
    project.write("run_workflow.py", RUN_WORKFLOW)
    python = plantcv("4")
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"size": {"plantcv": "workflow.py", "python": str(python), "params": {"threshold": 120}}},
        aggregate={"plantcv": True},
    )
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    (project.folder / "tmp").mkdir()
    run(project, python, "run_workflow.py")

    results = project.folder / "results"
    ours, theirs = results / "plantcv.json", project.folder / "theirs.json"
    assert variables(ours) == variables(theirs)
    assert entities(ours) == entities(theirs)
    for table in ("single", "multi"):
        made = canonical(results / f"plantcv-{table}-value-traits.csv")
        assert made == canonical(next(project.folder.glob(f"theirs*-{table}-value-traits.csv")))
        convert = "from plantcv.utils import json2csv; json2csv('results/plantcv.json', 'converted')"
        run(project, python, "-c", convert)
        assert made == canonical(project.folder / f"converted-{table}-value-traits.csv")


def run(project: Project, python: Path, *words: str) -> None:
    """Run something in PlantCV's environment; PlantCV starts `python` from PATH."""
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    subprocess.run([python, *words], cwd=project.folder, env=environment, check=True, capture_output=True)


def variables(path: Path) -> dict[str, Any]:
    """What a merged JSON says of its variables."""
    content: dict[str, Any] = json.loads(path.read_text())["variables"]
    return content


def entities(path: Path) -> list[str]:
    """The entities in an order of their own, without what differs from run to run."""
    found = []
    for entity in json.loads(path.read_text())["entities"]:
        terms = {term: content["value"] for term, content in entity["metadata"].items() if term != "run_date"}
        terms["image"] = [os.path.normpath(image) for image in terms["image"]]
        found.append(json.dumps([terms, entity["observations"]], sort_keys=True))
    return sorted(found)


def canonical(path: Path) -> list[dict[str, Any]]:
    """The rows of a table in an order of their own, numbers as numbers."""
    with path.open(newline="") as lines:
        rows = [
            {name: cell(value) for name, value in row.items() if name != "run_date"}
            for row in csv.DictReader(lines)
        ]
    for row in rows:
        row["image"] = os.path.normpath(row["image"])
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def cell(text: str) -> float | str:
    """A cell as a number if it is one."""
    try:
        return float(text)
    except ValueError:
        return text
