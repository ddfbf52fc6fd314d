"""``pixmake try``: one image at once, beside the results."""

from __future__ import annotations

import argparse

from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "try", run, "Run one image at once, beside the results, and print what was measured."
    )
    command.add_argument("id", metavar="ID", help="the image's id")
    command.add_argument("--step", metavar="STEP", help="this step, and those that it needs (default: all)")
    command.add_argument(
        "--notebook",
        action="store_true",
        help="write a notebook with the image's inputs loaded, to work in (default: for the last step)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the image or write its notebook; 1 if the image failed."""
    from pixmake.config.models import read_config
    from pixmake.plan.found_images import found_plan
    from pixmake.plan.plan import plan_project
    from pixmake.project.try_image import shown, try_image, write_notebook

    plan = plan_project(read_config(arguments.config), [arguments.config])
    plan = plan if plan.containers is None else found_plan(plan.config)
    if arguments.notebook:
        path = write_notebook(plan, arguments.id, arguments.step)
        print(f"{path} has the inputs of {arguments.id} loaded")
        return 0
    failed = False
    for tried in try_image(plan, arguments.id, arguments.step):
        failed = tried.record.error is not None
        print(f"{tried.record.step} {tried.record.status}; its log: {tried.log}")
        print("\n".join(shown(tried.record)))
    return int(failed)
