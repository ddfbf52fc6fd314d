"""What the values of a column are, where the config says so: `images.types`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.numerals import numbers_of
from pixmake.base.values import written
from pixmake.table.table import PATH, Table


def with_types(table: Table, types: Mapping[str, str]) -> Table:
    """The table with the values of some columns as texts, or as numbers; their texts stay.

    Raises
    ------
    PixmakeError
        A column that is not there, and cells that are no number.
    """
    problems = list(_unknown(table, types))
    for column, kind in types.items():
        if column not in table.cells or column == PATH:
            continue
        texts = table.texts(column)
        values: Sequence[Any] = texts
        if kind == "number":
            numbers = numbers_of(table.cells[column].tolist())
            problems += [
                Problem(f"{column}: {texts[row]!r} is no number", table.place(row), numbers.remedy)
                for row in numbers.unread
            ]
            values = numbers.values
        table = _with_values(table, column, values, texts)
    if problems:
        raise PixmakeError(problems)
    return table


def _with_values(table: Table, column: str, values: Sequence[Any], texts: Sequence[str | None]) -> Table:
    """The table with other values of a column; its texts are kept where those do not say them."""
    own = [written(text, value) for value, text in zip(values, texts, strict=True)]
    others = {name: kept for name, kept in table.written.items() if name != column}
    return replace(table, written=others).with_columns({column: values}, {column: own} if any(own) else {})


def _unknown(table: Table, types: Mapping[str, str]) -> Iterator[Problem]:
    for column in types:
        if column not in table.cells:
            what = f"images.types: {table.source} has no column {column!r}"
            yield Problem(what, hint=nearest(column, table.columns))
        elif column == PATH:
            yield Problem(f"images.types: {PATH} is the image itself, and a text", hint="take it out")
