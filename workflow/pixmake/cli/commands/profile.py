"""``pixmake profile``: Snakemake's options for a cluster."""

from __future__ import annotations

import argparse

from pixmake.cli.commands.options import CONFIG, Commands, add_command


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands, "profile", run, "Write a profile for a cluster into this project.", config=False
    )
    command.add_argument("name", metavar="NAME", help="slurm, slurm-plugin, lsf, pbs, sge, …")
    command.add_argument("--partition", metavar="NAME", help="the partition or queue")
    command.add_argument("--account", metavar="NAME", help="the account or project that jobs are booked on")
    command.add_argument("--cores", metavar="N", type=int, help="cores of one cluster job")
    command.add_argument("--jobs", metavar="N", type=int, help="cluster jobs that wait or run at a time")
    command.add_argument(
        "--mem-mb", metavar="MB", type=int, help="memory of one image, if its step says none"
    )
    command.add_argument(
        "--minutes", metavar="N", type=int, help="minutes of one image, if its step says none"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the profile, and print how to use it, what it needs, and what it would send."""
    from pixmake.config.parsl import Site
    from pixmake.project.cluster_load import is_for_clusters, project_load
    from pixmake.project.profiles import missing_plugin, write_profile

    keys = ("partition", "account", "cores", "jobs", "mem_mb", "minutes")
    folder = write_profile(arguments.name, Site(**{key: getattr(arguments, key) for key in keys}))
    print(f"{folder} is written. Run it: snakemake --workflow-profile {folder}")
    missing = missing_plugin(folder)
    if missing:
        print(f"It needs a package that is not installed here: {missing}")
    if is_for_clusters():
        for line in project_load(CONFIG, arguments.cores):
            print(line)
    return 0
