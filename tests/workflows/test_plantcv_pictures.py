"""PlantCV's `writeimg`: pictures that no file of the step names, with a stand-in for PlantCV."""

from __future__ import annotations

import json

import yaml
from tests.conftest import Project

SCRIPT = """\
import argparse, json, os

words = argparse.ArgumentParser()
for name in ("outdir", "result", "names", "checkpoint", "tmpfile", "level"):
    words.add_argument(f"--{name}")
words.add_argument("--writeimg", action="store_true")
words.add_argument("image")
args = words.parse_args()
name = os.path.basename(args.image).partition(".")[0]
if args.writeimg:
    for picture in (f"{name}_mask.png", f"more/{name}_level{args.level}.png"):
        os.makedirs(os.path.dirname(os.path.join(args.outdir, picture)), exist_ok=True)
        open(os.path.join(args.outdir, picture), "w").write("a picture")
if (name, args.level) == ("p3", "2"):
    raise SystemExit("no plant in this picture")
seen = {"value": int(args.level), "trait": "t", "method": "m", "scale": "s", "datatype": "x", "label": "l"}
json.dump({"metadata": {}, "observations": {"default_1": {"seen": seen}}}, open(args.result, "w"))
"""


def pictures(project: Project) -> set[str]:
    """All that lies in the step's folder and is no record."""
    folder = project.folder / "results/workflow"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {
        f"p{number}.json" for number in (1, 2, 3)
    }


def test_pictures_that_no_file_names(project: Project) -> None:
    """They are kept beside each record and told of; a run replaces them, a failed image has none."""
    project.write(
        "standin/plantcv-4.6.dist-info/METADATA", "Metadata-Version: 2.1\nName: plantcv\nVersion: 4.6\n"
    )
    project.write("standin/plantcv/__init__.py", "")
    project.write("workflow.py", SCRIPT)
    for number in (1, 2, 3):
        project.draw(f"photos/p{number}.png")
    given = {
        "input_dir": "photos",
        "json": "results.json",
        "workflow": "workflow.py",
        "filename_metadata": ["plantbarcode"],
        "writeimg": True,
        "other_args": {"level": 1},
    }
    project.write("plantcv.json", json.dumps(given))
    ended = project.pixmake("import", "plantcv", "plantcv.json", "--force")
    assert ended.code == 0, ended.err
    standin = {"PYTHONPATH": str(project.folder / "standin")}
    assert "results/workflow/*.images/ (none yet)" in project.pixmake("inspect").out
    ended = project.snakemake(environment=standin)
    assert ended.code == 0, ended.err
    told = "results/workflow/*.images/ (6 pictures of 3 images)"
    assert f"Also made: {told}" in ended.err
    names = [f"p{number}" for number in (1, 2, 3)]
    first = {f"{name}.images/{name}_mask.png" for name in names}
    assert pictures(project) == first | {f"{name}.images/more/{name}_level1.png" for name in names}
    assert project.record("workflow", "p1")["run"]["pictures"] == [
        "results/workflow/p1.images/more/p1_level1.png",
        "results/workflow/p1.images/p1_mask.png",
    ]
    inspected = project.pixmake("inspect").out
    assert told in inspected

    # another value of a param, and one picture that the step names from now on
    config = yaml.safe_load((project.folder / "config/config.yaml").read_text())
    config["steps"]["workflow"] |= {"params": {"level": 2}, "files": {"mask": "png"}}
    project.configure(**config)
    ended = project.snakemake(environment=standin)
    assert ended.code == 1, ended.err
    assert "Also made: results/workflow/*.images/ (2 pictures of 2 images)" in ended.err
    assert pictures(project) == {
        *("p1.mask.png", "p1.images/more/p1_level2.png"),
        *("p2.mask.png", "p2.images/more/p2_level2.png", "p3.mask.png"),
    }

    ended = project.pixmake("clean", "--yes")
    assert ended.code == 0, ended.err
    assert not (project.folder / "results").exists()
