"""Which rows of the table are run."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pandas as pd

from pixmake.config import Select
from pixmake.errors import PixmakeError, Problem
from pixmake.table import TIMESTAMP, Table, parse_time


def select_rows(table: Table, select: Select) -> Table:
    """The rows for which every condition holds, in their order.

    Raises
    ------
    PixmakeError
        A condition names a column that is not there, or a time that is none.
    """
    problems = _unknown_columns(table, select)
    bounds: dict[str, datetime.datetime] = {}
    for word in ("start", "end"):
        given = getattr(select, word)
        if given is None:
            continue
        try:
            bounds[word] = _bound(given, last=word == "end")
        except ValueError:
            hint = "e.g. 2024-01-31 or 2024-01-31T17:05:00"
            problems.append(Problem(f"images.select.{word}: {given!r} is no date", "", hint))
    if problems:
        raise PixmakeError(problems)
    for column, wanted in select.where.items():
        allowed = {_comparable(value) for value in (wanted if isinstance(wanted, list) else [wanted])}
        table = table.keep(_mask(table, [_comparable(cell) in allowed for cell in table.frame[column]]))
    for column, expression in select.match.items():
        found = re.compile(expression).search
        texts = ["" if cell is None else str(cell) for cell in table.frame[column]]
        table = table.keep(_mask(table, [found(text) is not None for text in texts]))
    if bounds and table.when is not None:
        start = bounds.get("start", datetime.datetime.min)
        end = bounds.get("end", datetime.datetime.max)
        times = [when is not None and start <= when <= end for when in table.when]
        table = table.keep(_mask(table, times))
    return table


def _mask(table: Table, values: list[bool]) -> pd.Series[bool]:
    return pd.Series(values, index=table.frame.index, dtype=bool)


def _unknown_columns(table: Table, select: Select) -> list[Problem]:
    named = [("where", name) for name in select.where] + [("match", name) for name in select.match]
    if select.start is not None or select.end is not None:
        named.append(("start" if select.start is not None else "end", TIMESTAMP))
    return [
        Problem(
            f"images.select.{key}: {table.source} has no column {name!r}",
            hint="its columns: " + ", ".join(table.columns),
        )
        for key, name in named
        if name not in table.frame.columns
    ]


def _comparable(value: Any) -> str | None:
    """What is compared: the text, so that ``0``, ``"0"`` and ``0.0`` are one value, and yes is true."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return text.lower() if text.lower() in ("true", "false") else text


def _bound(given: Any, *, last: bool) -> datetime.datetime:
    """A bound of the selection; a bare date is the start of its day, or as the last one its end."""
    whole_day = (
        isinstance(given, datetime.date) and not isinstance(given, datetime.datetime)
    ) or re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(given).strip())
    when = parse_time(given)
    if last and whole_day:
        when += datetime.timedelta(days=1) - datetime.timedelta(microseconds=1)
    return when
