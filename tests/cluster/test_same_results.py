"""The examples give on a real SLURM what they give here; the demo does so in `test_slurm`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.cluster.conftest import QUICK
from tests.cluster.slurm import Cluster
from tests.conftest import REPOSITORY, Project
from tests.same_results import left_by, project_of, run


@pytest.mark.parametrize("name", ["growth", "plate"])
def test_results_are_those_of_a_laptop(name: str, cluster: Cluster, tmp_path: Path) -> None:
    """Tables, files and records, whatever ran them."""
    with project_of(name, tmp_path / "here") as (here, environment):
        with (here.folder / "config/config.yaml").open("a") as config:
            config.write("executors: {default: {images_per_job: 12}}\n")  # few cluster jobs
        there = Project(tmp_path / "there")
        shutil.copytree(here.folder, there.folder)
        shutil.copytree(REPOSITORY / "profiles/slurm", there.folder / "profiles/slurm", dirs_exist_ok=True)
        run(here, environment, "snakemake", "--cores", "2")
        run(there, environment, "snakemake", "--workflow-profile", "profiles/slurm", *QUICK)
        hosts = {row["host"] for row in there.rows("runs.csv")}
        assert hosts <= {"node1", "node2"}
        assert left_by(there) == left_by(here)
