"""``pixmake diff``: what differs between two folders of results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pixmake.base.errors import PixmakeError
from pixmake.cli.commands.options import Commands, add_command

if TYPE_CHECKING:
    from pixmake.results.diff import Tolerance


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "diff", run, "Say what differs between two folders of results.", config=False
    )
    command.add_argument("old", type=Path, metavar="OLD", help="a folder of results")
    command.add_argument("new", type=Path, metavar="NEW", help="another one, of the same images")
    command.add_argument(
        "--tolerance",
        action="append",
        default=[],
        type=_tolerance,
        metavar="[NAME=]SHARE",
        help="differences up to this share of the old value do not count, of all measurements or of one: "
        "0.01 or area=0.05 (default: 0)",
    )
    command.add_argument("--csv", metavar="FILE", help="write every change to this file")
    command.add_argument(
        "--why", action="store_true", help="say what caused each change; runs some images again if need be"
    )
    command.add_argument(
        "--budget",
        type=_budget,
        metavar="N",
        help="with --why: images that are run again at most (default: 8)",
    )
    command.add_argument(
        "--python", metavar="PYTHON", help="with --why: an interpreter with the old versions of libraries"
    )
    command.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the differences; 0 if there are none, 1 if there are, 2 if they cannot be compared."""
    from pixmake.results.diff import Tolerance, as_content, compare, lines, write_changes

    by_name = dict(arguments.tolerance)
    tolerance = Tolerance(by_name.pop("", 0.0), by_name)
    if arguments.why:
        return _why(arguments, tolerance)
    try:
        if arguments.csv:
            found = write_changes(arguments.csv, arguments.old, arguments.new, tolerance)
        else:
            found = compare(arguments.old, arguments.new, tolerance)
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        return 2  # as `diff` does: 1 is a difference
    if arguments.json:
        print(json.dumps(as_content(found), indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(found)))
    return 1 if found.any else 0


def _why(arguments: argparse.Namespace, tolerance: Tolerance) -> int:
    """The same with the causes."""
    from pixmake.project.why import BUDGET, why
    from pixmake.project.why_text import as_content, columns, lines
    from pixmake.results.diff import write_changes

    budget = BUDGET if arguments.budget is None else arguments.budget
    try:
        found = why(arguments.old, arguments.new, tolerance, budget, arguments.python)
        if arguments.csv:
            write_changes(arguments.csv, arguments.old, arguments.new, tolerance, columns(found))
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(as_content(found), indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(found)))
    return 1 if found.differences.any else 0


def _budget(text: str) -> int:
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def _tolerance(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    value = float(share)
    if not value >= 0:
        raise ValueError(text)
    return name, value
