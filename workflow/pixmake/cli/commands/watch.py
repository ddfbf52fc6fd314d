"""``pixmake watch``: a project whose images are still arriving."""

from __future__ import annotations

import argparse

from pixmake.cli.commands.options import CONFIG, Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands,
        "watch",
        run,
        "Run the project again and again as its images arrive; safe to end and to start again.",
    )
    command.add_argument(
        "--idle", type=_seconds, metavar="TIME", help="end once nothing has come for so long, e.g. 30m"
    )
    command.add_argument("--until", metavar="FILE", help="end once this file is there and all is done")
    command.add_argument(
        "--settle",
        type=_seconds,
        default=10,
        metavar="TIME",
        help="take a file once it has not changed for so long (10s)",
    )
    command.add_argument("--every", type=_seconds, default=10, metavar="TIME", help="look so often (10s)")
    command.add_argument(
        "options", nargs="*", metavar="-- SNAKEMAKE OPTION", help="options of Snakemake, after --"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until nothing comes any more; the last run's exit status."""
    from pixmake.project.folder import see_snakefile
    from pixmake.project.watch import Watching, watch

    see_snakefile(arguments.options)
    how = Watching(
        every=arguments.every,
        settle=arguments.settle,
        idle=arguments.idle,
        until=arguments.until,
        options=[*arguments.options, *(["--configfile", arguments.config] * (arguments.config != CONFIG))],
    )
    return watch(arguments.config, how)


def _seconds(text: str) -> float:
    """A time such as 90, 90s, 30m or 2h in seconds."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in "smh" else (text, "s")
    seconds = float(number) * {"s": 1, "m": 60, "h": 3600}[unit]
    if not seconds >= 0:
        raise ValueError
    return seconds
