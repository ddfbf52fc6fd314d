"""The packages in plugins/, tried as their authors try them: installed, and by their own tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.plugins import PLUGINS, install, install_from_source


@pytest.mark.package  # each is a package of its own, and its tests are many runs
@pytest.mark.parametrize("name", sorted(path.name for path in PLUGINS.iterdir()))
def test_a_package_by_its_own_tests(name: str, tmp_path: Path) -> None:
    """They pass in a Python that has the package as pip would install it."""
    site = install_from_source(tmp_path / "site", name)
    run_tests(PLUGINS / name / "tests", site, tmp_path)


def test_a_source_in_forty_lines(tmp_path: Path) -> None:
    """The package of docs/plugins.md works as it stands there, and is as short as the page says."""
    page = (REPOSITORY / "docs/plugins.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^```python file=(\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    text = files["pixmake_drone.py"]
    assert len([line for line in text.splitlines() if line.strip()]) <= 40
    site = install(tmp_path / "site", "pixmake-drone", {"sources.drone_log": "pixmake_drone"}, files)
    run_tests(site / "test_drone.py", site, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    told = [
        subprocess.run(
            [sys.executable, "-m", "pixmake", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for words in (["plugins"], ["--help"], ["config", "schema"])
    ]
    assert told[0] == "pixmake-drone 1.0 (source drone_log)\n"
    assert "Installed: pixmake-drone 1.0 (source drone_log)" in " ".join(told[1].split())
    assert '"lowest"' in told[2] and "Metres above ground" in told[2]


def run_tests(tests: Path, site: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(tests.parent)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(tests)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
