"""``pixmake diff``: what differs between two folders of results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pixmake.base.errors import PixmakeError
from pixmake.cli.commands.options import Commands, add_command


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
    command.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the differences; 0 if there are none, 1 if there are, 2 if they cannot be compared."""
    from pixmake.results.diff import Tolerance, as_content, compare, lines, write_changes

    by_name = dict(arguments.tolerance)
    tolerance = Tolerance(by_name.pop("", 0.0), by_name)
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


def _tolerance(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    value = float(share)
    if not value >= 0:
        raise ValueError(text)
    return name, value
