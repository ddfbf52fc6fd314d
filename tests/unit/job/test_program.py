"""All images of a run are measured by the program that was there when it began."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixmake.job import program
from pixmake.job.program import ProgramChangedError
from pixmake.job.runners.function import load_module
from pixmake.plan.program_copy import leave_copies, program_files

ANALYSIS = "from level_of import LEVEL\n\n\ndef measure():\n    return LEVEL + 1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A project with a function, a module that it imports, and an R script."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    Path("scripts").mkdir()
    Path("scripts/measure_it.py").write_text(ANALYSIS)
    Path("scripts/level_of.py").write_text("LEVEL = 1\n")
    Path("scripts/a.R").write_text("1\n")
    yield
    program.begin("")


def measured() -> int:
    """What an image's process gets, which has the project's modules anew."""
    for name in ("measure_it", "level_of"):
        sys.modules.pop(name, None)
    value: int = load_module("scripts/measure_it.py").measure()
    return value


def test_an_edit_is_for_the_next_run() -> None:
    """Function and module are those of the run's beginning, also where they are broken or gone by now."""
    program.begin(leave_copies(program_files({"function": "scripts/measure_it.py:measure"})))
    assert measured() == 2
    Path("scripts/measure_it.py").write_text(ANALYSIS.replace("+ 1", "+ 100"))
    Path("scripts/level_of.py").write_text("LEVEL = 50\n")
    assert measured() == 2
    Path("scripts/measure_it.py").write_text("def measure(:")
    assert measured() == 2
    Path("scripts/measure_it.py").unlink()
    assert measured() == 2
    program.see_unchanged()  # none of it is run under its own name

    Path("scripts/measure_it.py").write_text(ANALYSIS.replace("+ 1", "+ 100"))
    program.begin(leave_copies(program_files({"function": "scripts/measure_it.py:measure"})))
    assert measured() == 150


@pytest.mark.parametrize("listed", [True, False])
def test_code_is_that_of_the_file_whatever_its_date(listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same second and size it is another one all the same, though Python has compiled the old one."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    files = {Path("scripts/measure_it.py"): ANALYSIS, Path("scripts/level_of.py"): "LEVEL = 1\n"}
    for number in (4, 5, 6):
        for file, text in files.items():
            file.write_text(text.replace("1", str(number)))
            os.utime(file, (1_700_000_000, 1_700_000_000 + number / 10))
        words = {"function": "scripts/measure_it.py:measure"}
        program.begin(leave_copies(program_files(words)) if listed else "")
        importlib.invalidate_caches()
        assert measured() == 2 * number
    assert len(list(Path("scripts/__pycache__").glob("*.pyc"))) == 2


def test_what_is_run_by_its_name_must_be_unchanged() -> None:
    """An R script that was edited is an error in words; one that was only touched, or put back, is none."""
    program.begin(leave_copies(program_files({"script": "scripts/a.R"})))
    program.see_unchanged()
    Path("scripts/a.R").write_text("2\n")
    with pytest.raises(ProgramChangedError, match=r"scripts/a\.R was edited while the run went on"):
        program.see_unchanged()
    Path("scripts/a.R").write_text("1\n")
    program.see_unchanged()


def test_commands_have_no_copy() -> None:
    """A command is in the task itself."""
    assert leave_copies(program_files({"command": "a.py:b"})) == ""
    program.begin("")
    program.see_unchanged()
