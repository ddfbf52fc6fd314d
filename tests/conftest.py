"""What the tests share: a small project in a temporary folder, and real Snakemake runs in it."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from tests import commands
from tests.objectstore import bucket, gs, object_store, public_bucket, web  # noqa: F401  # fixtures for all

REPOSITORY = Path(__file__).parent.parent

PLANTCV = {
    "4": ["plantcv==4.11.*", "papermill", "ipykernel"],
    "5": ["--pre", "plantcv>=5.0.0rc1", "papermill", "ipykernel"],
}
"""What pip installs for a version of PlantCV."""

ANALYSIS = '''\
def measure(image, *, scale=1):
    """The mean of an image."""
    return {"mean": float(image.mean()) * scale}
'''


def notebook(cells: Sequence[str], tags: Mapping[int, list[str]] | None = None) -> str:
    """A Jupyter notebook of code cells, some with tags."""
    code = [
        {
            "cell_type": "code",
            "id": f"cell{number}",
            "metadata": {"tags": (tags or {}).get(number, [])},
            "source": text.strip().splitlines(keepends=True),
            "outputs": [],
            "execution_count": None,
        }
        for number, text in enumerate(cells)
    ]
    kernel = {"name": "a-name-of-its-users", "language": "python", "display_name": "Plants"}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": code})


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """What the command said at its end, without the notes on logs, tables, page and time."""
        said = ("Complete log(s)", "Elapsed time", "No image failed", "Sum:", "Tables:", "Page:")
        notes = (*said, "Also made:", "Time:")
        lines = [line for line in self.err.splitlines() if not line.startswith(notes)]
        return lines[-1] if lines else ""


_ROWS = re.compile(r"(\d+) rows? = (\d+) in images(?: \+ (\d+) left out \()?")
_IMAGES = re.compile(r"(\d+) images? = ((?:\d+ (?:measured|done|empty|failed|not run)(?: \+ )?)+)$")


def add_up(said: str) -> None:
    """Whatever ends a run, and however: the rows and the images that it tells of are all there are."""
    for line in said.splitlines():
        if line.startswith("Sum: "):
            rows, images = _ROWS.search(line), _IMAGES.search(line)
            assert images is not None, line
            assert int(images[1]) == sum(map(int, re.findall(r"\d+", images[2]))), line
            if rows is not None:
                assert int(rows[1]) == int(rows[2]) + int(rows[3] or 0), line


@dataclass(frozen=True)
class Project:
    """A project in a folder of its own."""

    folder: Path

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def configure(self, **keys: Any) -> None:
        """Write config.yaml."""
        self.write("config/config.yaml", yaml.safe_dump(keys, allow_unicode=True, sort_keys=False))

    def list_images(self, rows: Sequence[Mapping[str, Any]], table: str = "config/images.csv") -> None:
        """Write the table of images."""
        path = self.folder / table
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with path.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)

    def draw(self, name: str, level: int = 100, shape: tuple[int, ...] = (24, 32, 3)) -> Path:
        """Write an image of one level, with a little noise that depends on the level alone."""
        noise = np.random.default_rng(level).integers(0, 20, shape)
        content = cv2.imencode(Path(name).suffix, (noise + level).astype(np.uint8))[1].tobytes()
        return self.write(name, content)

    def run(self, *words: str, environment: Mapping[str, str] | None = None, timeout: float = 120) -> Ended:
        """Run a command of this Python's environment in the project's folder."""
        given = {**os.environ, **(environment or {})}
        process = commands.run(words, self.folder, given, timeout)
        add_up(process.stderr)
        return Ended(process.returncode, process.stdout, process.stderr)

    def snakemake(self, *options: str, **how: Any) -> Ended:
        """Run Snakemake on two cores."""
        return self.run("snakemake", "--cores", "2", *options, **how)

    def pixmake(self, *words: str, **how: Any) -> Ended:
        """Run the command pixmake."""
        return self.run("pixmake", *words, **how)

    def rows(self, table: str = "measurements.csv") -> list[dict[str, str]]:
        """The rows of a table of results."""
        with (self.folder / "results" / table).open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))

    def tables(self) -> tuple[bytes, bytes]:
        """The bytes of both tables."""
        results = self.folder / "results"
        return (results / "measurements.csv").read_bytes(), (results / "failures.csv").read_bytes()

    def record(self, step: str, job_id: str) -> dict[str, Any]:
        """A record."""
        content: dict[str, Any] = json.loads((self.folder / f"results/{step}/{job_id}.json").read_bytes())
        return content

    def started(self) -> dict[str, str]:
        """When each job began, by ``step/id``."""
        records = sorted((self.folder / "results").glob("*/*.json"))
        contents = [json.loads(path.read_bytes()) for path in records]
        return {f"{record['step']}/{record['id']}": record["run"]["started"] for record in contents}


@pytest.fixture
def ran_since() -> Callable[[Project, Mapping[str, str]], set[str]]:
    """Which jobs have run since an earlier look at `Project.started`."""

    def changed(project: Project, before: Mapping[str, str]) -> set[str]:
        return {job for job, started in project.started().items() if before.get(job) != started}

    return changed


@pytest.fixture(scope="session")
def plantcv(environment_with: Callable[[str, Sequence[str]], Path]) -> Callable[[str], Path]:
    """The Python of an environment with PlantCV."""
    return lambda version: environment_with(f"plantcv{version}", PLANTCV[version])


@pytest.fixture(scope="session")
def environment_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Sequence[str]], Path]:
    """The Python of an environment of its own; made once, and kept where PIXMAKE_TEST_VENVS says."""
    own = tmp_path_factory.getbasetemp()
    ours = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = Path(os.environ.get("PIXMAKE_TEST_VENVS", ours / "venvs"))

    def make(name: str, packages: Sequence[str]) -> Path:
        folder.mkdir(exist_ok=True)
        python = folder / name / "bin" / "python"
        done = folder / name / "installed"
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if done.exists():
                return python
            subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
            words = ["pip", "install", "--quiet", "--disable-pip-version-check", *packages]
            # an import of a package without compiled files would take several times as long
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
            subprocess.run([python, "-m", *words], check=True, env=environment)
            done.touch()
        return python

    return make


@pytest.fixture(scope="session")
def make_project() -> Callable[[Path], Project]:
    """Makes an empty project: Snakefile, profile and an analysis, no images yet."""

    def make(folder: Path) -> Project:
        (folder / "profiles").mkdir(parents=True)
        shutil.copy(REPOSITORY / "Snakefile", folder)
        shutil.copytree(REPOSITORY / "profiles" / "default", folder / "profiles" / "default")
        made = Project(folder)
        made.write("scripts/analysis.py", ANALYSIS)
        made.configure(
            images={"table": "config/images.csv", "root": "images"},
            steps={"measure": {"function": "scripts/analysis.py:measure"}},
        )
        return made

    return make


@pytest.fixture
def project(tmp_path: Path, make_project: Callable[[Path], Project]) -> Project:
    """An empty project: Snakefile, profile and an analysis, no images yet."""
    return make_project(tmp_path / "a project")


@pytest.fixture
def small(project: Project) -> Project:
    """A project of four images with a plant each."""
    rows = []
    for number in range(4):
        project.draw(f"images/p{number}.png", level=40 * number)
        rows.append({"path": f"p{number}.png", "plant": f"P{number}"})
    project.list_images(rows)
    return project
