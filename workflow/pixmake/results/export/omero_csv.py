"""``pixmake export omero-csv``: the measurements as a table that OMERO's importer takes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pixmake.base.counted import counted

if TYPE_CHECKING:
    from pixmake.config.models import Config

SUMMARY = "Write the measurements as a CSV for OMERO: `omero metadata populate` attaches it as a table."
OUTPUT = "omero.csv"


def add_options(command: argparse.ArgumentParser) -> None:
    """Which measurements, and how OMERO finds what a row is about."""
    command.add_argument(
        "--step", action="append", default=[], metavar="STEP", help="only this step, may be repeated (all)"
    )
    command.add_argument(
        "--table",
        metavar="FILE",
        help="a table of all images, e.g. results/measure.cells.csv, instead of the measurements",
    )
    command.add_argument(
        "--by",
        choices=["image", "name", "well"],
        help="how OMERO finds what a row is about: by image id, by image name, by well "
        "(default: the first of image, well, name that the images have)",
    )


def write(config: Config, target: Path, arguments: argparse.Namespace) -> Iterator[str]:
    """Write the table, and say how OMERO takes it."""
    from pixmake.results.export.omero import omero_table

    table = omero_table(config.results, by=arguments.by, steps=arguments.step, table=arguments.table)
    table.write(target)
    for note in table.notes:
        yield f"note: {note}"
    container = (
        "Screen:ID" if "plate" in table.types else "Plate:ID" if "well" in table.types else "Dataset:ID"
    )
    if config.images.omero is not None:
        kind, number = config.images.omero.container
        container = f"{kind.capitalize()}:{number}"
    yield f"wrote {target}: {counted(len(table.rows), 'row')}, {counted(len(table.columns), 'column')}"
    yield f"attach it to OMERO with: omero metadata populate {container} --file {target}"
