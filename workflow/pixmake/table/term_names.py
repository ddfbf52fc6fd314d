"""What metadata terms are called in the result tables, where a column of ours has the name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixmake.table.table import Note

OURS = ("id", "step")
"""Columns that every result table has of its own."""

WHY = ("error", "message", "log")
"""Columns that the table of failures has besides."""


def column_names(terms: Iterable[str], ours: Sequence[str] = OURS) -> dict[str, str]:
    """The column of each term: its name, or ``table.id`` for ``id``.

    Examples
    --------
    >>> column_names(["path", "id"])
    {'path': 'path', 'id': 'table.id'}
    """
    terms = list(dict.fromkeys(terms))
    names: dict[str, str] = {}
    for term in terms:
        name = term
        while name in ours or (name != term and (name in terms or name in names.values())):
            name = f"table.{name}"
        names[term] = name
    return names


def renaming_notes(terms: Iterable[str]) -> Iterator[Note]:
    """Tell of the terms that the result tables call something else."""
    from pixmake.table.table import Note  # with NumPy, which what writes tables does without

    terms = list(terms)
    everywhere, in_failures = column_names(terms), column_names(terms, (*OURS, *WHY))
    for term in terms:
        where = "the result tables" if everywhere[term] != term else "failures.csv"
        if in_failures[term] != term:
            yield Note(f"the column {term!r} is called {in_failures[term]!r} in {where}", count=0)
