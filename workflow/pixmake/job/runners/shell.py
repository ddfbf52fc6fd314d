"""Kind of step ``shell``: a command, with placeholders, that bash runs."""

from __future__ import annotations

import shutil

from pixmake.base.placeholders import fill_command, names
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.programs import read_measurements, run_program, values, workspace

OPENS_FILES = True


def run(call: Call) -> Outcome:
    """Fill in the placeholders, every value quoted, and run the command."""
    template = call.task.work["command"]
    printed = str(call.task.work.get("measurements", "")).startswith("stdout")
    with workspace(call) as space:
        command = fill_command(template, values(call, space))
        run_program([*_shell(), command], call, output=space.result if printed else None)
        needed = "measurements" in call.task.work or "result" in names(template)
        return Outcome(read_measurements(call, space, needed=needed))


def _shell() -> list[str]:
    """Bash as Snakemake runs it, which ends at the first error; where there is none, a plain shell."""
    bash = shutil.which("bash")
    return [bash, "-euo", "pipefail", "-c"] if bash else ["sh", "-eu", "-c"]
