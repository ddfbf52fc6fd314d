"""Which rows of the table are run: `images.select`, one condition after the other."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.query import QueryError, column_of, matching, parse_query
from pixmake.base.values import TIMESTAMP, comparable, end_of, is_day, parse_time
from pixmake.config.images import Range, Sample, Select
from pixmake.table.table import PATH, Rows, Table


@dataclass(frozen=True)
class SelectionStep:
    """One condition of `images.select`."""

    what: str
    """The condition as a person reads it, e.g. ``where camera is VIS``."""
    kept: Rows
    """The rows of the whole table that are left after this condition and all before it."""


def select_rows(table: Table, select: Select, group_by: Sequence[str] = ()) -> Table:
    """The rows for which every condition holds, in their order.

    Raises
    ------
    PixmakeError
        As `selection_steps`.
    """
    steps = selection_steps(table, select, group_by)
    return table.keep(steps[-1].kept) if steps else table


def selection_steps(table: Table, select: Select, group_by: Sequence[str] = ()) -> list[SelectionStep]:
    """What each condition leaves, in the order in which they are applied.

    Parameters
    ----------
    table
        All rows.
    select
        The conditions. ``sample`` and ``first`` come last and count whole groups.
    group_by
        The columns whose values make a group.

    Returns
    -------
    list of SelectionStep
        One for each condition; empty if there is none.

    Raises
    ------
    PixmakeError
        A condition names a column that is not there, a time that is none, or does not fit a cell.
    """
    problems = list(_unknown_columns(table, select))
    if problems:
        raise PixmakeError(problems)
    steps: list[SelectionStep] = []
    kept = np.ones(len(table), dtype=bool)
    for key, what, condition in _conditions(table, select):
        try:
            kept = kept & condition()
        except PixmakeError as error:
            problems += error.problems
        except QueryError as error:
            problems.append(Problem(f"images.select.{key}: {error}", table.place(error.row)))
        steps.append(SelectionStep(what, kept))
    if problems:
        raise PixmakeError(problems)
    if select.sample is not None:
        kept = _sampled(table, kept, select.sample, group_by)
        per = f" per {', '.join(select.sample.per)}" if select.sample.per else ""
        steps.append(SelectionStep(f"sample {select.sample.n}{per}", kept))
    if select.first is not None:
        kept = _first(table, kept, select.first, group_by)
        steps.append(SelectionStep(f"first {select.first}", kept))
    return steps


def _conditions(table: Table, select: Select) -> Iterator[tuple[str, str, Callable[[], Rows]]]:
    """Each condition: the key, what it says, and what finds its rows."""
    for column, wanted in select.where.items():
        said = f"where {column} is {_said(wanted)}"
        yield f"where.{column}", said, partial(_where, table, column, wanted)
    for column, expression in select.match.items():
        said = f"match {column}: {expression}"
        yield f"match.{column}", said, partial(_matches, table, column, expression, True)
    for column, expression in select.not_match.items():
        said = f"not_match {column}: {expression}"
        yield f"not_match.{column}", said, partial(_matches, table, column, expression, False)
    if select.query is not None:
        yield "query", f"query {select.query}", partial(_query, table, select.query)
    for word in ("start", "end"):
        given = getattr(select, word)
        if given is not None:
            yield word, f"{word} {given}", partial(_within, table, word, given)


def _said(wanted: Any) -> str:
    if isinstance(wanted, Range):
        bounds = [("at least", wanted.min), ("at most", wanted.max)]
        return " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
    values = wanted if isinstance(wanted, list) else [wanted]
    return " or ".join("empty" if value is None else str(value) for value in values)


def _each(cells: Sequence[Any], holds: Callable[[Any], bool]) -> Rows:
    return np.fromiter((holds(cell) for cell in cells), dtype=bool, count=len(cells))


def _where(table: Table, column: str, wanted: Any) -> Rows:
    cells = table.cells[column].tolist()
    if isinstance(wanted, Range):
        return _in_range(table, column, cells, wanted)
    values = wanted if isinstance(wanted, list) else [wanted]
    allowed = {comparable(value) for value in values if not isinstance(value, datetime.date)}
    found = _each(cells, lambda cell: comparable(cell) in allowed)
    for value in values:
        if isinstance(value, datetime.date):
            found |= _in_range(table, column, cells, Range(min=value, max=value))
    return found


def _in_range(table: Table, column: str, cells: Sequence[Any], wanted: Range) -> Rows:
    """Cells that are no number, or no time, are in no range."""
    bounds = [bound for bound in (wanted.min, wanted.max) if bound is not None]
    if all(isinstance(bound, (int, float)) for bound in bounds):
        least = -np.inf if wanted.min is None else wanted.min
        most = np.inf if wanted.max is None else wanted.max
        return _each(
            cells,
            lambda cell: (
                isinstance(cell, (int, float)) and not isinstance(cell, bool) and least <= cell <= most  # type: ignore[operator]
            ),
        )
    key = f"where.{column}"
    earliest = None if wanted.min is None else _bound(key, wanted.min, last=False)
    latest = None if wanted.max is None else _bound(key, wanted.max, last=True)
    if column == TIMESTAMP and table.when is not None:
        return _between(table.when, earliest, latest)
    times = np.array([_time(cell) for cell in cells], dtype="datetime64[us]")
    return _between(times, earliest, latest)


def _time(cell: Any) -> datetime.datetime | None:
    try:
        return parse_time(cell) if isinstance(cell, str) else None
    except ValueError:
        return None


def _between(times: Any, earliest: datetime.datetime | None, latest: datetime.datetime | None) -> Rows:
    found = ~np.isnat(times)
    if earliest is not None:
        found &= times >= np.datetime64(earliest, "us")
    if latest is not None:
        found &= times <= np.datetime64(latest, "us")
    return np.asarray(found, dtype=bool)


def _matches(table: Table, column: str, expression: str, wanted: bool) -> Rows:
    found = re.compile(expression).search
    cells = table.cells[column].tolist()
    return _each(cells, lambda cell: (found("" if cell is None else str(cell)) is not None) == wanted)


def _query(table: Table, text: str) -> Rows:
    query = parse_query(text)
    columns = {}
    for name in query.columns:
        column = column_of(name, table.columns) or name
        if column == TIMESTAMP and table.when is not None:
            columns[name] = table.when.tolist()
        else:
            columns[name] = table.cells[column].tolist()
    return np.array(matching(query, columns, len(table)), dtype=bool)


def _within(table: Table, word: str, given: Any) -> Rows:
    bound = _bound(word, given, last=word == "end")
    assert table.when is not None
    return _between(table.when, *((None, bound) if word == "end" else (bound, None)))


def _bound(key: str, given: Any, *, last: bool) -> datetime.datetime:
    """A bound; a bare date is the start of its day, or as the last one its end."""
    try:
        return end_of(given) if last and is_day(given) else parse_time(given)
    except ValueError:
        hint = "e.g. 2024-01-31 or 2024-01-31T17:05:00"
        raise PixmakeError([Problem(f"images.select.{key}: {given!r} is no date", "", hint)]) from None


def _units(table: Table, kept: Rows, group_by: Sequence[str]) -> list[tuple[Any, list[int]]]:
    """The groups of the rows that are kept, in the order of their first rows: name and positions."""
    positions = np.flatnonzero(kept).tolist()
    paths = table.cells[PATH].tolist()
    if not group_by:
        return [(paths[row], [row]) for row in positions]
    columns = [
        table.when.tolist() if name == TIMESTAMP and table.when is not None else table.cells[name].tolist()
        for name in group_by
        if name in table.cells  # an unknown one is told when groups are made
    ]
    units: dict[Any, list[int]] = {}
    for row in positions:
        key = tuple(column[row] for column in columns)
        units.setdefault((paths[row], row) if None in key else key, []).append(row)
    return list(units.items())


def _sampled(table: Table, kept: Rows, sample: Sample, group_by: Sequence[str]) -> Rows:
    """As many groups as asked for, chosen by a hash of their names: other rows have little say in it."""
    strata: dict[Any, list[tuple[bytes, list[int]]]] = {}
    columns = [table.cells[name].tolist() for name in sample.per]
    for name, rows in _units(table, kept, group_by):
        rank = hashlib.blake2b(repr(name).encode("utf-8", "surrogateescape"), digest_size=8).digest()
        stratum = tuple(comparable(column[rows[0]]) for column in columns)
        strata.setdefault(stratum, []).append((rank, rows))
    chosen = np.zeros(len(kept), dtype=bool)
    for units in strata.values():
        for _, rows in sorted(units)[: sample.n]:
            chosen[rows] = True
    return chosen


def _first(table: Table, kept: Rows, count: int, group_by: Sequence[str]) -> Rows:
    chosen = np.zeros(len(kept), dtype=bool)
    for _, rows in _units(table, kept, group_by)[:count]:
        chosen[rows] = True
    return chosen


def _unknown_columns(table: Table, select: Select) -> Iterator[Problem]:
    named = [(key, name) for key in ("where", "match", "not_match") for name in getattr(select, key)]
    if select.query is not None:
        query = parse_query(select.query)
        named += [("query", name) for name in query.columns if column_of(name, table.columns) is None]
    if select.start is not None or select.end is not None:
        named.append(("start" if select.start is not None else "end", TIMESTAMP))
    if select.sample is not None:
        named += [("sample.per", name) for name in select.sample.per]
    for key, name in named:
        if name not in table.cells:
            what = f"images.select.{key}: {table.source} has no column {name!r}"
            yield Problem(what, hint="its columns: " + ", ".join(table.columns))
