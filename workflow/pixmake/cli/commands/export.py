"""``pixmake export``: results in the forms of other systems."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pixmake.cli.commands.options import CONFIG, Commands, add_output


def add(commands: Commands) -> None:
    """Add their parsers."""
    summary = "Write measurements in a form that another system imports."
    systems = commands.add_parser("export", help=summary).add_subparsers(metavar="SYSTEM", required=True)
    summary = "Write the measurements as a CSV for OMERO: `omero metadata populate` attaches it as a table."
    omero = systems.add_parser("omero-csv", help=summary, description=summary)
    omero.set_defaults(run=_omero)
    omero.add_argument("--config", default=CONFIG, metavar="FILE", help="the project's config (%(default)s)")
    omero.add_argument(
        "--step", action="append", default=[], metavar="STEP", help="only this step, may be repeated (all)"
    )
    omero.add_argument(
        "--table",
        metavar="FILE",
        help="a table of all images, e.g. results/measure.cells.csv, instead of the measurements",
    )
    omero.add_argument(
        "--by",
        choices=["image", "name", "well"],
        help="how OMERO finds what a row is about: by image id, by image name, by well "
        "(default: the first of image, well, name that the images have)",
    )
    add_output(omero, default="omero.csv")
    summary = "Write the measurements to OMERO, as key-value pairs of its images (by its web client)."
    pairs = systems.add_parser("omero-pairs", help=summary, description=summary)
    pairs.set_defaults(run=_omero_pairs)
    pairs.add_argument("--config", default=CONFIG, metavar="FILE", help="the project's config (%(default)s)")
    pairs.add_argument(
        "--step", action="append", default=[], metavar="STEP", help="only this step, may be repeated (all)"
    )
    summary = "Write an OME-TIFF an image, with the objects of a mask as ROIs: `omero import` takes both."
    rois = systems.add_parser("omero-rois", help=summary, description=summary)
    rois.set_defaults(run=_omero_rois)
    rois.add_argument("--config", default=CONFIG, metavar="FILE", help="the project's config (%(default)s)")
    rois.add_argument(
        "--mask", required=True, metavar="STEP.FILE", help="the file of a step that has the objects as labels"
    )
    rois.add_argument(
        *("-o", "--output"), default="omero-rois", metavar="FOLDER", help="where to (%(default)s)"
    )
    rois.add_argument("--force", action="store_true", help="write into a folder that is there")


def _omero_rois(arguments: argparse.Namespace) -> int:
    from pixmake.base.errors import PixmakeError, Problem
    from pixmake.config.models import load_config
    from pixmake.results.export.omero_rois import Written, omero_rois

    config = load_config(arguments.config)
    folder = Path(arguments.output)
    if folder.exists() and not arguments.force:
        raise PixmakeError([Problem("is there already", str(folder), "--force writes into it")])
    images = rois = 0
    for made in omero_rois(config.results, arguments.mask, folder):
        if isinstance(made, Written):
            images, rois = images + 1, rois + made.rois
        else:
            print(f"note: {made.id} is left out: {made.reason}", file=sys.stderr)
    print(f"wrote {images} images with {rois} ROIs into {folder}")
    if not images:
        return 1
    print(f"import them into OMERO with: omero import -T Dataset:id:ID {folder}")
    return 0


def _omero_pairs(arguments: argparse.Namespace) -> int:
    from pixmake.base.errors import PixmakeError, Problem
    from pixmake.config.models import load_config
    from pixmake.images.remote.omero import connect, put_pairs
    from pixmake.results.export.omero import omero_pairs

    config = load_config(arguments.config)
    if config.images.omero is None:
        hint = "`pixmake export omero-csv` finds images by their names, too"
        raise PixmakeError([Problem("the images are not those of an OMERO server", arguments.config, hint)])
    pairs, notes = omero_pairs(config.results, steps=arguments.step)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    server = config.images.omero.server
    done = 0
    try:
        for _ in put_pairs(connect(server), pairs):
            done += 1
    finally:
        print(f"{server}: {done} of {len(pairs)} images have their key-value pairs")
    return 0


def _omero(arguments: argparse.Namespace) -> int:
    from pixmake.base.errors import PixmakeError, Problem
    from pixmake.config.models import load_config
    from pixmake.results.export.omero import omero_table

    config = load_config(arguments.config)
    target = Path(arguments.output)
    if target.exists() and not arguments.force:
        raise PixmakeError([Problem("is there already", str(target), "--force writes over it")])
    table = omero_table(config.results, by=arguments.by, steps=arguments.step, table=arguments.table)
    table.write(target)
    for note in table.notes:
        print(f"note: {note}", file=sys.stderr)
    container = (
        "Screen:ID" if "plate" in table.types else "Plate:ID" if "well" in table.types else "Dataset:ID"
    )
    if config.images.omero is not None:
        kind, number = config.images.omero.container
        container = f"{kind.capitalize()}:{number}"
    print(f"wrote {target}: {len(table.rows)} rows, {len(table.columns)} columns")
    print(f"attach it to OMERO with: omero metadata populate {container} --file {target}")
    return 0
