"""Which rows of the table are run: `images.select`, one condition after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.query import QueryError, column_of, parse_query
from pixmake.base.values import TIMESTAMP
from pixmake.config.images import Range, Sample, Select
from pixmake.table import conditions
from pixmake.table.table import PATH, Note, Rows, Table


@dataclass(frozen=True)
class SelectionStep:
    """One condition of `images.select`."""

    what: str
    """The condition as a person reads it, e.g. ``where camera is VIS``."""
    kept: Rows
    """The rows of the whole table that are left after this condition and all before it."""
    notes: tuple[Note, ...] = ()
    """Cells that it could not compare, values that no row has."""


def select_rows(table: Table, select: Select, group_by: Sequence[str] = (), config: str = "") -> Table:
    """The rows for which every condition holds, in their order.

    Raises
    ------
    PixmakeError
        As `selection_steps`.
    """
    steps = selection_steps(table, select, group_by, config)
    notes = [note for step in steps for note in step.notes]
    return table.keep(steps[-1].kept).noting(notes) if steps else table


def selection_steps(
    table: Table, select: Select, group_by: Sequence[str] = (), config: str = ""
) -> list[SelectionStep]:
    """What each condition leaves, in the order in which they are applied.

    Parameters
    ----------
    table
        All rows.
    select
        The conditions. ``sample`` and ``first`` come last and count whole groups.
    group_by
        The columns whose values make a group.
    config
        The file that says so, for messages.

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
    for key, what, condition in _conditions(table, select, config):
        notes: tuple[Note, ...] = ()
        try:
            found = condition()
            kept, notes = kept & found.rows, found.notes
        except PixmakeError as error:
            problems += error.problems
        except QueryError as error:
            problems.append(Problem(f"images.select.{key}: {error}", table.place(error.row)))
        steps.append(SelectionStep(what, kept, notes))
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


def _conditions(
    table: Table, select: Select, config: str
) -> Iterator[tuple[str, str, Callable[[], conditions.Found]]]:
    """Each condition: the key, what it says, and what finds its rows."""
    for column, wanted in select.where.items():
        said = f"where {column} is {_said(wanted)}"
        yield f"where.{column}", said, partial(conditions.where, table, column, wanted, said, config)
    for column, expression in select.match.items():
        said = f"match {column}: {expression}"
        yield f"match.{column}", said, partial(conditions.matches, table, column, expression, True)
    for column, expression in select.not_match.items():
        said = f"not_match {column}: {expression}"
        yield f"not_match.{column}", said, partial(conditions.matches, table, column, expression, False)
    if select.query is not None:
        yield "query", f"query {select.query}", partial(conditions.query, table, select.query)
    for word in ("start", "end"):
        given = getattr(select, word)
        if given is not None:
            yield word, f"{word} {given}", partial(conditions.within, table, word, given)


def _said(wanted: Any) -> str:
    if isinstance(wanted, Range):
        bounds = [("at least", wanted.min), ("at most", wanted.max)]
        return " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
    values = wanted if isinstance(wanted, list) else [wanted]
    return " or ".join("empty" if value is None else str(value) for value in values)


def _units(table: Table, kept: Rows, group_by: Sequence[str]) -> list[tuple[Any, list[int]]]:
    """The groups of the rows that are kept, in the order of their first rows: name and positions."""
    positions = np.flatnonzero(kept).tolist()
    paths = table.cells[PATH].tolist()
    if not group_by:
        return [(paths[row], [row]) for row in positions]
    columns = [
        table.when.tolist() if name == TIMESTAMP and table.when is not None else table.keys(name)
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
    columns = [table.texts(name) for name in sample.per]
    for name, rows in _units(table, kept, group_by):
        rank = hashlib.blake2b(repr(name).encode("utf-8", "surrogateescape"), digest_size=8).digest()
        stratum = tuple(column[rows[0]] for column in columns)
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
