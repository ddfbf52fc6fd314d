"""What packages add by entry points: found once an install, named when faulty, in nobody's way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugins import install

from pixmake.base import plugins


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on Python's path, and a home of its own for what is remembered."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "site"
    found.mkdir()
    monkeypatch.syspath_prepend(str(found))
    monkeypatch.setattr(plugins, "_USED", None)  # a job that an earlier test ran here may have set it
    plugins.forget()
    yield found
    monkeypatch.undo()
    plugins.forget()


def remembered(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.json"))


def test_what_is_installed_is_looked_up_once(folder: Path, tmp_path: Path) -> None:
    """It is remembered until something is installed or uninstalled."""
    install(folder, "field-kinds", {"kinds.frost": "frost.kind"})
    found = plugins.installed("kinds")["frost"]
    assert str(found) == "field-kinds 1.0 (kind of step frost)"
    (memory,) = remembered(tmp_path)
    content = json.loads(memory.read_text())
    content["entries"][0]["version"] = "as remembered"
    memory.write_text(json.dumps(content))
    plugins.forget()
    assert plugins.installed("kinds")["frost"].version == "as remembered"
    time.sleep(0.02)  # a folder's time is that of the kernel's clock
    install(folder, "field-formats", {"formats.frm": "frm"})
    plugins.forget()
    assert plugins.installed("kinds")["frost"].version == "1.0"
    assert plugins.installed("formats")["frm"].package == "field-formats"


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"folders": 3, "entries": [{}]}'])
def test_a_damaged_memory_is_made_again(damage: str, folder: Path, tmp_path: Path) -> None:
    """It says nothing, and is written anew."""
    install(folder, "field-kinds", {"kinds.frost": "frost.kind"})
    assert plugins.installed("kinds")
    (memory,) = remembered(tmp_path)
    memory.write_text(damage)
    plugins.forget()
    assert list(plugins.installed("kinds")) == ["frost"]
    assert json.loads(memory.read_text())["entries"]


def test_a_memory_that_others_can_write_is_not_believed(folder: Path, tmp_path: Path) -> None:
    """It would decide which code runs."""
    (tmp_path / "cache/pixmake-plugins").mkdir(parents=True)
    (tmp_path / "cache/pixmake-plugins").chmod(0o777)
    install(folder, "field-kinds", {"kinds.frost": "frost.kind"})
    assert list(plugins.installed("kinds")) == ["frost"]
    assert remembered(tmp_path) == []


def test_faulty_ones_are_named_and_the_rest_is_there(folder: Path) -> None:
    """Whatever is wrong with a package: its name, what it adds, and why it cannot be used."""
    good = "def read():\n    return 1\n"
    install(folder, "good", {"formats.good": "good"}, {"good.py": good})
    install(folder, "ends", {"formats.ends": "ends"}, {"ends.py": "raise SystemExit('enough')"})
    install(folder, "lacks", {"formats.lacks": "lacks"}, {"lacks.py": "x = 1"})
    install(folder, "gone", {"formats.gone": "gone.away:Export"})
    install(folder, "odd", {"formats.odd-name": "good"})
    install(folder, "own", {"formats.csv": "good"})
    install(folder, "one", {"formats.same": "good"})
    install(folder, "two", {"formats.same": "good"})
    assert list(plugins.usable("formats", ["csv"], ["read"])) == ["good"]
    told = {problem.where: problem.what for problem in plugins.refused().values()}
    assert told == {
        "ends 1.0 (format ends)": "cannot be used: importing ends failed: SystemExit: enough",
        "lacks 1.0 (format lacks)": "cannot be used: lacks has no read",
        "gone 1.0 (format gone)": (
            "cannot be used: importing gone.away:Export failed: ModuleNotFoundError: No module named 'gone'"
        ),
        "odd 1.0 (format odd-name)": (
            "cannot be used: 'odd-name' is no name: letters, digits and _, not a digit first"
        ),
        "own 1.0 (format csv)": "cannot be used: 'csv' is a name of pixmake's own",
        "one 1.0 (format same)": "cannot be used: two adds one of that name, too",
        "two 1.0 (format same)": "cannot be used: one adds one of that name, too",
    }
    assert all("pip uninstall" in problem.hint for problem in plugins.refused().values())


def test_jobs_use_copies_and_nothing_else(folder: Path) -> None:
    """Each job sees the packages as they were when the run began, and none that its own Python has."""
    kind = "RUNNER = 'frost.run'\n"
    files = {"frost/__init__.py": "", "frost/kind.py": kind, "frost/run.py": "WHO = 'the copy'\n"}
    install(folder, "field-kinds", {"kinds.frost": "frost.kind"}, files)
    copies = plugins.leave_copies(["frost"])
    assert copies.startswith(plugins.COPIES)
    assert plugins.leave_copies(["frost"]) == copies
    (folder / "frost/run.py").write_text("WHO = 'edited'\n")
    assert plugins.leave_copies(["frost"]) != copies
    code = (
        "from pixmake.base import plugins\n"
        f"plugins.use({copies!r})\n"
        "entry = plugins.installed('kinds')['frost']\n"
        "print(entry.value, plugins.load(entry).WHO)\n"
        "plugins.use('')\n"
        "print(plugins.installed('kinds'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "frost.run the copy\n{}\n"
    assert plugins.leave_copies(["shell"]) == ""


def test_nothing_is_imported_to_know_what_is_remembered(folder: Path) -> None:
    """`importlib.metadata` and a package's own modules take longer than the rest."""
    install(folder, "field-kinds", {"kinds.frost": "frost.kind"})
    code = (
        "import sys\nfrom pixmake.base import plugins\nprint(list(plugins.installed('kinds')))\n"
        "print('importlib.metadata' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    told = [
        subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert told == ["['frost']\nTrue\n", "['frost']\nFalse\n"]
