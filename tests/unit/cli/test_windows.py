"""Where the operating system has no `fcntl`, as on Windows: what works there, what is told."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.conftest import ANALYSIS, Project

WITHOUT = """
import os, sys

UNIX = {"fcntl", "resource", "termios", "pwd", "grp", "pty", "tty"}


class NotHere:
    def find_spec(self, name, path=None, target=None):
        if name in UNIX:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


import importlib.util

found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in UNIX else found(name, package)
for name in UNIX:
    sys.modules.pop(name, None)
for name in ("fork", "getuid", "killpg", "setsid"):
    delattr(os, name)
sys.meta_path.insert(0, NotHere())
sys.argv[0] = "pixmake"
"""
COMMAND = f"{WITHOUT}\nfrom pixmake.cli import main\nsys.exit(main())\n"
SNAKEFILE = (
    f"{WITHOUT}\nfrom pixmake import rules as pixmake_rules\npixmake_rules.look_at('config/config.yaml')\n"
)
TOLD = "pixmake: images run on Linux and macOS; here work check, inspect, status, diff and export"


@pytest.fixture
def done(project: Project) -> Project:
    """A project that ran elsewhere."""
    project.write("scripts/analysis.py", ANALYSIS)
    project.draw("images/a.png")
    project.list_images([{"path": "images/a.png", "plant": "P1"}])
    step = {"function": "scripts/analysis.py:measure"}
    project.configure(images={"table": "config/images.csv"}, steps={"measure": step})
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    return project


def run(project: Project, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=project.folder, capture_output=True, text=True, check=False
    )


def test_what_works_there_and_what_is_told(done: Project) -> None:
    """Looking at a project works, with a line that says what does not; running ends with that line."""
    shown = {
        ("check",): "no problem found",
        ("inspect",): "1",
        ("status",): "measure         1         0         0",
        ("diff", "results", "results"): "",
        ("export", "omero-csv", "-o", "omero.csv"): "",
    }
    for words, expected in shown.items():
        ended = run(done, COMMAND, *words)
        assert ended.returncode == 0, (words, ended.stderr)
        assert expected in ended.stdout
        assert ended.stderr.startswith(TOLD)
    for words in (("run", "--cores", "1"), ("watch",), ("try", "a"), ("init", "other")):
        ended = run(done, COMMAND, *words)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith(TOLD) and ended.stderr.count("\n") == 1


def test_a_snakefile_says_it_too(done: Project) -> None:
    """Nobody is told to install what is installed."""
    ended = run(done, SNAKEFILE)
    assert ended.returncode == 1
    assert ended.stderr.startswith(TOLD)
    assert "pip install" not in ended.stderr
