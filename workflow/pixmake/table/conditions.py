"""Conditions of `images.select` on the cells of a column: the rows for which each holds, and what to tell.

A text is compared with the cells' texts, a number with their values. A filled cell that cannot be compared is
told.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.numerals import Number, number_of, numbers_of
from pixmake.base.query import Query, column_of, compared_numbers, matching, parse_query
from pixmake.base.values import TIMESTAMP, comparable, end_of, is_day, parse_time
from pixmake.config.images import Range
from pixmake.config.scalars import Scalar, scalar_at
from pixmake.table.table import Note, Rows, Table

SHOWN = 3
"""Cells that are shown of those that a note is about."""

MOST_VALUES = 8
"""Values of a column that are shown where one is not among them."""


@dataclass(frozen=True)
class Found:
    """What a condition gives."""

    rows: Rows
    notes: tuple[Note, ...] = ()


def where(table: Table, column: str, wanted: Any, said: str, config: str = "") -> Found:
    """The rows whose cell is a value, one of several, or in a range.

    Parameters
    ----------
    table
        All rows.
    column
        Its name.
    wanted
        As in `pixmake.config.images.Select.where`.
    said
        The condition as a person reads it.
    config
        The file that says so, to tell what YAML made of a value.
    """
    if isinstance(wanted, Range):
        return _in_range(table, column, wanted, said)
    values = wanted if isinstance(wanted, list) else [wanted]
    cells = _Column(table, column)
    rows = np.zeros(len(table), dtype=bool)
    notes: list[Note] = []
    unlike: dict[str, None] = {}
    for number, value in enumerate(values):
        if isinstance(value, datetime.date):
            found = _in_range(table, column, Range(min=value, max=value), said)
            notes += found.notes
            hits = found.rows
        else:
            hits = cells.equal(value)
        rows |= hits
        written = None
        if config and not (isinstance(value, str) and hits.any()):
            written = scalar_at(config, ("images", "select", "where", column, number))
        if len(table) and not hits.any():
            notes.append(_not_there(cells, value, written))
        elif written is not None and _is_misread(cells, written, hits):
            hint = f'YAML reads {written.text} as {comparable(value)}: put it in quotes, "{written.text}"'
            what = f"images.select.where: {column} {written.text} is left out"
            notes.append(Note(what, where=written.place, hint=hint, count=0))
        elif type(value) in (int, float):
            unlike |= dict.fromkeys(_texts_unlike(cells, value, hits))
        if type(value) in (int, float):
            notes += _written_otherwise(cells, value, said)
    return Found(rows, (*notes, *_unlike(unlike, said)))


def matches(table: Table, column: str, expression: str, wanted: bool) -> Found:
    """The rows in whose text an expression is found, or is not."""
    found = re.compile(expression).search
    return Found(_truths((found(text or "") is not None) == wanted for text in table.texts(column)))


def query(table: Table, text: str) -> Found:
    """The rows for which a condition in the syntax of `pixmake.base.query` holds."""
    asked = parse_query(text)
    columns: dict[str, Sequence[Any]] = {}
    spelt: dict[str, Callable[[], Sequence[Sequence[str | None]]]] = {}
    for name in asked.columns:
        column = column_of(name, table.columns) or name
        if column == TIMESTAMP and table.when is not None:
            columns[name] = table.when.tolist()
        else:
            columns[name] = table.cells[column].tolist()
            spelt[name] = partial(table.spellings, column)
    rows = np.array(matching(asked, columns, len(table), spelt), dtype=bool)
    return Found(rows, tuple(_notes_of_query(table, asked, spelt.keys(), f"query {text}")))


def _notes_of_query(table: Table, asked: Query, columns: Container[str], said: str) -> Iterator[Note]:
    """What `where` would tell of the numbers that a condition names."""
    unlike: dict[str, None] = {}
    for compared in dict.fromkeys(compared_numbers(asked)):
        if compared.column not in columns:
            continue
        cells = _Column(table, column_of(compared.column, table.columns) or compared.column)
        if cells.has_texts:
            unlike |= dict.fromkeys(_texts_unlike(cells, compared.number, cells.equal(compared.number)))
            yield from _written_otherwise(cells, compared.number, said, "another value for")
    yield from _unlike(unlike, said)


def within(table: Table, word: str, given: Any) -> Found:
    """The rows from a time on, or up to it."""
    bound = _bound(word, given, last=word == "end")
    assert table.when is not None
    return Found(_between(table.when, *((None, bound) if word == "end" else (bound, None))))


class _Column:
    """A column of a table, for comparisons with single values."""

    def __init__(self, table: Table, name: str) -> None:
        self.table, self.name = table, name
        self.cells: list[Any] = table.cells[name].tolist()

    @cached_property
    def spellings(self) -> list[list[str | None]]:
        """The texts, in all spellings."""
        return self.table.spellings(self.name)

    @property
    def texts(self) -> list[str | None]:
        """The text of each cell."""
        return self.spellings[0]

    @cached_property
    def has_texts(self) -> bool:
        """Whether a cell is a text, or written in another way than its value."""
        return self.name in self.table.written or str in set(map(type, self.cells))

    @cached_property
    def numbers(self) -> Sequence[Number | None]:
        """The cells as numbers."""
        return numbers_of(self.cells).values

    def equal(self, value: Any) -> Rows:
        """The rows whose cell is a value: by its text if that is one, by its number if it is a number."""
        if value is None:
            return _truths(cell is None for cell in self.cells)
        if isinstance(value, bool):
            return _truths(text is not None and text.lower() == comparable(value) for text in self.texts)
        if isinstance(value, str):
            found = _truths(text == value for text in self.texts)
            for texts in self.spellings[1:]:
                found |= _truths(text == value for text in texts)
            return found
        return _truths([number == value for number in self.numbers])


def _texts_unlike(column: _Column, value: Number, hits: Rows) -> list[str]:
    """The texts of the cells that a number finds, where they are not its own: 12.50, for 12.5."""
    if not column.has_texts:
        return []
    texts = dict.fromkeys(column.texts[row] for row in np.flatnonzero(hits).tolist())
    return [text for text in texts if text is not None and text not in (comparable(value), str(value))]


def _unlike(texts: Collection[str], said: str) -> Iterator[Note]:
    if texts:
        what = f"`{said}` compares numbers, and finds cells of other texts"
        hint = "a quoted value finds the cells of its own text alone"
        yield Note(what, detail=_shown(texts, len(texts)), hint=hint, count=0)


def _written_otherwise(
    column: _Column, value: Number, said: str, is_what: str = "left out by"
) -> Iterator[Note]:
    """Cells that are a number as people write it, in a column that has names as well: 090, for 90."""
    if not column.has_texts:
        return
    numbers = column.numbers
    rows = [
        row
        for row, cell in enumerate(column.cells)
        if numbers[row] is None and isinstance(cell, str) and number_of(cell) == value
    ]
    if rows:
        what = f"{column.name} is a text here, and {is_what} `{said}`"
        shown = dict.fromkeys(column.texts[row] for row in rows)
        hint = "write such a value in quotes"
        where = column.table.place(rows[0])
        yield Note(what, where=where, detail=_shown(shown, len(shown)), hint=hint, count=len(rows))


def _is_misread(column: _Column, written: Scalar, hits: Rows) -> bool:
    """Whether a value as it stands in the config is a cell's text, and YAML made something else of it."""
    if written.is_quoted:
        return False
    rows = [row for row, text in enumerate(column.texts) if text == written.text]
    return not hits[rows].all()


