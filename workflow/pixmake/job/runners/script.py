"""Kind of step ``script``: a Python, R or shell script, or any file that starts with ``#!``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pixmake.base.placeholders import fill_word
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.imports import import_installed
from pixmake.job.runners.main_module import run_main
from pixmake.job.runners.programs import job_file, read_measurements, run_program, values, workspace

OPENS_FILES = True

JOB = "PIXMAKE_JOB"
"""The environment variable with the path of the JSON file that tells a script its job."""

PROGRAMS = {".r": ["Rscript"], ".sh": ["bash"], ".bash": ["bash"]}
"""What runs a script, by its suffix; Python runs in this process."""


def prepare(work: Mapping[str, Any]) -> None:
    """Import in the warm process what a script in Python imports."""
    if work["script"].endswith(".py"):
        import_installed(work["script"])


def run(call: Call) -> Outcome:
    """Run the script; it reads its job from its arguments, or from the file that ``PIXMAKE_JOB`` names."""
    work = call.task.work
    script, arguments = work["script"], work.get("args", ())
    with workspace(call) as space:
        found = values(call, space)
        words = [word for argument in arguments for word in fill_word(argument, found)]
        output = space.result if str(work.get("measurements", "")).startswith("stdout") else None
        os.environ[JOB] = job_file(call, space)
        if script.endswith(".py"):
            run_main(script, words, call, output)
        else:
            run_program([*program(script), *words], call, "script", output=output)
        needed = "measurements" in work or not call.outputs or "{result}" in "".join(arguments)
        return Outcome(read_measurements(call, space, needed=needed))


def program(script: str) -> list[str]:
    """The command that runs a script that is not Python.

    Raises
    ------
    ValueError
        Neither its suffix nor its first line names a program.
    """
    known = PROGRAMS.get(os.path.splitext(script)[1].lower())
    if known:
        return [*known, script]
    with open(script, "rb") as file:
        first = file.readline(1000).decode("utf-8", errors="replace")
    if not first.startswith("#!") or not first[2:].strip():
        raise ValueError(f"{script}: what runs it? Neither its suffix nor a first line `#!…` says so")
    # as the kernel reads it: a program and at most one argument, here without need of an x bit
    return [*first[2:].strip().split(maxsplit=1), script]
