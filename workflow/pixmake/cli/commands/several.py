"""What rules over several images run: records gathered, images of containers found, tables collected."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pixmake.base.counted import counted
from pixmake.base.errors import in_words
from pixmake.cli.commands.options import Commands, add_listed, listed


def add(commands: Commands) -> None:
    """Add their parsers."""
    gather = commands.add_parser("gather", description="One file of a step's records.")
    gather.set_defaults(run=_gather)
    gather.add_argument("output")
    add_listed(gather)
    find = commands.add_parser("find", description="The table of the images that containers held.")
    find.set_defaults(run=_find)
    find.add_argument("--content", required=True)

    collect = commands.add_parser("collect", description="One table from those of all images.")
    add_listed(collect)
    collect.set_defaults(run=_collect)
    for option in ("--ending", "--step", "--columns", "--records"):
        collect.add_argument(option, required=True)
    collect.add_argument("target")


def _gather(arguments: argparse.Namespace) -> int:
    from pixmake.results.gathering import write_gathered

    with in_words(), listed(arguments) as paths:
        write_gathered(paths, arguments.output)
    return 0


def _find(arguments: argparse.Namespace) -> int:
    from pixmake.config.models import parse_config
    from pixmake.plan.found_images import found_plan, write_found
    from pixmake.plan.plan import make_plan

    config = parse_config(json.loads(arguments.content))
    plan = make_plan(config)
    assert plan.containers is not None
    write_found(plan.containers)
    found = found_plan(config)
    print(f"{counted(len(found.groups), 'image')} found in {counted(len(plan.containers.groups), 'file')}")
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    from pixmake.results.collect import collect_tables, known_in

    with in_words(), listed(arguments) as paths:
        terms = json.loads(arguments.columns)
        results = str(Path(arguments.records).parent)
        known = known_in(arguments.records, arguments.step, terms, results)
        collect_tables(paths, arguments.ending, arguments.target, known)
    return 0
