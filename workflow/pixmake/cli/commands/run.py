"""``pixmake run``: Snakemake on a project."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pixmake.cli.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    add_command(
        commands,
        "run",
        run,
        "Run the project: the same as `snakemake`, to which all options are passed on. A lock that "
        "a killed run left behind is removed first.",
        config=False,
    ).usage = "pixmake run [--parallel-config FILE] [--batches N] [SNAKEMAKE OPTION …]"


def run(arguments: argparse.Namespace) -> int:
    """Run Snakemake with the words of ``arguments.passed_on``; its exit status."""
    from pixmake.project.folder import run_snakemake

    own, passed_on = _own_options(arguments.passed_on)
    return run_snakemake(passed_on, own.parallel_config, own.batches)


def _own_options(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of `pixmake run` itself, and the words that are Snakemake's."""
    parser = argparse.ArgumentParser(prog="pixmake run", add_help=False, allow_abbrev=False)
    parser.add_argument("--parallel-config", metavar="FILE")
    parser.add_argument("--batches", metavar="N", type=int)
    return parser.parse_known_args(words)
