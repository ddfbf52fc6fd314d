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
from tests.conftest import PLANTCV, Project

pytestmark = pytest.mark.plantcv

SCRIPT = """\
from plantcv import plantcv as pcv
from plantcv.parallel import workflow_inputs

args = workflow_inputs("threshold")
pcv.params.debug = args.debug
img, path, filename = pcv.readimage(filename=args.FIRST)
gray = pcv.rgb2gray_lab(rgb_img=img, channel="a")
mask = pcv.threshold.binary(gray_img=gray, threshold=int(args.threshold), object_type="dark")


def add(variable, datatype, value, label="none", sample="default_1"):
    pcv.outputs.add_observation(sample=sample, variable=variable, trait="the " + variable, method="m",
                                scale="none", datatype=datatype, value=value, label=label)


if "P2" not in filename:  # in which no plant is found
    pcv.analyze.size(img=img, labeled_mask=mask)
    add("sometimes_none", float, None if "P1" in filename else 1.5)
    add("sometimes_nan", float, float("nan") if "P0" in filename else 2.5)
    add("never", float, None)
    add("flag", bool, "P0" in filename)
    add("note", str, 'said "so", and more')
    add("whole", int, 7, label=3)
    add("bins", list, [1, 2.5, None], label=["a", "b", "c"])
    add("pairs", tuple, (1, 2), label=(0, 1))
if "P1" in filename:
    pcv.analyze.color(rgb_img=img, labeled_mask=mask, colorspaces="hsv", label="plant")
    add("of_one", int, 4, sample="leaf_2")
    pcv.outputs.add_metadata(term="protocol", datatype=str, value="v1")
pcv.outputs.save_results(filename=args.result)
"""

TERMS = ["plantbarcode", "lineage", "camera", "frame", "timestamp"]

RUN_WORKFLOW = """\
import sys
from plantcv.parallel import WorkflowConfig

config = WorkflowConfig()
config.input_dir, config.img_outdir, config.tmp_dir = "images", "out", "tmp"
setattr(config, "json" if hasattr(config, "json") else "results", "theirs.json")
config.workflow, config.filename_metadata = "workflow.py", TERMS
config.timestampformat, config.other_args = "%Y-%m-%d", {"threshold": "120"}
config.groupby, config.group_name = GROUPS
config.cluster_config = {**config.cluster_config, "n_workers": 1, "cores": 1, "memory": "1GB", "disk": "1GB"}
config.save_config("theirs.config.json")
sys.argv = ["plantcv-run-workflow", "--config", "theirs.config.json"]
from plantcv.parallel.cli import main

if __name__ == "__main__":
    main()
"""

CONVERT = {
    "4": "from plantcv.utils import json2csv; json2csv('results/plantcv.json', 'converted')",
    "5": "from plantcv import plantcv as pcv; pcv.json2csv('results/plantcv.json', 'converted')",
}


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("version", PLANTCV)
def test_the_same_as_plantcv_itself(
    project: Project, plantcv: Callable[[str], Path], version: str, grouped: bool
) -> None:
    """Entities and both tables are those of plantcv-run-workflow and of its json2csv, value by value."""
    rows = []
    for number, plant in enumerate(("P0", "P1", "P2")):
        for camera in ("VIS", "NIR"):
            terms = dict(
                zip(TERMS, (plant, f"g{number}", camera, "01", f"2024-01-0{number + 1}"), strict=True)
            )
            name = f"{'_'.join(terms.values())}.png"
            image = np.full((60, 80, 3), 128, np.uint8)
            image[10 : 20 + 5 * number, 20 : 30 + 5 * number] = (40, 180, 40)
            project.write(f"images/{name}", cv2.imencode(".png", image)[1].tobytes())
            rows.append({"path": name, **terms})
    project.list_images(rows)
    project.write("workflow.py", SCRIPT.replace("FIRST", "vis" if grouped else "image1"))
    groups = (["plantbarcode", "timestamp"], "camera") if grouped else (["filepath"], "auto")
    project.write("run_workflow.py", RUN_WORKFLOW.replace("TERMS", str(TERMS)).replace("GROUPS", str(groups)))
    python = plantcv(version)
    by = {"group_by": ["plantbarcode", "timestamp"], "name_by": "camera"} if grouped else {}
    project.configure(
        images={"table": "config/images.csv", "root": "images", **by},
        steps={"size": {"plantcv": "workflow.py", "python": str(python), "params": {"threshold": 120}}},
        aggregate={"plantcv": True},
    )
    ended = project.snakemake(timeout=600)
    assert ended.code == 0, ended.err
    (project.folder / "tmp").mkdir()
    run(project, python, "run_workflow.py")

    results = project.folder / "results"
    ours, theirs = results / "plantcv.json", project.folder / "theirs.json"
    assert variables(ours) == variables(theirs)
    assert entities(ours) == entities(theirs)
    run(project, python, "-c", CONVERT[version])
    for table in ("single", "multi"):
        made = canonical(results / f"plantcv-{table}-value-traits.csv")
        assert made == canonical(next(project.folder.glob(f"theirs*-{table}-value-traits.csv")))
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
    """The entities in an order of their own, without what differs from run to run; NaN is null in ours."""
    found = []
    for entity in json.loads(path.read_text(), parse_constant=lambda word: None)["entities"]:
        terms = {term: content for term, content in entity["metadata"].items() if term != "run_date"}
        for term in {"image", "filepath"} & set(terms):
            terms[term]["value"] = [os.path.normpath(image) for image in terms[term]["value"]]
        for content in terms.values():  # the images of a group are as a walk of the folder finds them
            content["value"].sort(key=str)
        # of terms and traits the order counts, too
        found.append(json.dumps([terms, entity["observations"]]))
    return sorted(found)


def canonical(path: Path) -> list[Any]:
    """A table cell by cell as it is written, its rows in an order of their own.

    The columns of traits are in order; which terms of a script's own come first depends on which of
    PlantCV's files a walk of its folder finds first.
    """
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
        header = list(rows[0])
    for row in rows:
        row.pop("run_date")
        for term in {"image", "filepath"} & set(row):
            row[term] = row[term].replace("./", "")
    first, traits = header[: len(TERMS) + 1], header[header.index("sample") :]
    return [first, traits, *sorted(json.dumps(row, sort_keys=True) for row in rows)]
