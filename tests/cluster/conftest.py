"""A real SLURM and a real Grid Engine for the tests of this folder, each started once by its module here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster import gridengine, projects, slurm
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
def no_run_is_left() -> Iterator[None]:
    """A test that fails leaves no Snakemake behind."""
    yield
    while projects.started:
        process = projects.started.pop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(autouse=True)
def command_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profiles call `pixmake`."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="session")
def grid_engine() -> Iterator[gridengine.Cluster]:
    """A Grid Engine of two nodes, under the same conditions."""
    if os.environ.get(ASKED) != "1":
        pytest.skip(f"needs a Grid Engine: `make test-cluster`, or {ASKED}=1, starts one here")
    if not gridengine.installed():
        gridengine.install()
    folder = Path(tempfile.mkdtemp(prefix="pixmake-gridengine-"))
    try:
        yield gridengine.start(folder)
    finally:
        gridengine.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def grid(grid_engine: gridengine.Cluster, project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the profile for Grid Engine, whose commands are found."""
    for name, value in grid_engine.environment.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(REPOSITORY / "profiles/sge", project.folder / "profiles/sge")
    return project


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
