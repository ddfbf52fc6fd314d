"""``pixmake export``: results in the form that other systems import."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from pixmake.base import plugins
from pixmake.cli.commands.options import CONFIG, Commands, add_output

if TYPE_CHECKING:
    from pixmake.results.exports import Export


def add(commands: Commands) -> None:
    """Add its parsers: one for each export that there is."""
    from pixmake.results.exports import exports

    summary = "Write results in the form that another system imports."
    systems = commands.add_parser("export", help=summary).add_subparsers(metavar="SYSTEM", required=True)
    for word, export in exports().items():
        if isinstance(export, plugins.PluginError):
            told = str(export).replace("%", "%%")
            systems.add_parser(word, help=told).set_defaults(run=partial(_refuse, export))
            continue
        command = systems.add_parser(word, help=export.SUMMARY, description=export.SUMMARY)
        command.set_defaults(run=partial(_write, word, export))
        command.add_argument(
            "--config", default=CONFIG, metavar="FILE", help="the project's config (%(default)s)"
        )
        export.add_options(command)
        if export.OUTPUT.endswith("/"):
            folder = export.OUTPUT.rstrip("/")
            command.add_argument(
                *("-o", "--output"), default=folder, metavar="FOLDER", help="where to (%(default)s)"
            )
            command.add_argument("--force", action="store_true", help="write into a folder that is there")
        elif export.OUTPUT:
            add_output(command, default=export.OUTPUT)


def _write(word: str, export: Export, arguments: argparse.Namespace) -> int:
    from pixmake.config.models import load_config
    from pixmake.results.exports import written

    for line in written(word, export, load_config(arguments.config), arguments):
        print(line, file=sys.stderr if line.startswith("note: ") else sys.stdout, flush=True)
    return 0


def _refuse(why: plugins.PluginError, arguments: argparse.Namespace) -> int:
    raise why
