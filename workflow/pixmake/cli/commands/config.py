"""``pixmake config``: every value that is in force, and the schema for editors."""

from __future__ import annotations

import argparse
from pathlib import Path

from pixmake.cli.commands.options import CONFIG, Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands,
        "config",
        run,
        "Print every value that is in force and the file that it came from, or the schema for editors.",
    )
    command.usage = "pixmake config show|schema [--config FILE] [--parallel-config FILE]"
    command.add_argument(
        "what",
        choices=["show", "schema"],
        help="the values of this machine and of this project; the JSON Schema of config.yaml, with what "
        "installed packages add",
    )
    command.add_argument(
        "--parallel-config", metavar="FILE", help="settings to use instead of this machine's"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the values, or the schema."""
    if arguments.what == "schema":
        from pixmake.config.schema import config_schema

        print(config_schema(), end="")
        return 0
    from pixmake.config.models import load_config
    from pixmake.config.settings import read_settings
    from pixmake.plan.effective_settings import as_lines, project_lines, settings_lines

    found = read_settings(arguments.parallel_config)
    if arguments.config == CONFIG and not Path(CONFIG).exists():
        lines = list(settings_lines(found))
    else:
        lines = list(project_lines(load_config(arguments.config), found, arguments.config))
    for line in as_lines(lines):
        print(line)
    return 0
