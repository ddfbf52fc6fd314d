"""What the parsers of several commands share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What ``add_subparsers`` gives."""

CONFIG = "config/config.yaml"


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    *,
    config: bool = True,
) -> argparse.ArgumentParser:
    """Add a command of this name, with the option ``--config`` or without."""
    command = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
    if config:
        command.add_argument(
            "--config", default=CONFIG, metavar="FILE", help="the project's config (%(default)s)"
        )
    return command


def add_output(
    command: argparse.ArgumentParser, summary: str = "where to (%(default)s)", default: str | None = CONFIG
) -> None:
    """Add the options ``--output`` and ``--force``."""
    command.add_argument("-o", "--output", default=default, metavar="FILE", help=summary)
    command.add_argument("--force", action="store_true", help="write over a file that is there")


def add_listed(command: argparse.ArgumentParser) -> None:
    """Add the option that tells what a rule gathers; without it that is named on standard input."""
    command.add_argument("--listed")


@contextmanager
def listed(arguments: argparse.Namespace) -> Iterator[list[str]]:
    """What a rule gathers; once that has gone well, its state is noted: see `pixmake.plan.file_states`."""
    from pixmake.plan.file_states import Stamps, remember, state_of

    if arguments.listed is None:
        yield [line.rstrip("\n") for line in sys.stdin]
        return
    content = json.loads(Path(arguments.listed).read_bytes())
    made = state_of([*content["read"], *content["also"]], Stamps())  # before it is read
    yield content["read"]
    remember(content["results"], content["rule"], made)
