"""The package as a whole: doctests, what it costs to import, and texts that stand twice."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys

import pixmake
from pixmake.config.models import OWN_KINDS


def test_examples_in_docstrings() -> None:
    """Every example of the documentation gives what it says."""
    tried = 0
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for module in pkgutil.walk_packages(pixmake.__path__, "pixmake."):
        if module.name.rpartition(".")[2] in ("__main__", "client"):
            continue
        for examples in finder.find(importlib.import_module(module.name)):
            if examples.examples:  # the runner looks at all files of all modules, whatever there is to try
                failed, count = runner.run(examples)
                assert failed == 0, examples.name
                tried += count
    assert tried >= 4


def test_what_runs_in_other_environments_needs_the_standard_library_alone() -> None:
    """The rooms that run in a step's own Python import nothing that it may not have."""
    rooms = "job.record job.task job.run base.placeholders job.gathered base.python_calls job.warm_server "
    rooms += "job.rehearsal images.read job.client job.runners.programs "
    rooms += " ".join(f"job.runners.{kind}" for kind in OWN_KINDS)
    code = (
        "import sys; before = set(sys.modules)\n"
        f"for room in {rooms.split()!r}: __import__('pixmake.' + room)\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - set(sys.stdlib_module_names) - {'pixmake'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_import_is_cheap() -> None:
    """`from pixmake import Parallel, Task` costs milliseconds, and all public names are there."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import pixmake; from pixmake import Parallel, Task\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - set(sys.stdlib_module_names) - {'pixmake', '__mp_main__'}))\n"
        "print([name for name in pixmake.__all__ if not hasattr(pixmake, name)])\n"
        "print(set(pixmake.__all__) - set(dir(pixmake)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\nset()\n"


def test_help_reads_well() -> None:
    """`--help` names each command with a sentence; a wrong one is told what there is."""
    done = subprocess.run(
        [sys.executable, "-m", "pixmake", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("init", "check", "compile", "run", "status", "retry"):
        assert re.search(rf"^    {command} +[A-Z]", done.stdout, re.MULTILINE), command
    wrong = subprocess.run(
        [sys.executable, "-m", "pixmake", "statsu"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
