"""Export ``flight-profile``: what was measured along a flight, as a CSV by time and altitude."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.config.models import Config
from pixmake.results.read import read_table

SUMMARY = "Write what was measured along a flight as a CSV, by time and altitude."
OUTPUT = "profile.csv"


def add_options(command: argparse.ArgumentParser) -> None:
    """Which pictures."""
    command.add_argument(
        "--above",
        type=float,
        default=0.0,
        metavar="METRES",
        help="only pictures from this altitude on (%(default)s)",
    )


def write(config: Config, target: Path, arguments: argparse.Namespace) -> Iterator[str]:
    """Write a line for each picture that has an altitude, in the order of time."""
    frame = read_table(config.results)
    if "altitude" not in frame:
        raise PixmakeError(
            [Problem("no picture has an altitude", config.results, "they come from a flight_log")]
        )
    found = frame[frame["altitude"].notna() & (frame["altitude"] >= arguments.above)]
    if found.empty:
        raise PixmakeError([Problem(f"no picture was taken from {arguments.above:g} m on", config.results)])
    measured = [name for name in found if found[name].dtype.kind in "if" and name != "altitude"]
    rows = found.sort_values(["time", "id"] if "time" in found else ["altitude", "id"])
    with written_whole(target) as temporary, open(temporary, "w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerow(["id", "altitude", *measured])
        csv.writer(lines).writerows(rows[["id", "altitude", *measured]].itertuples(index=False))
    if left := len(frame) - len(found):
        yield f"note: {left} pictures are left out, below {arguments.above:g} m or without an altitude"
    yield f"wrote {target}: {len(found)} pictures, {len(measured)} measurements"