def _not_there(column: _Column, value: Any, written: Scalar | None) -> Note:
    """A value that no row has, with those that there are, the nearest first; and what YAML made of it."""
    read = "" if written is None or written.is_quoted else written.text
    there = dict.fromkeys(text for text in column.texts if text is not None)
    by = difflib.SequenceMatcher(b=read or str(comparable(value)))

    def distance(other: str) -> tuple[float, str]:
        by.set_seq1(other)
        return -by.ratio(), other

    nearest = sorted(list(there)[:1000], key=distance)
    hint = f"there are: {_shown(nearest, len(there), MOST_VALUES)}" if there else "all cells are empty"
    shown = repr(value) if isinstance(value, str) else comparable(value) or "an empty cell"
    if read and value is not None and read != str(value):
        hint = f'YAML reads {read} as {shown}: put it in quotes, "{read}"; {hint}'
    where = written.place if written else ""
    return Note(f"images.select.where: no row has {column.name} {shown}", where=where, hint=hint, count=0)


def _in_range(table: Table, column: str, wanted: Range, said: str) -> Found:
    """The rows whose cell lies between two bounds; filled cells that do not compare are told."""
    bounds = [bound for bound in (wanted.min, wanted.max) if bound is not None]
    cells = table.cells[column].tolist()
    if all(isinstance(bound, (int, float)) for bound in bounds):
        least: Any = -np.inf if wanted.min is None else wanted.min
        most: Any = np.inf if wanted.max is None else wanted.max
        numbers = numbers_of(cells)
        rows = _truths(number is not None and least <= number <= most for number in numbers.values)
        return Found(rows, tuple(_uncompared(table, column, numbers.unread, said, "number", numbers.remedy)))
    key = f"where.{column}"
    earliest = None if wanted.min is None else _bound(key, wanted.min, last=False)
    latest = None if wanted.max is None else _bound(key, wanted.max, last=True)
    if column == TIMESTAMP and table.when is not None:
        return Found(_between(table.when, earliest, latest))
    read = {text: _time(text) for text in dict.fromkeys(table.texts(column))}
    texts = table.texts(column)
    times = np.array([read[text] for text in texts], dtype="datetime64[us]")
    unread = [row for row, text in enumerate(texts) if text is not None and read[text] is None]
    remedy = "write dates as 2024-01-31"
    return Found(
        _between(times, earliest, latest), tuple(_uncompared(table, column, unread, said, "date", remedy))
    )


