"""Projects whose runs a cluster's tests start, break and look at."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from tests.conftest import Project

COUNTED = """\
import os
import time
from pathlib import Path


def measure(image, path, meta, *, seconds=0.0):
    executed = Path("executed") / meta["plant"]
    executed.parent.mkdir(exist_ok=True)
    with executed.open("a") as lines:
        lines.write((os.environ.get("SLURM_JOB_ID") or os.environ.get("JOB_ID", "here")) + "\\n")
    print("measured", meta["plant"])
    time.sleep(seconds)
    while Path("hold").exists() and len(list(Path("results/measure").glob("*.json"))) >= 4:
        time.sleep(0.1)
    return {"mean": float(image.mean())}
"""


def draw(project: Project, count: int) -> None:
    """Images and their table."""
    for number in range(count):
        project.draw(f"images/p{number:02}.png", level=3 * number)
    project.list_images([{"path": f"p{number:02}.png", "plant": f"P{number:02}"} for number in range(count)])


def counted(project: Project, count: int, *, seconds: float, **executor: object) -> None:
    """A project whose analysis notes each time that it runs."""
    project.write("scripts/analysis.py", COUNTED)
    draw(project, count)
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure", "params": {"seconds": seconds}}},
        executors={"default": {"resources": {"mem_mb": 300}, **executor}},
    )


def executions(project: Project) -> dict[str, list[str]]:
    """The cluster jobs that ran each image."""
    return {path.name: path.read_text().split() for path in sorted((project.folder / "executed").iterdir())}


def wait_for(condition: Callable[[], object], what: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def records(project: Project) -> int:
    return len(list((project.folder / "results/measure").glob("*.json")))


started: list[subprocess.Popen[bytes]] = []


def start(project: Project, *words: str) -> subprocess.Popen[bytes]:
    with (project.folder / "run.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=project.folder, stdout=log, stderr=log, start_new_session=True
        )
    started.append(process)
    return process
