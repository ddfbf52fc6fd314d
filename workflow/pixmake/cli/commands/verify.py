"""``pixmake verify``: a sample of a finished project's images again, to see that they come out the same."""

from __future__ import annotations

import argparse
import json
import sys
from fractions import Fraction

from pixmake.base.errors import PixmakeError
from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "verify", run, "Run a sample of the finished images again, beside the results, and compare."
    )
    command.add_argument(
        "--sample",
        type=_sample,
        default="1%",
        metavar="SHARE",
        help="how many: 5%%, or a number (default: 1%%, at least one)",
    )
    command.add_argument("--seed", type=int, help="draws the same images again (default: another each time)")
    command.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what differs; 0 if nothing does, 1 if something does, 2 if nothing can be compared."""
    import secrets

    from pixmake.config.models import read_config
    from pixmake.plan.found_images import found_plan
    from pixmake.plan.plan import plan_project
    from pixmake.project.verify import as_content, lines, note, verify

    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    try:
        plan = plan_project(read_config(arguments.config), [arguments.config])
        plan = plan if plan.containers is None else found_plan(plan.config)
        found = verify(plan, arguments.sample, seed)
        path = note(found, plan.config.results)
    except PixmakeError as error:
        print(f"pixmake: {error}", file=sys.stderr)
        return 2  # as `pixmake diff` does: 1 is a difference
    if arguments.json:
        print(json.dumps(as_content(found), indent=1, ensure_ascii=False))
    else:
        print("\n".join([*lines(found), f"{path} says so, and goes into the RO-Crate"]))
    return 1 if found.differences else 0


def _sample(text: str) -> str:
    share = Fraction(text[:-1]) if text.endswith("%") else Fraction(int(text))
    if not 0 < share <= (100 if text.endswith("%") else share):
        raise ValueError(text)
    return text
