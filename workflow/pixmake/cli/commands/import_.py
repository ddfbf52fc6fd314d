"""``pixmake import``: configurations of other systems."""

from __future__ import annotations

import argparse
from pathlib import Path

from pixmake.base.errors import PixmakeError, Problem
from pixmake.cli.commands.options import Commands, add_output


def add(commands: Commands) -> None:
    """Add their parsers."""
    command = commands.add_parser("import", help="Make a config.yaml from another system's configuration.")
    systems = command.add_subparsers(metavar="SYSTEM", required=True)

    summary = "Make a config.yaml from a parallel configuration of PlantCV 4 or 5."
    plantcv = systems.add_parser("plantcv", help=summary, description=summary)
    plantcv.set_defaults(run=_plantcv)
    plantcv.add_argument("file", metavar="FILE", help="the JSON file that PlantCV's WorkflowConfig saved")
    add_output(plantcv)

    summary = "Make settings, and a profile, from QIIME 2's or Parsl's executors."
    qiime2 = systems.add_parser("qiime2", help=summary, description=summary)
    qiime2.set_defaults(run=_qiime2)
    qiime2.add_argument("file", metavar="FILE", help="its file, e.g. qiime2_config.toml")
    qiime2.add_argument(
        "-o", "--output", metavar="FILE", default="settings.yaml", help="the settings to write (%(default)s)"
    )


def _plantcv(arguments: argparse.Namespace) -> int:
    from pixmake.config.text import write_new
    from pixmake.project.folder import complete_project
    from pixmake.project.importers.plantcv import import_plantcv

    write_new(import_plantcv(arguments.file), arguments.output, force=arguments.force)
    for line in [f"wrote {arguments.output}", *complete_project(Path())]:
        print(line)
    return 0


def _qiime2(arguments: argparse.Namespace) -> int:
    import yaml

    from pixmake.base.files import written_whole
    from pixmake.config.parsl import read_qiime2
    from pixmake.project.profiles import write_profile

    imported = read_qiime2(arguments.file)
    if Path(arguments.output).exists():
        raise PixmakeError([Problem("is there already", arguments.output, "name another with --output")])
    with written_whole(arguments.output) as temporary:
        temporary.write_text(yaml.safe_dump(dict(imported.settings), sort_keys=False), encoding="utf-8")
    print(
        f"{arguments.output} is written: use it with --parallel-config, or see docs/cluster.md for its place"
    )
    for name, site in imported.profiles.items():
        folder = write_profile(name, site)
        print(f"{folder} is written. Run it: pixmake run --workflow-profile {folder}")
    for note in imported.notes:
        print(f"note: {note}")
    return 0
