"""The commands of ``pixmake``: one module a command, or a family of small ones.

Each module has ``add(commands)``, which adds its parsers to argparse's and sets as their default ``run`` the
function that does the work: it takes the parsed arguments and returns the exit status. What a command needs,
it imports when it runs.
"""

from __future__ import annotations

import importlib

from pixmake.cli.commands.options import Commands

LISTED = {
    "init": "init",
    "check": "check",
    "inspect": "inspect",
    "import": "import_",
    "compile": "compile",
    "run": "run",
    "watch": "watch",
    "status": "status",
    "config": "config",
    "profile": "profile",
    "retry": "retry",
    "explain": "explain",
    "diff": "diff",
    "verify": "verify",
    "crate": "crate",
    "export": "export",
    "plugins": "plugins",
    "try": "try_",
    "tune": "tune",
    "train": "train",
    "clean": "clean",
}
"""What a user calls, in the order in which it is listed, and the modules."""

HOMES = {
    **LISTED,
    "scheduler": "scheduler",
    "records": "outcome",
    "aggregate": "outcome",
    "complete": "outcome",
    "provenance": "outcome",
    "summarise": "outcome",
    "page": "outcome",
    "gather": "several",
    "find": "several",
    "collect": "several",
}
"""With what rules and profiles call, and no user needs."""


def add_commands(commands: Commands, word: str) -> None:
    """Add the command that ``word`` names, or all of them if it names none."""
    modules = [HOMES[word]] if word in HOMES else dict.fromkeys(HOMES.values())
    for module in modules:
        importlib.import_module(f"pixmake.cli.commands.{module}").add(commands)
