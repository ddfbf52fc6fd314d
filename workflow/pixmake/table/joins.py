"""Columns of other tables, added to the images' rows: `images.join`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.numerals import number_of
from pixmake.config.images import Join
from pixmake.table.files import read_file_table
from pixmake.table.look_alikes import folded
from pixmake.table.table import Note, Table, typed_column

Key = tuple[str | None, ...]


def joined(table: Table, join: Join) -> Table:
    """The table with the other table's columns: each image gets those of the one row with its key.

    Keys are compared by their texts: ``1.1`` and ``1.10`` are two. A number of a file that has numbers, and
    not their texts (Parquet, Excel), is the text of that number: ``7`` or ``7.0``.

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
    there = {name: typed_column(cells, name) for name, cells in other.columns.items()}
    theirs = [there[name].spellings() for name in join.on]
    rows, repeated = _rows_by_key(theirs, places)
    if repeated:
        raise PixmakeError(repeated)
    ours = [table.spellings(name) for name in join.on]
    keys = _keys(ours)
    found = _found(ours, keys, rows)
    notes = [*_unused(rows, found, places), *(column.note for column in there.values() if column.note)]
    lacking = [position for position, row in enumerate(found) if row is None]
    if lacking and join.unmatched == "error":
        raise PixmakeError(_unmatched(table, lacking, keys, rows, join))
    words = "is left out" if join.unmatched == "skip" else "has empty cells"
    alike = _alike(rows)
    notes += [
        Note(
            f"is not in {source} by {_named(join.on)}, and {words}",
            where=table.place(row),
            detail=_shown(keys[row]),
            left_out=join.unmatched == "skip",
            hint=_told_alike(keys[row], alike, source),
        )
        for row in lacking
    ]
    columns = {name: _taken(there[name].values, found) for name in added}
    texts = {name: _taken(there[name].written, found) for name in added if there[name].written}
    bare = [name for name in added if there[name].bare]
    table = table.with_columns(columns, texts, bare).noting(notes)
    if join.unmatched == "skip":
        table = table.keep(np.array([row is not None for row in found], dtype=bool))
    return table


Column = list[list[str | None]]
"""The texts of a column of a key, in all spellings; see `pixmake.base.values.spellings`."""


def _taken(cells: Sequence[Any], rows: Sequence[int | None]) -> list[Any]:
    return [None if row is None else cells[row] for row in rows]


def _keys(columns: Sequence[Column]) -> list[Key]:
    return list(zip(*(column[0] for column in columns), strict=True))


def _respelt(columns: Sequence[Column]) -> Iterator[list[Key]]:
    """The keys once more, with the other spelling of one column each."""
    for number, column in enumerate(columns):
        if len(column) > 1:
            yield _keys([*columns[:number], column[1:], *columns[number + 1 :]])


def _rows_by_key(columns: Sequence[Column], places: Sequence[str]) -> tuple[dict[Key, int], list[Problem]]:
    """The row of each key; rows with an empty one have none."""
    rows: dict[Key, int] = {}
    problems = []
    for row, key in enumerate(_keys(columns)):
        if None in key:
            continue
        twin = rows.setdefault(key, row)
        if twin != row:
            what = f"{_shown(key)} stands twice, also in {places[twin].rpartition(', ')[2]}"
            problems.append(Problem(what, places[row], "an image takes the columns of one row"))
    for keys in _respelt(columns):
        for row, key in enumerate(keys):
            if None not in key:
                rows.setdefault(key, row)
    return rows, problems


def _found(columns: Sequence[Column], keys: Sequence[Key], rows: Mapping[Key, int]) -> list[int | None]:
    """The other table's row for each of ours."""
    found = [rows.get(key) for key in keys]
    if None in found:
        for respelt in _respelt(columns):
            found = [rows.get(key) if row is None else row for row, key in zip(found, respelt, strict=True)]
    return found


def _unmatched(
    table: Table, lacking: Sequence[int], keys: Sequence[Key], rows: Mapping[Key, int], join: Join
) -> list[Problem]:
    """A problem for each key that is not there, with its first row and the number of its rows."""
    same: dict[Key, list[int]] = {}
    for row in lacking:
        same.setdefault(keys[row], []).append(row)
    problems: list[Problem] = []
    alike = _alike(rows)
    for key, positions in same.items():
        what = f"{_shown(key)} is not in {join.table.path} by {_named(join.on)}"
        if None in key:
            what = f"{_named(join.on)} is empty, so {join.table.path} has no row for it"
        more = f", and {counted(len(positions) - 1, 'row')} more" if len(positions) > 1 else ""
        hints = [_told_alike(key, alike, join.table.path)]
        if not problems:
            hints.append("`unmatched: skip` leaves such images out, `keep` gives them empty cells")
        problems.append(Problem(what, table.place(positions[0]) + more, "; ".join(filter(None, hints))))
    return problems


def _alike(rows: Mapping[Key, int]) -> dict[Key, Key]:
    """The keys by what is left of them without case, space and zeros in front."""
    return {_folded(key): key for key in rows}


def _told_alike(key: Key, alike: Mapping[Key, Key], source: str) -> str:
    other = alike.get(_folded(key))
    return "" if other is None else f"{source} has {_shown(other)}: keys are compared by their texts"


def _folded(key: Key) -> Key:
    """Without what may be meant to be the same: how numbers are written, too."""
    parts = []
    for part in key:
        number = None if part is None else number_of(part)
        parts.append(str(float(number)) if number is not None else part and folded(part))
    return tuple(parts)


def _unused(rows: Mapping[Key, int], found: Sequence[int | None], places: Sequence[str]) -> list[Note]:
    told = set(found)
    notes = []
    for key, row in rows.items():
        if row not in told:
            told.add(row)
            notes.append(Note("a row that no image takes", where=places[row], detail=_shown(key)))
    return notes


def _named(columns: Sequence[str]) -> str:
    return " and ".join(columns)


def _shown(key: Key) -> str:
    return " and ".join("nothing" if part is None else repr(part) for part in key)
