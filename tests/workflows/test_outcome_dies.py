"""Whichever process of a run's end dies or finds no room: the next run makes again what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import Project

PROCESSES = {
    "gather": ".gathered/measure",
    "records": ".records.jsonl",
    "collect": "measure.cells.csv",
    "aggregate": "measurements.csv",
    "summarise": "by_plant.csv",
    "page": "report.html",
    "provenance": "provenance.json",
}
"""What makes something of all images, and what it makes: what one needs comes before it."""

ANALYSIS = """\
def measure(image):
    level = int(image.max()) + MORE
    return {"level": level, "levels": [level, 2 * level], "cells": f"area\\n{level}\\n"}

def total(measurements):
    return {"sum": sum(row["level"] for row in measurements)}

def by_plant(measurements):
    return measurements.groupby("plant", as_index=False)["level"].max()

MORE = 0
"""

FAULT = """\
import os
import resource
import signal
import sys


def strike():
    open(os.environ["STRUCK"], "a").close()
    if os.environ["FAULT"] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif os.path.ismount("."):
        with open("filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(65_536))
            except OSError:
                pass
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def strike_a_fork(event, arguments):
    global victim
    if event == "open" and sys.argv[1:2] == [victim]:
        victim = None
        strike()


victim = os.environ.get("VICTIM")
if sys.orig_argv[1:4] == ["-m", "pixmake", victim]:
    strike()
elif victim and "warm_server.py" in str(sys.orig_argv):
    sys.addaudithook(strike_a_fork)
"""
"""What Python runs at its start: it strikes one of the processes of `PROCESSES`, and no other.

Where that is a fork, its command is run once more, and is struck, too."""


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, make_project: Callable[[Path], Project]
) -> tuple[Project, Mapping[str, bytes]]:
    """A project whose script was another one at its last run, and what a run by the script as it is makes."""
    project = make_project(tmp_path_factory.mktemp("measured") / "project")
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "measure": {"function": "scripts/a.py:measure", "files": {"cells": "csv"}},
            "total": {"function": "scripts/a.py:total", "needs_all": ["measure"], "per": "all"},
        },
        aggregate={"function": "scripts/a.py:by_plant"},
    )
    for number in range(3):
        project.draw(f"images/p{number}.png", level=40 * number)
    project.list_images([{"path": f"p{number}.png", "plant": f"P{number % 2}"} for number in range(3)])
    project.write("fault/sitecustomize.py", FAULT)
    project.write("scripts/a.py", ANALYSIS)
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    expected = tables(project)
    project.write("scripts/a.py", ANALYSIS.replace("MORE = 0", "MORE = 100"))
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    assert all(before != now for before, now in zip(expected.values(), tables(project).values(), strict=True))
    project.write("scripts/a.py", ANALYSIS)
    return project, expected


def tables(project: Project) -> dict[str, bytes]:
    """The tables of what was measured; when and where each image ran stands in others."""
    names = ("measurements.csv", "measurements_long.csv", "measure.cells.csv", "by_plant.csv")
    return {name: (project.folder / "results" / name).read_bytes() for name in names}


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 20 MB, which root alone can make."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={20 * 1024 * 1024}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["killed", "no room"])
def test_each_process_is_struck_by_itself(
    fault: str, measured: tuple[Project, Mapping[str, bytes]], tmp_path: Path
) -> None:
    """All images are measured anew; then each process is lost in a run for what it makes; a last run ends it.

    What one needs of another is made by the run after that has lost it: else it could not be lost itself.
    """
    origin, expected = measured
    with small_disk(tmp_path / "disk"):
        project = Project(tmp_path / "disk" / "project") if fault == "killed" else Project(tmp_path / "disk")
        shutil.copytree(origin.folder, project.folder, dirs_exist_ok=True)
        for process, made in PROCESSES.items():
            struck = tmp_path / process
            environment = {"VICTIM": process, "FAULT": fault, "STRUCK": str(struck)}
            environment["PYTHONPATH"] = str(project.folder / "fault")
            ended = project.snakemake(f"results/{made}", environment=environment)
            assert struck.exists(), f"{process} did not run: {ended.err}"
            assert ended.code == 1, ended.err
            assert "Traceback" not in ended.err
            assert not (project.folder / "results" / made).exists()
            (project.folder / "filler").unlink(missing_ok=True)
        ended = project.snakemake()
        assert ended.code == 0, ended.err
        assert tables(project) == expected
        assert all((project.folder / "results" / made).exists() for made in PROCESSES.values())
        assert "Nothing to be done" in project.snakemake("-n").out
