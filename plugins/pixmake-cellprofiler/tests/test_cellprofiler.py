"""Steps that run CellProfiler: its CSV and its tables, one start for many groups, a bad group alone.

CellProfiler itself is not there: `stand_in.py` takes its words, and no others.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from pixmake_cellprofiler import run

from pixmake import testing
from pixmake.job.record import Record
from pixmake.plan.plan import plan_project
from pixmake.project.folder import complete_project
from pixmake.project.try_image import try_image

PIPELINE = """\
CellProfiler Pipeline: http://www.cellprofiler.org
Version:5
DateRevision:424

LoadData:[module_num:1|svn_version:'Unknown'|variable_revision_number:6|enabled:True|wants_pause:False]
IdentifyPrimaryObjects:[module_num:2|svn_version:'Unknown'|enabled:True|wants_pause:False]
ExportToSpreadsheet:[module_num:3|svn_version:'Unknown'|enabled:True|wants_pause:False]
"""
STEP: dict[str, Any] = {
    "cellprofiler": "nuclei.cppipe",
    "program": "bin/cellprofiler",
    "files": {"nuclei": "csv", "overlay": "png"},
}
CONFIG: dict[str, Any] = {
    "images": {"table": "images.csv", "group_by": ["well"], "name_by": "channel"},
    "steps": {"count": STEP},
    "aggregate": {"report": False},
    "max_failures": 9,
}


def draw(path: str, spots: int, marker: int = 0) -> None:
    """A picture with so many bright squares; its first pixel tells the stand-in what to do."""
    image = np.zeros((40, 60), np.uint8)
    for number in range(spots):
        image[5:9, 4 + 10 * number : 8 + 10 * number] = 200
    image[0, 0] = marker
    cv2.imwrite(path, image)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of wells with two channels each, and a CellProfiler to work on them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "told.jsonl"))
    start = f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("stand_in.py")}" "$@"\n'
    Path("bin").mkdir()
    Path("bin/cellprofiler").write_text(start)
    Path("bin/cellprofiler").chmod(0o755)
    Path("nuclei.cppipe").write_text(PIPELINE)
    Path("config").mkdir()
    lay_out({"A1": (1, 0), "A2": (0, 0), "A3": (3, 0), "B1": (2, 251), "B2": (2, 0)})
    configure(CONFIG)
    complete_project(tmp_path)
    return tmp_path


def lay_out(wells: dict[str, tuple[int, int]]) -> None:
    lines = ["path,well,channel,dose"]
    for well, (spots, marker) in wells.items():
        draw(f"{well}_d.png", spots, marker)
        draw(f"{well}_r.png", 0)
        lines += [f"{well}_d.png,{well},DNA,1.50", f"{well}_r.png,{well},RNA,1.50"]
    Path("images.csv").write_text("\n".join(lines) + "\n")


def configure(config: dict[str, Any]) -> None:
    Path("config/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake() -> str:
    words = [sys.executable, "-m", "snakemake", "--cores", "2"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def tried(config: dict[str, Any], image: str) -> Record:
    """The record of one image, tried alone."""
    return next(try_image(plan_project(config, []), image)).record


def rows(name: str) -> list[dict[str, str]]:
    with open(f"results/{name}", newline="") as lines:
        return list(csv.DictReader(lines))


def told() -> list[list[dict[str, str]]]:
    """The lines of the CSV of each start."""
    path = Path("told.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_one_start_for_many_wells(here: Path) -> None:
    """A record each; the well at which a module fails fails alone; a start for what is new alone."""
    snakemake()
    starts = told()
    lines = sorted((line for start in starts for line in start), key=lambda line: line["FileName_DNA"])
    wells = [line["FileName_DNA"] for line in lines]
    assert sorted(set(wells)) == [f"{well}_d.png" for well in ("A1", "A2", "A3", "B1", "B2")]
    # wells that wait at one time share a start; one that has failed may be tried again by a later one
    assert {well for well in wells if wells.count(well) > 1} <= {"B1_d.png"}
    assert len(starts) < 5
    assert lines[0]["PathName_RNA"] == str(here) and lines[0]["Metadata_well"] == "A1"
    assert {row["well"]: row["Count_Nuclei"] for row in rows("measurements.csv")} == {
        **{"A1": "1", "A2": "0", "A3": "3", "B2": "2"}
    }
    (failed,) = rows("failures.csv")
    assert (failed["id"], failed["message"]) == ("B1", "CellProfiler's module 02Identify failed; see the log")
    objects = rows("count.nuclei.csv")
    assert [row["id"] for row in objects] == ["A1", "A3", "A3", "A3", "B2", "B2"]
    assert {row["AreaShape_Area"] for row in objects} == {"16"} and "Metadata_x" not in objects[0]
    assert (cv2.imread("results/count/A3.overlay.png", cv2.IMREAD_UNCHANGED) == 255).sum() == 48
    assert not list(Path("results").rglob("*.tmp*"))

    lay_out({"A1": (1, 0), "A2": (0, 0), "A3": (3, 0), "B1": (2, 0), "B2": (2, 0), "C1": (1, 0)})
    snakemake()
    again = [line["Metadata_well"] for start in told()[len(starts) :] for line in start]
    assert sorted(set(again)) == ["B1", "C1"]
    assert len(rows("measurements.csv")) == 6


def test_a_well_at_which_cellprofiler_ends(here: Path) -> None:
    """It writes no table then: the halves of the batch are tried, down to the well that is to blame."""
    lay_out({"A1": (1, 0), "A2": (2, 252), "A3": (3, 0), "B1": (4, 0)})
    snakemake()
    (failed,) = rows("failures.csv")
    assert failed["id"] == "A2"
    assert "exit status 1" in failed["message"] and "Segmentation fault" in failed["message"]
    assert [row["Count_Nuclei"] for row in rows("measurements.csv")] == ["1", "3", "4"]
    starts = [[line["Metadata_well"] for line in start] for start in told()]
    assert starts[:5] == [["A1", "A2", "A3", "B1"], ["A1", "A2"], ["A1"], ["A2"], ["A3", "B1"]]
    assert all(start == ["A2"] for start in starts[5:]), "only the failed one may be tried once more"


def test_single_images(here: Path) -> None:
    """Without groups a param says what the pipeline calls the image."""
    draw("a.png", 2)
    Path("images.csv").write_text("path\na.png\n")
    step = {"cellprofiler": "nuclei.cppipe", "program": "bin/cellprofiler", "params": {"channel": "Phase"}}
    record = tried({**CONFIG, "images": {"table": "images.csv"}, "steps": {"count": step}}, "a")
    assert record.error is None and record.measurements["Count_Nuclei"]["value"] == 2
    assert told()[0][0]["FileName_Phase"] == "a.png"


def test_an_image_set_that_takes_too_long(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CellProfiler is ended after as much time as its image sets may take, and it says so."""
    draw("slow.png", 1, 253)
    monkeypatch.setattr(run, "START_SECONDS", 0.5)
    work = {"pipeline": "nuclei.cppipe", "program": "bin/cellprofiler"}
    call: Any = SimpleNamespace(
        task=SimpleNamespace(work=work), limits=SimpleNamespace(each_timeout=0.5), log="log"
    )
    group = run.Group("slow", {"DNA": "slow.png"}, {}, "key")
    folder = Path("start")
    folder.mkdir()
    said = run._cellprofiler(call, [group], folder.resolve())
    assert said == "CellProfiler took longer than the step's timeout of 0.5 s for these images"


def test_files_that_the_pipeline_does_not_make(here: Path) -> None:
    """The failure says what there is."""
    record = tried({**CONFIG, "steps": {"count": {**STEP, "files": {"cells": "csv"}}}}, "A1")
    assert record.error is not None
    assert record.error.message == (
        "the file 'cells' was not made: there is no table of objects of this name; there are: nuclei"
    )


@pytest.mark.parametrize("promise", testing.KIND, ids=testing.name)
def test_promises(promise: Callable[[testing.KindCase], None], here: Path) -> None:
    """Those of every kind of step."""
    Path("other.cppipe").write_text("no pipeline\n")
    Path("bare.cppipe").write_text(PIPELINE.replace("LoadData", "Images"))
    wrong: Sequence[dict[str, Any]] = [
        {"cellprofiler": "away.cppipe"},
        {"cellprofiler": "other.cppipe"},
        {"cellprofiler": "bare.cppipe"},
        {"program": "bin/away"},
        {"params": {"chanel": "DNA"}},
        {"params": {"channel": "DNA"}},
    ]
    promise(testing.KindCase("cellprofiler", CONFIG, "count", "A3", "B1", wrong))
