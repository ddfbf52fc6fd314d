"""``pixmake explain``: what made a result."""

from __future__ import annotations

import argparse
import json
import os

from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "explain", run, "Say what made a result, and whether the next run makes it again."
    )
    command.add_argument("result", metavar="ID", help="an image's id, or one of its files")
    command.add_argument("--step", metavar="STEP", help="only this step (default: all)")
    command.add_argument(
        "--history", action="store_true", help="which runs made it before, and of what; of an image's id"
    )
    command.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what made it, or the times that it was made."""
    if arguments.history:
        return _history(arguments)
    if os.path.exists(arguments.result) and not os.path.exists(arguments.config):
        return _file(arguments)
    from pixmake.base.errors import PixmakeError
    from pixmake.config.models import read_config
    from pixmake.plan.plan import plan_project
    from pixmake.project.explain import as_content, explained, lines

    plan = plan_project(read_config(arguments.config), [arguments.config])
    try:
        found = explained(plan, arguments.result, arguments.step)
    except PixmakeError:
        if os.path.exists(arguments.result):  # another project's, or one that was moved
            return _file(arguments)
        raise
    if arguments.json:
        print(json.dumps([as_content(each) for each in found], indent=1, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(lines(each)) for each in found))
    return 0


def _file(arguments: argparse.Namespace) -> int:
    """Print what a file says of itself, without a project."""
    from pixmake.base.errors import PixmakeError, Problem
    from pixmake.images.stamp import read_stamp
    from pixmake.project.explain import stamp_lines

    try:
        stamp = read_stamp(arguments.result)
    except OSError as error:
        raise PixmakeError([Problem(f"cannot be read: {error.strerror}", arguments.result)]) from None
    if stamp is None:
        hint = "steps write it into PNG, TIFF, OME-Zarr and Parquet; for all else go to its project"
        raise PixmakeError([Problem("does not say where it comes from", arguments.result, hint)])
    if arguments.json:
        print(json.dumps(stamp, indent=1, ensure_ascii=False))
    else:
        print("\n".join(stamp_lines(arguments.result, stamp)))
    return 0


def _history(arguments: argparse.Namespace) -> int:
    from pixmake.base.errors import PixmakeError, Problem
    from pixmake.config.models import load_config
    from pixmake.project.history_text import lines
    from pixmake.results.history import history

    made = history(load_config(arguments.config).results, arguments.result, arguments.step)
    if not made:
        hint = "it is noted when a run writes its tables; name an image's id"
        raise PixmakeError([Problem(f"nothing is noted of {arguments.result!r}", "--history", hint)])
    if arguments.json:
        print(json.dumps([vars(each) for each in made], indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(made)))
    return 0
