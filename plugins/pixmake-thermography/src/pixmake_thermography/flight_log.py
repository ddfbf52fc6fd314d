"""Source ``flight_log``: the log of a drone, a line for each picture that its camera took."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.base_model import Model
from pixmake.table.files import read_text
from pixmake.table.table import PATH, Note, Table, make_table


class Keys(Model):
    """The log of a drone. A text alone is its `path`."""

    path: str
    """The log: CSV with a column `file`; paths start from its folder."""

    lowest: float = 0
    """Metres above ground: pictures taken below are left out and reported."""


def read(keys: Keys) -> Table:
    """Read the log: a row for each picture, in the order of the flight.

    Raises
    ------
    PixmakeError
        It cannot be read, has no column ``file`` or no picture, or an altitude is no number.
    """
    lines = list(csv.DictReader(read_text(Path(keys.path)).splitlines()))
    if not lines or "file" not in lines[0]:
        raise PixmakeError([Problem("names no picture", keys.path, "a line `file,altitude`, then pictures")])
    rows, notes = [], []
    for number, line in enumerate(lines, start=2):
        where = f"{keys.path}, line {number}"
        try:
            is_low = float(line.get("altitude") or "inf") < keys.lowest
        except ValueError:
            what = f"altitude: {line['altitude']!r} is no number"
            raise PixmakeError([Problem(what, where, "metres above ground")]) from None
        if is_low:
            notes.append(Note(f"taken below {keys.lowest:g} m", line["file"], where))
        else:
            rows.append((f"line {number}", line))
    columns = {PATH if name == "file" else name: [line[name] for _, line in rows] for name in lines[0]}
    root = os.path.dirname(keys.path) or "."
    return make_table(columns, [label for label, _ in rows], keys.path, root, notes)
