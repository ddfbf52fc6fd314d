"""What a run makes once its images are done: tables, functions of tables."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.conftest import Project

SUMMARY = """\
def by_level(measurements, *, unit="levels"):
    table = measurements.groupby("plant", as_index=False)["mean"].max()
    return table.assign(unit=unit)

def curve(by_level):
    from matplotlib import pyplot as plt
    figure, axes = plt.subplots()
    axes.plot(by_level["mean"])
    return figure
"""


ENTITY = {
    "metadata": {"image": {"label": "image files", "datatype": "<class 'str'>", "value": ["before.png"]}},
    "observations": {},
}
"""An entity of an earlier run of PlantCV."""


def with_functions(project: Project, **aggregate: object) -> None:
    """Give a project two functions of its tables, the second of which needs the first."""
    project.write("scripts/summary.py", SUMMARY)
    functions = {
        "curve": {"function": "scripts/summary.py:curve", "needs": ["by_level"], "files": {"curve": "svg"}},
        "by_level": {"function": "scripts/summary.py:by_level"},
    }
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        aggregate={"functions": functions, **aggregate},
    )


def test_tables_and_functions(small: Project) -> None:
    """A run writes the tables in all formats, and runs the functions; a second run has nothing to do."""
    small.write("before.json", json.dumps({"variables": {}, "entities": [ENTITY]}))
    formats = ["csv", "parquet", "sqlite"]
    with_functions(small, tables=formats, plantcv=True, plantcv_append="before.json")
    ended = small.snakemake()
    assert ended.code == 0, ended.err
    also = next(line for line in ended.err.splitlines() if line.startswith("Also made: "))
    named = ("measurements.parquet", "tables.sqlite", "plantcv.json", "by_level.csv", "curve.svg")
    assert sorted(also.removeprefix("Also made: ").split(", ")) == sorted(f"results/{name}" for name in named)
    results = small.folder / "results"
    assert [row["plant"] for row in small.rows("by_level.csv")] == ["P0", "P1", "P2", "P3"]
    assert b"</svg>" in (results / "curve.svg").read_bytes()
    assert pq.read_table(results / "measurements.parquet").num_rows == 4
    count = sqlite3.connect(results / "tables.sqlite").execute("SELECT count(*) FROM runs").fetchone()
    assert count == (4,)
    entities = json.loads((results / "plantcv.json").read_text())["entities"]
    assert len(entities) == 5
    assert entities[0] == ENTITY
    assert "Nothing to be done" in small.snakemake().err
    assert small.snakemake("--report", "report.zip").code == 0
    with zipfile.ZipFile(small.folder / "report.zip") as report:
        names = {Path(name).name for name in report.namelist()}
    assert {"report.html", "measurements.csv", "by_level.csv", "curve.svg"} <= names


@pytest.mark.slow
def test_plantcvs_results_go_on_from_those_before(small: Project) -> None:
    """The tables are made again when the earlier file changes, and never have an image twice."""
    small.write("before.json", json.dumps({"variables": {}, "entities": [ENTITY]}))
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        aggregate={"plantcv": True, "plantcv_append": "before.json", "report": False},
    )
    assert small.snakemake().code == 0
    merged = small.folder / "results/plantcv.json"
    entities = json.loads(merged.read_text())["entities"]
    assert entities[0] == ENTITY
    assert len(entities) == 5
    small.write("before.json", merged.read_text())
    ended = small.snakemake()
    assert ended.code == 0, ended.err
    again = json.loads(merged.read_text())["entities"]
    assert [one["metadata"]["image"] for one in again] == [one["metadata"]["image"] for one in entities]


@pytest.mark.slow
def test_only_what_a_change_touches(small: Project) -> None:
    """A changed function runs again with what needs it; no image runs again."""
    with_functions(small)
    assert small.snakemake().code == 0
    before = small.started()
    small.write("scripts/summary.py", SUMMARY.replace(".max()", ".min()"))
    assert "would run: 1 × aggregate_by_level, 1 × aggregate_curve" in small.snakemake("-n").out
    assert small.snakemake().code == 0
    with_functions(small, bom=True)
    assert small.snakemake().code == 0
    assert small.started() == before
    assert (small.folder / "results/measurements.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_function_that_fails_loses_no_table(small: Project) -> None:
    """The run fails, says where the log is; the tables are there."""
    with_functions(small)
    small.write("scripts/summary.py", SUMMARY.replace("return figure", "raise ValueError('no curve')"))
    ended = small.snakemake()
    assert ended.code == 1
    assert "aggregate_curve failed; its log: logs/aggregate_curve.log" in ended.err
    assert "no curve" in (small.folder / "logs/aggregate_curve.log").read_text()
    assert len(small.rows()) == 4
    assert len(small.rows("by_level.csv")) == 4


@pytest.mark.slow
def test_compiled_text_does_the_same(small: Project) -> None:
    """What `pixmake compile` prints makes the same files, and makes again what is damaged or lost."""
    with_functions(small)
    assert small.pixmake("compile", "-o", "plan.smk").code == 0
    ended = small.snakemake("-s", "plan.smk")
    assert ended.code == 0, ended.err
    assert (small.folder / "results/curve.svg").exists()
    before, tables = small.started(), small.tables()
    small.write("results/measure/p1.json", "")
    (small.folder / "results/.records.jsonl").unlink()
    shutil.rmtree(small.folder / ".snakemake/pixmake/listed", ignore_errors=True)
    ended = small.snakemake("-s", "plan.smk")
    assert ended.code == 0, ended.err
    assert "pixmake: damaged, to be made again: results/measure/p1.json (it is empty)" in ended.err
    assert "pixmake: 1 result is missing, to be made again" in ended.err
    now = small.started()
    assert {job for job in now if now[job] != before[job]} == {"measure/p1"}
    assert small.tables() == tables
