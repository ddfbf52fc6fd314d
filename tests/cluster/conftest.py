"""A real SLURM for the tests of this folder, started once; see `slurm.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster import slurm
from tests.conftest import REPOSITORY, Project

ASKED = "PIXMAKE_TEST_CLUSTER"

QUICK = (
    *("--cores", "4", "--latency-wait", "20"),
    *("--seconds-between-status-checks", "1", "--max-status-checks-per-second", "20"),
)
"""A test does not wait as long as one would on a cluster of others."""

PLUGIN_QUICK = (
    *("--cores", "4", "--latency-wait", "20"),
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "2"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the cluster."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster() -> Iterator[slurm.Cluster]:
    """A cluster of two nodes. Where it was asked for, it must start; elsewhere its tests are skipped."""
    if os.environ.get(ASKED) != "1":
        pytest.skip(f"needs a SLURM cluster: `make test-cluster`, or {ASKED}=1, starts one here")
    if not slurm.installed():
        slurm.install()
    folder = Path(tempfile.mkdtemp(prefix="pixmake-slurm-"))
    try:
        yield slurm.start(folder)
    finally:
        slurm.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def command_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profiles call `pixmake`."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def sent(cluster: slurm.Cluster, project: Project) -> Project:
    """A project with the profiles for SLURM."""
    for name in ("slurm", "slurm-plugin"):
        shutil.copytree(REPOSITORY / "profiles" / name, project.folder / "profiles" / name)
    return project


@pytest.fixture
def pair(
    cluster: slurm.Cluster, make_project: Callable[[Path], Project], tmp_path: Path
) -> dict[str, Project]:
    """A project for each of the two profiles: what takes its time is done in both at once."""
    projects = {}
    for name, profile in (("generic", "slurm"), ("plugin", "slurm-plugin")):
        projects[name] = make_project(tmp_path / f"{name} project")
        shutil.copytree(REPOSITORY / "profiles" / profile, projects[name].folder / "profiles" / profile)
    return projects


def jobs_of(project: Project, *options: str) -> list[str]:
    """What SLURM's accounting says of the cluster jobs that were sent from a project's folder."""
    listed = subprocess.run(
        ["sacct", "-X", "-n", "-P", "--starttime=now-1hours", "-o", "WorkDir,JobID,State", *options],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split("|", 1) for line in listed.splitlines()]
    return [rest for folder, rest in rows if Path(folder) == project.folder]


def queue(project: Project) -> dict[str, tuple[str, str, str]]:
    """Jobs of a project that wait or run: id → name, state, node."""
    listed = subprocess.run(
        ["squeue", "-h", "--format=%Z|%i|%j|%T|%N"], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split("|") for line in listed.splitlines()]
    return {row[1]: (row[2], row[3], row[4]) for row in rows if Path(row[0]) == project.folder}
