"""A project whose images arrive while it runs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Project
from tests.pages import follow

OPTIONS = ("--settle", "1", "--every", "0.1", "--until", "night.over", "--", "--cores", "2")

ANALYSIS = """\
def measure(image, path):
    if "bad" in path:
        raise ValueError("no plant")
    return {"mean": float(image.mean())}
"""


@pytest.fixture
def facility(project: Project) -> Project:
    """The project of docs/watch.md; the folder in which images arrive is not there yet."""
    follow("watch.md", project)
    project.write("scripts/analysis.py", ANALYSIS)
    return project


@pytest.fixture
def start(facility: Project) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def watching() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pixmake", "watch", *OPTIONS]
        process = subprocess.Popen(command, cwd=facility.folder, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield watching
    for process in started:
        if process.poll() is None:
            process.kill()


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def ids(project: Project) -> list[str]:
    """The images in the table of measurements, if there is one."""
    if not (project.folder / "results/measurements.csv").exists():
        return []
    return [Path(row["path"]).stem for row in project.rows()]


@pytest.mark.slow
def test_a_night(facility: Project, start: Callable[[], subprocess.Popen[str]]) -> None:
    """Batches run as they come, no half-copied file is taken, and a killed watch goes on where it was."""
    process = start()
    facility.draw("incoming/a.png", level=10)
    facility.draw("incoming/bad.png", level=20)
    wait_for(lambda: ids(facility) == ["a"])

    content = facility.draw("elsewhere/c.png", level=30).read_bytes()
    facility.write("incoming/c.png.part", content[:300])
    facility.draw("incoming/b.png", level=40)
    wait_for(lambda: ids(facility) == ["a", "b"])
    tried = next((facility.folder / "results/.failures/measure").glob("*bad*"))
    assert len(tried.read_text().splitlines()) == 1, "a batch does not try failed images again"
    second = subprocess.run(
        [sys.executable, "-m", "pixmake", "watch"],
        cwd=facility.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.stderr == "pixmake: another pixmake watch is at work in this folder\n"
    process.kill()
    process.wait()

    before = facility.started()
    process = start()
    (facility.folder / "incoming/c.png.part").unlink()
    with (facility.folder / "incoming/c.png").open("wb") as slowly:
        for position in range(0, len(content), len(content) // 12):
            slowly.write(content[position : position + len(content) // 12])
            slowly.flush()
            time.sleep(0.3)
    wait_for(lambda: ids(facility) == ["a", "b", "c"])
    facility.write("night.over", "")
    assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    said = process.stderr.read()
    assert "no more images come: the last run" in said
    assert "1 of 4 images failed: see results/failures.csv" in said
    after = facility.started()
    assert {job for job, when in before.items() if after[job] == when} >= {
        job for job in before if not job.endswith("bad")
    }
    assert len(tried.read_text().splitlines()) == 2, "the last run does"
    assert facility.rows("failures.csv")[0]["message"] == "no plant"
