"""CONTRIBUTING.md: its first change works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def changed(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def test_the_first_change(tmp_path: Path) -> None:
    """A source of images: the five changes of the page, in a copy, and the page's own test of them."""
    page = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    model, key, module, test = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    ignored = shutil.ignore_patterns("__pycache__", "vendor")
    shutil.copytree(REPOSITORY / "workflow", tmp_path / "workflow", ignore=ignored)
    shutil.copytree(REPOSITORY / "tests", tmp_path / "tests", ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    package = tmp_path / "workflow/pixmake"
    key = key.removeprefix("class Images(Model):\n")
    changed(
        package / "config/images.py",
        ("class Tile(Model):", f"{model}\n\nclass Tile(Model):"),
        ("    omero: Omero", f"{key}\n    omero: Omero"),
        ('"phenodata", "zarr"', '"phenodata", "listing", "zarr"'),
    )
    (package / "table/sources/listing.py").write_text(module)
    changed(
        package / "table/sources/__init__.py",
        ("import directory, lemnatec, omero", "import directory, lemnatec, listing, omero"),
        ('    "zarr": ', '    "listing": listing.read,\n    "zarr": '),
    )
    tests = tmp_path / "tests/unit/table/test_sources.py"
    tests.write_text(f"{tests.read_text()}\n\n{test}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tests), "-k", "listing or every_source"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
