"""The packages in plugins/, tried as their authors try them: installed, and by their own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.plugins import PLUGINS, install_from_source


@pytest.mark.parametrize("name", sorted(path.name for path in PLUGINS.iterdir()))
def test_a_package_by_its_own_tests(name: str, tmp_path: Path) -> None:
    """They pass in a Python that has the package as pip would install it."""
    site = install_from_source(tmp_path / "site", name)
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(PLUGINS / name)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(PLUGINS / name / "tests")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
