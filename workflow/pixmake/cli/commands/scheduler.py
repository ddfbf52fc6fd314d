"""``pixmake scheduler``: what a profile for a cluster calls."""

from __future__ import annotations

import argparse

from pixmake.cli.commands.options import Commands


def add(commands: Commands) -> None:
    """Add its parser."""
    command = commands.add_parser("scheduler", description="What a profile for a cluster calls.")
    command.set_defaults(run=run)
    command.add_argument("system", metavar="SYSTEM", help="slurm, pbs, torque, moab, sge or oar")
    command.add_argument("action", choices=["submit", "status"])
    command.add_argument(
        "what", metavar="SCRIPT_OR_ID", nargs=argparse.REMAINDER, help="after options of the submit command"
    )
    command.set_defaults(usage_error=command.error)


def run(arguments: argparse.Namespace) -> int:
    """Submit a job and print its id, or print what became of one."""
    from pixmake.rules.schedulers import phase, submit

    if not arguments.what:
        arguments.usage_error("a script or an id is missing")
    *flags, what = arguments.what
    print(
        submit(arguments.system, what, flags)
        if arguments.action == "submit"
        else phase(arguments.system, what)
    )
    return 0
