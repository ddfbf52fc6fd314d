"""``pixmake init``: a new project."""

from __future__ import annotations

import argparse
from pathlib import Path

from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(commands, "init", run, "Make a new project that runs at once.", config=False)
    command.add_argument("folder", metavar="DIR", help="the new project's folder; new or empty")


def run(arguments: argparse.Namespace) -> int:
    """Make the project, and print what is in it."""
    from pixmake.project.folder import make_project

    for line in make_project(Path(arguments.folder)):
        print(line)
    return 0
