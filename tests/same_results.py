"""The demo and the examples as projects, and what a run leaves of them that is the same after every run."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from pixmake.project.folder import complete_project
from tests.conftest import REPOSITORY, Ended, Project

SMALL_PLATE = 'ROWS, COLUMNS, FIELDS, SIZE, TRAINED_ON = "AB", (1, 4), 1, 224, "B1_0"\n'

TOLD_ELSEWHERE = ("provenance.json", "runs.csv", "report.html", "curves.svg")
"""Files of results that say when and where, or that a library numbers at random."""


@contextmanager
def project_of(name: str, folder: Path) -> Iterator[tuple[Project, Mapping[str, str]]]:
    """A project with its pictures and models, which has not run, and the environment for its runs."""
    if name == "demo":
        for part in ("config", "scripts"):
            shutil.copytree(REPOSITORY / part, folder / part)
        complete_project(folder)
        subprocess.run([sys.executable, "scripts/draw_trial.py"], cwd=folder, check=True)
        yield Project(folder), {}
    elif name == "growth":
        shutil.copytree(REPOSITORY / "examples/growth", folder)
        complete_project(folder)
        subprocess.run([sys.executable, "scripts/draw.py"], cwd=folder, check=True)
        yield Project(folder), {}
    else:
        with _plate(folder) as environment:
            yield Project(folder), environment


def run(project: Project, environment: Mapping[str, str], *words: str) -> Ended:
    """Run a command that has to end well."""
    ended = project.run(*words, environment=environment, timeout=500)
    assert ended.code == 0, ended.out + ended.err
    return ended


def run_killed(project: Project, environment: Mapping[str, str], times: int = 2) -> int:
    """Kill runs when they have made some more records each, then let one end: how many were killed."""
    killed = 0
    for _ in range(times):
        before = _records(project)
        words = [sys.executable, "-m", "pixmake", "run", "--cores", "2"]
        with subprocess.Popen(
            words,
            cwd=project.folder,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            while process.poll() is None and _records(project) < before + 3:
                time.sleep(0.01)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
        time.sleep(1)  # what it had started sees that it is gone
    run(project, environment, "pixmake", "run", "--cores", "2")
    return killed


def left_by(project: Project) -> dict[str, str]:
    """A hash of each table, each file of a step, and of what each record says beside when and where."""
    results = project.folder / "results"
    found = {}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results).as_posix()
        if path.is_dir() or name[0] == "." or "/." in name or name.startswith("report_files"):
            continue
        if path.name not in TOLD_ELSEWHERE:
            content = path.read_bytes().partition(b'\n "run":')[0].partition(b'\n"run":')[0]
            found[name] = hashlib.sha256(content).hexdigest()
    return found


@contextmanager
def _plate(folder: Path) -> Iterator[Mapping[str, str]]:
    example = _module(REPOSITORY / "examples/plate/run.py")
    example.make_project(folder)
    script = folder / "scripts/plate.py"
    marker = 'TRAINED_ON = "B2_0"\n'
    script.write_text(script.read_text().replace(marker, marker + SMALL_PLATE))
    subprocess.run([sys.executable, "scripts/plate.py", "drawn"], cwd=folder, check=True)
    shutil.copytree(folder / "drawn/scribbles", folder / "scribbles")
    with example.bucket() as environment:
        example.upload(folder / "drawn", environment)
        run(Project(folder), environment, "pixmake", "train")
        yield environment


def _records(project: Project) -> int:
    return len(list((project.folder / "results").glob("*/*.json")))


def _module(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("example", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
