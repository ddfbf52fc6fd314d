"""``pixmake init``: a new project."""

from __future__ import annotations

import argparse
from pathlib import Path

from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    what = "Make a new project that runs at once: the demo, or one for the pictures in its folder."
    command = add_command(commands, "init", run, what, config=False)
    command.add_argument("folder", metavar="DIR", help="the folder: new, empty, or one that holds pictures")


def run(arguments: argparse.Namespace) -> int:
    """Make the project, and print what is in it."""
    from pixmake.project.folder import make_project
    from pixmake.project.start import begin_project

    folder = Path(arguments.folder)
    has_content = folder.is_dir() and any(folder.iterdir())
    for line in begin_project(folder) if has_content else make_project(folder):
        print(line, flush=True)
    return 0