def _uncompared(
    table: Table, column: str, rows: Sequence[int], said: str, kind: str, remedy: str
) -> Iterator[Note]:
    """Filled cells that a comparison leaves out: how many, three of them, and what would read them."""
    if rows:
        texts = table.texts(column)
        shown = dict.fromkeys(texts[row] for row in rows)
        yield Note(
            f"{column} is filled with what is no {kind}, and left out by `{said}`",
            where=table.place(rows[0]),
            detail=_shown(shown, len(shown)),
            hint=remedy,
            count=len(rows),
        )


def _shown(texts: Iterable[Any], count: int, most: int = SHOWN) -> str:
    some = [repr(text) for text, _ in zip(texts, range(most), strict=False)]
    return ", ".join(some) + (", …" if count > most else "")


def _truths(truths: Iterable[bool]) -> Rows:
    return np.array(list(truths), dtype=bool)


def _time(text: str | None) -> datetime.datetime | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        return None


def _between(times: Any, earliest: datetime.datetime | None, latest: datetime.datetime | None) -> Rows:
    found = ~np.isnat(times)
    if earliest is not None:
        found &= times >= np.datetime64(earliest, "us")
    if latest is not None:
        found &= times <= np.datetime64(latest, "us")
    return np.asarray(found, dtype=bool)


def _bound(key: str, given: Any, *, last: bool) -> datetime.datetime:
    """A bound; a bare date is the start of its day, or as the last one its end."""
    try:
        return end_of(given) if last and is_day(given) else parse_time(given)
    except ValueError:
        hint = "e.g. 2024-01-31 or 2024-01-31T17:05:00"
        raise PixmakeError([Problem(f"images.select.{key}: {given!r} is no date", "", hint)]) from None
