"""The example of docs/ome-zarr-example.md on a real SLURM, whose nodes read from the same bucket."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cluster.conftest import QUICK
from tests.cluster.slurm import Cluster
from tests.conftest import Project
from tests.workflows.test_example import run_small


def test_example(cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fields are cluster jobs; what a plane takes is said at the end."""
    said = run_small(tmp_path, "--workflow-profile", "profiles/slurm", *QUICK, timeout=500)
    project = Project(tmp_path / "plate")
    assert len(project.rows()) == 8
    hosts = {project.record("measure", row["id"])["run"]["host"] for row in project.rows()}
    assert hosts <= {"node1", "node2"}
    with capsys.disabled():
        print("\n".join(line for line in said.splitlines() if "a plane" in line))
