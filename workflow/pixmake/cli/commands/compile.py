"""``pixmake compile``: the plan as a Snakefile."""

from __future__ import annotations

import argparse
import sys

from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(commands, "compile", run, "Print the plan as a Snakefile that runs by itself.")
    command.add_argument("-o", "--output", metavar="FILE", help="write it there instead")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the Snakefile."""
    from pixmake.base.files import written_whole
    from pixmake.config.models import read_config
    from pixmake.plan.found_images import found_plan
    from pixmake.plan.plan import plan_project
    from pixmake.rules.compiled import as_text

    plan = plan_project(read_config(arguments.config), [arguments.config])
    plan = plan if plan.containers is None else found_plan(plan.config)
    if arguments.output is None:
        sys.stdout.writelines(as_text(plan))
        return 0
    with (
        written_whole(arguments.output) as temporary,
        open(temporary, "w", encoding="utf-8") as text,
    ):
        text.writelines(as_text(plan))
    return 0
