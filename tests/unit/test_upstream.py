"""The patches of docs/upstream are for the Snakemake that is installed, and docs speak of each."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "docs/upstream"
PATCHES = sorted(FOLDER.glob("*.patch"))


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no program `patch`")
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_patch_applies(patch: Path) -> None:
    """To the newest Snakemake that pixmake was tried with."""
    spec = importlib.util.find_spec("snakemake")
    assert spec is not None
    assert spec.origin is not None
    words = ["patch", "--dry-run", "--force", "-p3", "-i", str(patch)]
    ended = subprocess.run(words, cwd=Path(spec.origin).parent, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_docs_name_each_patch() -> None:
    """And each test belongs to a patch."""
    said = (REPOSITORY / "docs/upstream.md").read_text()
    assert [patch.name for patch in PATCHES if f"`{patch.name}`" not in said] == []
    assert {test.name for test in (FOLDER / "tests").iterdir()} <= {patch.name for patch in PATCHES}
