"""``pixmake crate``: a project and its run as a Workflow Run RO-Crate."""

from __future__ import annotations

import argparse
from pathlib import Path

from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "crate", run, "Describe the project and its run as a Workflow Run RO-Crate."
    )
    command.add_argument("--name", default="", help="what it is called (default: the folder's name)")
    command.add_argument("--description", default="", help="what it is, in a sentence or more")
    command.add_argument("--license", default="", help="an address or words (default: the file LICENSE)")
    command.add_argument(
        "--author", action="append", default=[], metavar="NAME", help="a name, with an ORCID's address or not"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the description."""
    from pixmake.config.models import load_config
    from pixmake.results.crate import Words, write_crate

    name = arguments.name or Path.cwd().name
    description = arguments.description or f"An image analysis and its results: {name}"
    words = Words(name, description, arguments.license, tuple(arguments.author))
    path = write_crate(load_config(arguments.config).results, words)
    print(f"{path} describes this folder as a Workflow Run RO-Crate")
    return 0
