"""``pixmake status``: what is done, failed and to do."""

from __future__ import annotations

import argparse

from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "status", run, "Say how many images are done, failed and to do, step by step."
    )
    command.add_argument("--json", action="store_true", help="as JSON, with --watch a line at each look")
    command.add_argument(
        "--watch", action="store_true", help="follow a run, from any terminal, until it ends"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the counts, once or until the run ends."""
    from pixmake.config.models import load_config
    from pixmake.progress.display import one_line
    from pixmake.progress.follow import follow, run_progress, status_json, status_table
    from pixmake.progress.run_state import read_plan
    from pixmake.progress.status import project_status

    config = load_config(arguments.config)
    if arguments.watch:
        follow(config, arguments.json)
        return 0
    plan = read_plan()
    run = run_progress(plan) if plan else None
    counts = project_status(config)
    if arguments.json:
        print(status_json(counts, run))
    else:
        print("\n".join(status_table(counts)))
        if run is not None:
            print(f"a run is going on: {one_line(run)}")
    return 0
