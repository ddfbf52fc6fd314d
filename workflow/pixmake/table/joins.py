"""Columns of other tables, added to the images' rows: `images.join`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.values import comparable
from pixmake.config.images import Join
from pixmake.table.files import read_file_table
from pixmake.table.table import Note, Table, typed_cells

Key = tuple[str | None, ...]


def joined(table: Table, join: Join) -> Table:
    """The table with the other table's columns: each image gets those of the one row with its key.

    Keys are compared as `where` compares values: ``7``, ``7.0`` and ``"7"`` are one.

    Raises
    ------
    PixmakeError
        A key that stands twice in the other table, or that it does not have, with the rows; a column
        that both tables have, or that one lacks.
    """
    source = join.table.path
    problems = [
        Problem(
            f"images.join: {table.source} has no column {name!r}",
            hint="its columns: " + ", ".join(table.columns),
        )
        for name in join.on
        if name not in table.cells
    ]
    other = read_file_table(join.table, join.on)
    added = [name for name in other.columns if name not in join.on]
    problems += [
        Problem(
            f"images.join: both {table.source} and {source} have a column {name!r}", hint="rename one of them"
        )
        for name in added
        if name in table.cells
    ]
    if problems:
        raise PixmakeError(problems)
    places = [f"{source}, row {number}" for number in other.numbers]
    rows, repeated = _rows_by_key(_keys([typed_cells(other.columns[name]) for name in join.on]), places)
    if repeated:
        raise PixmakeError(repeated)
    keys = _keys([table.cells[name].tolist() for name in join.on])
    found = [rows.get(key) for key in keys]
    notes = _unused(rows, keys, places)
    lacking = [position for position, row in enumerate(found) if row is None]
    if lacking and join.unmatched == "error":
        raise PixmakeError(_unmatched(table, lacking, keys, join))
    words = "is left out" if join.unmatched == "skip" else "has empty cells"
    notes += [
        Note(
            f"is not in {source} by {_named(join.on)}, and {words}",
            where=table.place(row),
            detail=_shown(keys[row]),
            left_out=join.unmatched == "skip",
        )
        for row in lacking
    ]
    columns = {}
    for name in added:
        cells = typed_cells(other.columns[name])
        columns[name] = [None if row is None else cells[row] for row in found]
    table = table.with_columns(columns).noting(notes)
    if join.unmatched == "skip":
        table = table.keep(np.array([row is not None for row in found], dtype=bool))
    return table


def _keys(columns: Sequence[Sequence[Any]]) -> list[Key]:
    return list(zip(*([comparable(cell) for cell in cells] for cells in columns), strict=True))


def _rows_by_key(keys: Sequence[Key], places: Sequence[str]) -> tuple[dict[Key, int], list[Problem]]:
    """The row of each key; rows with an empty one have none."""
    rows: dict[Key, int] = {}
    problems = []
    for row, key in enumerate(keys):
        if None in key:
            continue
        twin = rows.setdefault(key, row)
        if twin != row:
            what = f"{_shown(key)} stands twice, also in {places[twin].rpartition(', ')[2]}"
            problems.append(Problem(what, places[row], "an image takes the columns of one row"))
    return rows, problems


def _unmatched(table: Table, lacking: Sequence[int], keys: Sequence[Key], join: Join) -> list[Problem]:
    """A problem for each key that is not there, with its first row and the number of its rows."""
    same: dict[Key, list[int]] = {}
    for row in lacking:
        same.setdefault(keys[row], []).append(row)
    problems: list[Problem] = []
    for key, rows in same.items():
        what = f"{_shown(key)} is not in {join.table.path} by {_named(join.on)}"
        if None in key:
            what = f"{_named(join.on)} is empty, so {join.table.path} has no row for it"
        more = f", and {len(rows) - 1} rows more" if len(rows) > 1 else ""
        hint = "" if problems else "`unmatched: skip` leaves such images out, `keep` gives them empty cells"
        problems.append(Problem(what, table.place(rows[0]) + more, hint))
    return problems


def _unused(rows: dict[Key, int], keys: Sequence[Key], places: Sequence[str]) -> list[Note]:
    used = set(keys)
    return [
        Note("a row that no image takes", where=places[row], detail=_shown(key))
        for key, row in rows.items()
        if key not in used
    ]


def _named(columns: Sequence[str]) -> str:
    return " and ".join(columns)


def _shown(key: Key) -> str:
    return " and ".join("nothing" if part is None else repr(part) for part in key)
