"""``pixmake clean``: remove what runs have made."""

from __future__ import annotations

import argparse

from pixmake.base.counted import counted
from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "clean", run, "Remove what runs have made, and nothing else, after saying what."
    )
    command.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Say what was made, ask, and remove it; 1 if the answer was no."""
    from pixmake.config.models import load_config
    from pixmake.project.cleanup import described, remove, what_was_made

    made = what_was_made(load_config(arguments.config))
    if not made.files:
        print("There is nothing that a run has made.")
        return 0
    print("What runs have made here:")
    for line in described(made):
        print(line)
    if not arguments.yes and not _agreed(f"Remove {counted(len(made.files), 'file')}?"):
        print("Nothing was removed.")
        return 1
    remove(made)
    print(f"{counted(len(made.files), 'file')} removed.")
    return 0


def _agreed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
