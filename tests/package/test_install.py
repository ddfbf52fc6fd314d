"""The package as others get it: built, checked, and installed alone into fresh environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.package

PYTHONS = ("3.12", "3.13")
"""Beside the one that runs these tests."""


def run(words: Sequence[str | Path], cwd: Path, **more: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def uv(*words: str | Path, cwd: Path) -> str:
    return run([sys.executable, "-m", "uv", *words], cwd)


def interpreter(version: str) -> Path | None:
    """A Python of a version, if one is at hand: on PATH, or among those that pyenv has."""
    on_path = shutil.which(f"python{version}")
    others = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in (*([Path(on_path)] if on_path else []), *others):
        done = subprocess.run([candidate, "-c", "pass"], capture_output=True, check=False)
        if done.returncode == 0:
            return candidate
    return None


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel and source distribution, made from a copy of what is committed."""
    folder = tmp_path_factory.mktemp("built")
    run(["git", "clone", "--quiet", REPOSITORY, folder / "pixmake"], folder)
    run([sys.executable, "-m", "build", "--outdir", folder / "dist", folder / "pixmake"], folder)
    return folder / "dist"


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def works_alone(python: Path, folder: Path) -> None:
    """The demo that `pixmake init` makes runs to its end, and all public names are there."""
    environment = {"PATH": f"{python.parent}:/usr/bin:/bin"}
    run([python.parent / "pixmake", "init", "project"], folder)
    project = folder / "project"
    run([python, "scripts/draw_trial.py"], project)
    run([python.parent / "snakemake", "--cores", "1"], project, **environment)
    assert len((project / "results/measurements.csv").read_text().splitlines()) == 25
    code = "import pixmake; print([name for name in pixmake.__all__ if not hasattr(pixmake, name)])"
    assert run([python, "-c", code], project) == "[]\n"


def test_what_is_built_passes_the_index_own_checks(built: Path) -> None:
    said = run([sys.executable, "-m", "twine", "check", "--strict", *built.iterdir()], built)
    assert said.count("PASSED") == 2


def test_a_wheel_alone(built: Path, tmp_path: Path) -> None:
    """Installed with nothing but what it asks for, in the versions of today."""
    run([sys.executable, "-m", "venv", "environment"], tmp_path)
    python = tmp_path / "environment/bin/python"
    constraints = REPOSITORY / "constraints.txt"
    run([python, "-m", "pip", "install", "--quiet", "-c", constraints, only(built, "*.whl")], tmp_path)
    works_alone(python, tmp_path)


def test_the_source_distribution_gives_the_same_wheel(built: Path, tmp_path: Path) -> None:
    words = ["-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, only(built, "*.tar.gz")]
    run([sys.executable, *words], tmp_path)
    assert only(tmp_path, "*.whl").read_bytes() == only(built, "*.whl").read_bytes()


def test_the_lowest_versions(built: Path, tmp_path: Path) -> None:
    """Each dependency in the lowest version that pyproject.toml allows."""
    uv("venv", "--quiet", "--python", sys.executable, "environment", cwd=tmp_path)
    python = tmp_path / "environment/bin/python"
    words = ["--quiet", "--python", python, "--resolution", "lowest-direct", only(built, "*.whl")]
    uv("pip", "install", *words, cwd=tmp_path)
    works_alone(python, tmp_path)


@pytest.mark.parametrize("version", PYTHONS)
def test_another_python(version: str, built: Path, tmp_path: Path) -> None:
    found = interpreter(version)
    if found is None:
        pytest.skip(f"no Python {version} is at hand")
    uv("venv", "--quiet", "--python", found, "environment", cwd=tmp_path)
    python = tmp_path / "environment/bin/python"
    uv("pip", "install", "--quiet", "--python", python, only(built, "*.whl"), cwd=tmp_path)
    works_alone(python, tmp_path)
