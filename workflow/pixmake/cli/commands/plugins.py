"""``pixmake plugins``: what installed packages add, and what is wrong with it."""

from __future__ import annotations

import argparse

from pixmake.cli.commands.options import Commands


def add(commands: Commands) -> None:
    """Add its parser."""
    summary = "List what installed packages add: kinds of step, sources, formats, exports, views of the page."
    commands.add_parser("plugins", help=summary, description=summary).set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print them, a line each; 1 if one cannot be used."""
    from pixmake.project.installed_plugins import look_at_plugins

    found = list(look_at_plugins())
    if not found:
        print("no package is installed that adds to pixmake (docs/plugins.md)")
    for entry, problem in found:
        print(problem or entry)
    return 1 if any(problem for _, problem in found) else 0
