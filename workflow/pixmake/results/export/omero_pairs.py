"""``pixmake export omero-pairs``: the measurements as key-value pairs of an OMERO server's images."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pixmake.base.errors import PixmakeError, Problem

if TYPE_CHECKING:
    from pixmake.config.models import Config

SUMMARY = "Write the measurements to OMERO, as key-value pairs of its images (by its web client)."
OUTPUT = ""


def add_options(command: argparse.ArgumentParser) -> None:
    """Which measurements."""
    command.add_argument(
        "--step", action="append", default=[], metavar="STEP", help="only this step, may be repeated (all)"
    )


def write(config: Config, target: Path, arguments: argparse.Namespace) -> Iterator[str]:
    """Send them; how many images have theirs is said, too, where that ends early."""
    from pixmake.images.remote.omero import connect, put_pairs
    from pixmake.results.export.omero import omero_pairs

    if config.images.omero is None:
        hint = "`pixmake export omero-csv` finds images by their names, too"
        raise PixmakeError([Problem("the images are not those of an OMERO server", arguments.config, hint)])
    pairs, notes = omero_pairs(config.results, steps=arguments.step)
    yield from (f"note: {note}" for note in notes)
    server = config.images.omero.server
    done, failed = 0, None
    try:
        for _ in put_pairs(connect(server), pairs):
            done += 1
    except PixmakeError as error:
        failed = error
    yield f"{server}: {done} of {len(pairs)} images have their key-value pairs"
    if failed is not None:
        raise failed
