"""The rooms of the package: their order is held, and what runs elsewhere asks for no more than is there."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "workflow/pixmake"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
LINT = Path(sys.executable).parent / "lint-imports"

IMPORTED = """
import importlib, pkgutil, sys
allowed = set({allowed!r})


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | {{"pixmake"}} | allowed:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.path.insert(0, {package!r})
sys.meta_path.insert(0, Missing())
for room in {rooms!r}:
    package = importlib.import_module(f"pixmake.{{room}}")
    for module in pkgutil.walk_packages(package.__path__, f"pixmake.{{room}}."):
        if module.name not in {named!r}:
            importlib.import_module(module.name)
            print(module.name)
"""

NAMES_A_LIBRARY = {"pixmake.images.remote.zarr_store"}
"""Modules that are imported where their library is."""


def test_an_upward_import_is_refused(tmp_path: Path) -> None:
    """`make check` fails as soon as a room imports from one above it, also if only for its types."""
    shutil.copytree(PACKAGE, tmp_path / "pixmake", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)

    def lint() -> subprocess.CompletedProcess[str]:
        words = [str(LINT), "--no-cache"]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)

    kept = lint()
    assert kept.returncode == 0, kept.stdout
    with (tmp_path / "pixmake/images/axes.py").open("a") as module:
        module.write("\nif TYPE_CHECKING:\n    from pixmake.plan.plan import Plan\n")
    broken = lint()
    assert broken.returncode == 1
    assert "pixmake.images is not allowed to import pixmake.plan" in broken.stdout


def test_each_room_says_what_it_is_for() -> None:
    """Thirteen rooms, each with fifteen lines of docstring at most; at most four modules beside them."""
    assert len(ROOMS) == 13
    assert len(list(PACKAGE.glob("*.py"))) <= 4
    for room in ROOMS:
        said = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text()))
        assert said and len(said.splitlines()) <= 15, room


@pytest.mark.parametrize(
    ("rooms", "allowed"),
    [(["base", "images", "job"], []), (["classifier"], ["numpy", "cv2"])],
    ids=["standard library alone", "NumPy and OpenCV alone"],
)
def test_what_runs_in_other_interpreters(rooms: list[str], allowed: list[str]) -> None:
    """Each module of these rooms is imported by a Python that has nothing else."""
    code = IMPORTED.format(allowed=allowed, package=str(PACKAGE.parent), rooms=rooms, named=NAMES_A_LIBRARY)
    # without `site`, unless libraries are allowed
    options = ["-I"] if allowed else ["-I", "-S"]
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for room in rooms
        for path in (PACKAGE / room).rglob("*.py")
    }
    assert set(done.stdout.split()) == expected - NAMES_A_LIBRARY - {f"pixmake.{room}" for room in rooms}
