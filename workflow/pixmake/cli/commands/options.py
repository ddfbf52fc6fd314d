"""What the parsers of several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
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
