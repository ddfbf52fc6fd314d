"""The demo and the examples give the same results, however they are run; see tests/cluster for SLURM."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.conftest import Project
from tests.same_results import left_by, project_of, run, run_killed

STEPS = {"demo": "measure", "growth": "growth", "plate": "measure"}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STEPS))
def test_results_are_the_same(name: str, tmp_path: Path) -> None:
    """On one core, in another order, and on two by runs that are killed: tables, files and records."""
    with project_of(name, tmp_path / "first") as (first, environment):
        others = {}
        for how in ("other order", "kills"):
            others[how] = Project(tmp_path / how)
            shutil.copytree(first.folder, others[how].folder)
        run(first, environment, "snakemake", "--cores", "1")
        expected = left_by(first)
        assert len(expected) > 8
        assert "measurements.csv" in expected

        step = STEPS[name]
        records = sorted(path for path in expected if path.startswith(f"{step}/") and path.endswith(".json"))
        words = ("snakemake", "--cores", "1", *(f"results/{target}" for target in records[1::2]))
        run(others["other order"], environment, *words)
        run(others["other order"], environment, "snakemake", "--cores", "2")
        assert left_by(others["other order"]) == expected

        assert run_killed(others["kills"], environment) > 0
        assert left_by(others["kills"]) == expected
