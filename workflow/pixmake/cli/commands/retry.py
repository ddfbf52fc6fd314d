"""``pixmake retry``: images that are to run again."""

from __future__ import annotations

import argparse

from pixmake.base.counted import counted
from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "retry", run, "Have images run again in the next run, whatever they gave."
    )
    command.add_argument("ids", metavar="ID", nargs="*", help="ids of images (default: all failed ones)")
    command.add_argument("--step", metavar="STEP", help="only this step (default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Ask for them, and print how many they are."""
    from pixmake.config.models import load_config
    from pixmake.progress.status import ask_again

    asked = ask_again(load_config(arguments.config), arguments.ids, arguments.step)
    print(f"{counted(asked, 'image')} will run again in the next run")
    return 0
