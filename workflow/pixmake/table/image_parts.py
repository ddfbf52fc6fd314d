"""Which part of an image each row of the table means, by columns such as ``t``, ``c``, ``z`` or ``page``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.images.axes import PARTS, Part, is_zarr
from pixmake.images.formats import may_go_on, place_of
from pixmake.table.table import PATH, Table

_IN_IDS = ("scene", "t", "c", "z", "level", "y", "x", "page")
"""What of a part stands in an id: of regions where they begin, as they are of one size."""


def with_parts(table: Table, read_by: Sequence[str] | None) -> Table:
    """The table with the part of its image that each row means.

    Parameters
    ----------
    table
        The rows.
    read_by
        The columns that say so. ``None``: those of `images.axes.PARTS` that are there, for the rows whose
        image is an OME-Zarr; in others, a column ``z`` is mere metadata.

    Raises
    ------
    PixmakeError
        A column is not there, or a cell is no whole number from 0.
    """
    if read_by is None and table.parts is not None:  # the source has said it
        return _with_insides(table)
    columns = list(table.cells)
    unknown = [name for name in read_by or () if name not in columns]
    if unknown:
        what = f"{table.source} has no column"
        raise PixmakeError(
            Problem(f"images.read_by: {what} {name!r}", hint=nearest(name, columns)) for name in unknown
        )
    named = [name for name in PARTS if name in (columns if read_by is None else read_by)]
    paths = table.cells[PATH].tolist()
    if not named or (read_by is None and not any(path is not None and ".zarr" in path for path in paths)):
        return _with_insides(table)
    cells = {name: table.cells[name].tolist() for name in named}
    parts = np.empty(len(paths), dtype=object)
    problems = []
    for row, path in enumerate(paths):
        parts[row] = part = {}
        if path is None or (read_by is None and not is_zarr(path)):
            continue
        for name in named:
            value = cells[name][row]
            if value is None:
                continue
            number = _index(name, value)
            if number is None:
                problems.append(Problem(_unusable(name, value), table.place(row), _HINT))
            else:
                part[name] = number
    if problems:
        raise PixmakeError(problems)
    return _with_insides(replace(table, parts=parts))


def _with_insides(table: Table) -> Table:
    """The table with what paths name inside of files, as ``a.h5/raw`` does, among the parts."""
    paths = table.cells[PATH].tolist()
    if not may_go_on("\n".join(filter(None, paths))):
        return table
    insides = [place_of(path).inside if path else "" for path in paths]
    if not any(insides):
        return table
    parts = np.empty(len(table), dtype=object)
    for row, inside in enumerate(insides):
        parts[row] = {**table.part(row), "inside": inside} if inside else table.part(row)
    return replace(table, parts=parts)


def part_id(part: Part) -> str:
    """A part as the end of an id, such as ``_t0_c1_z3``."""
    return "".join(f"_{name}{part[name]}" for name in _IN_IDS if name in part)


_HINT = "images.read_by names the columns that say which part of an image a row means: [] for none"


def _index(name: str, value: Any) -> int | None:
    whole = type(value) is int or (isinstance(value, float) and value.is_integer())
    least = 1 if name in ("height", "width") else 0
    return int(value) if whole and value >= least else None


def _unusable(name: str, value: Any) -> str:
    if name in ("height", "width"):
        return f"{name}: {value!r} is no number of pixels"
    return f"{name}: {value!r} is no index: a whole number from 0 on"
