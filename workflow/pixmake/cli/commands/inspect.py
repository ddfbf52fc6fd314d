"""``pixmake inspect``: what would become of each image."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pixmake.base.errors import listed
from pixmake.cli.commands.options import CONFIG, Commands, add_command, add_output

if TYPE_CHECKING:
    from pixmake.project.proposal import Proposal


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "inspect", run, "Show which images would run and which would not, and why."
    )
    command.add_argument(
        "source",
        nargs="?",
        metavar="FOLDER",
        help="a folder of images, or a table, that has no config: one is proposed (default: the config's)",
    )
    command.add_argument("--csv", metavar="DIR", help="write there every image with its status, as CSV")
    add_output(command, "write the proposed config there, and all else that a first run needs", default=None)


def run(arguments: argparse.Namespace) -> int:
    """Print the images by what becomes of them."""
    from pixmake.project.cluster_load import is_for_clusters, project_load
    from pixmake.project.inspection import inspect_images, inspect_project, write_tables
    from pixmake.project.inspection_text import as_text
    from pixmake.project.proposal import propose_config

    proposal = None if arguments.source is None else propose_config(arguments.source, Path())
    if proposal is None:
        inspection = inspect_project(arguments.config)
    else:
        inspection = inspect_images(proposal.config.images, proposal.config, proposal.table)
    width = shutil.get_terminal_size((120, 24)).columns
    print("\n".join(as_text(inspection, width)), flush=True)
    if proposal is None and not inspection.problems and is_for_clusters():
        for line in project_load(arguments.config):
            print(line, flush=True)
    if arguments.csv is not None:
        for name in write_tables(inspection, arguments.csv):
            print(f"wrote {name}", flush=True)
    if proposal is not None:
        _offer(proposal, arguments)
    if inspection.problems:
        print(f"pixmake: a run would stop here: {listed(inspection.problems, 12)}", file=sys.stderr)
    return 1 if inspection.problems else 0


def _offer(proposal: Proposal, arguments: argparse.Namespace) -> None:
    from pixmake.project.start import write_start

    if arguments.output is None:
        what = f"`-o {CONFIG}` writes it, and all else that a first run needs"
        print(f"\na config for these images ({what}):\n\n{proposal.text}", end="")
        return
    for line in write_start(proposal, arguments.output, force=arguments.force):
        print(line, flush=True)
