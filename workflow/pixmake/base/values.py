"""What a cell of a table says: its value by its own text, what it equals, which time it means.

A cell's text is its identity: ``1.1`` and ``1.10`` have one value, and are two plots.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

TIMESTAMP = "timestamp"
"""The term that says when an image was taken."""

_NEGATIVE = re.compile(r"-(0|[1-9]\d{0,14})")
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,14})\.\d{1,17}([eE][-+]?\d{1,3})?|-?[1-9]e[-+]\d{2,3}")
_DIGITS = "0123456789"
_FIRST = f"-{_DIGITS}"
_LONGEST = 15
_LARGEST = 10**_LONGEST
"""Integers from here on stay text: a column of them with one empty cell would lose digits as floats."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell whose value is not the one that its text has by itself."""

    value: Any
    text: str


def typed_cell(cell: Any) -> Any:
    """A cell's value by itself alone, so that no other row, and no file format, has a say in it.

    Parameters
    ----------
    cell
        Text, a `Cell`, or what JSON, Parquet or Excel hold.

    Returns
    -------
    str, int, float, bool or None
        ``7``, ``-1.5`` and ``1e-07`` are numbers; ``007``, ``1e5`` and ``+3`` are names and stay text, as do
        integers of more than 15 digits. Space around a text is no part of it; nothing but space, and
        NaN, is ``None``. Times become ISO 8601 text, lists and mappings JSON.
    """
    if isinstance(cell, str):
        cell = cell.strip()
        if not cell:
            return None
        if cell[-1] not in _DIGITS or cell[0] not in _FIRST or not cell.isascii():
            return cell
        if cell.isdigit():
            return int(cell) if len(cell) <= _LONGEST and (cell[0] != "0" or cell == "0") else cell
        if _NEGATIVE.fullmatch(cell):
            return int(cell)
        return _number(float(cell), cell) if _DECIMAL.fullmatch(cell) else cell
    return _untyped(cell)


def written(cell: Any, value: Any) -> str | None:
    """The text of a cell, where that is not what its value equals: see `comparable`.

    Parameters
    ----------
    cell
        As `typed_cell` got it.
    value
        As `typed_cell` gave it.

    Examples
    --------
    >>> written("1.10", 1.1), written("1.0", 1.0), written("1.1", 1.1), written(1.0, 1.0)
    ('1.10', '1.0', None, None)
    """
    if isinstance(cell, Cell):
        cell = cell.text
    elif isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if not isinstance(cell, str) or value is None or isinstance(value, str):
        return None
    text = cell.strip()
    return None if text == comparable(value) else text


def _untyped(cell: Any) -> Any:
    """The value of a cell that is no text."""
    if cell is None or isinstance(cell, bool):
        return cell
    if isinstance(cell, Cell):
        return cell.value
    if hasattr(cell, "item"):  # NumPy's own numbers
        cell = cell.item()
    if isinstance(cell, Decimal):
        cell = float(cell) if cell % 1 else int(cell)
    if isinstance(cell, int):
        return cell if -_LARGEST < cell < _LARGEST else str(cell)
    if isinstance(cell, float):
        return None if cell != cell else _number(cell, repr(cell))
    if isinstance(cell, datetime.datetime):
        if cell != cell:  # pandas' NaT
            return None
        if cell.tzinfo is None and cell.time() == datetime.time.min:
            return cell.date().isoformat()
        return cell.isoformat()
    if isinstance(cell, (datetime.date, datetime.time)):
        return cell.isoformat()
    if isinstance(cell, (list, tuple, dict)):
        return json.dumps(cell, ensure_ascii=False, default=str)
    if isinstance(cell, bytes):
        return typed_cell(cell.decode("utf-8", "replace"))
    text = str(cell)
    return None if text in ("<NA>", "NaT") else typed_cell(text)


def _number(value: float, text: str) -> float | str:
    """Infinity has no place in a record, which is JSON."""
    return value if math.isfinite(value) else text


def comparable(value: Any) -> str | None:
    """What a value without a text of its own equals: ``0`` and ``0.0`` are one, and yes is true."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return text.lower() if text.lower() in ("true", "false") else text


def spellings(
    values: Sequence[Any], written: Sequence[str | None] | None = None, *, bare: bool = True
) -> list[list[str | None]]:
    """The text of each cell of a column; and once more, if some cells have no text of their own.

    A file of numbers, such as Parquet, holds 7.0, which a text may call ``7.0`` or ``7``.

    Parameters
    ----------
    values
        Typed cells.
    written
        Their own texts, as `written` gives them; nothing if none has one.
    bare
        Whether there are numbers among them that have no text.

    Examples
    --------
    >>> spellings([1.1, 7], ["1.10", None])
    [['1.10', '7']]
    >>> spellings([7.0, "x"])
    [['7.0', 'x'], ['7', 'x']]
    """
    shown = [value if value is None or type(value) is str else str(value) for value in values]
    own = written or [None] * len(values)
    texts = [said or text for text, said in zip(shown, own, strict=True)] if written else shown
    if not bare:
        return [texts]
    others = [
        comparable(value) if said is None and type(value) in (float, bool) else text
        for value, said, text in zip(values, own, texts, strict=True)
    ]
    return [texts] if others == texts else [texts, others]


def parse_time(text: Any, written: str | None = None) -> datetime.datetime:
    """A timestamp from a table or a config; a zone, if given, is turned into UTC.

    Raises
    ------
    ValueError
        It is none.
    """
    if isinstance(text, datetime.datetime):
        when = text
    elif isinstance(text, datetime.date):
        when = datetime.datetime(text.year, text.month, text.day)
    elif written is not None:
        when = datetime.datetime.strptime(str(text), written)
    else:
        when = datetime.datetime.fromisoformat(str(text).strip())
    if when.tzinfo is not None:
        try:
            when = when.astimezone(datetime.UTC).replace(tzinfo=None)
        except OverflowError as error:
            raise ValueError(str(error)) from None
    return when


def is_day(given: Any) -> bool:
    """Whether a date or its text means a whole day."""
    if isinstance(given, datetime.datetime):
        return False
    return isinstance(given, datetime.date) or bool(
        isinstance(given, str) and re.fullmatch(r"\s*\d{4}-\d{2}-\d{2}\s*", given)
    )


def end_of(given: Any) -> datetime.datetime:
    """The last moment that a date or timestamp means.

    Raises
    ------
    ValueError
        It is none.
    """
    when = parse_time(given)
    if is_day(given):
        when = when.replace(hour=23, minute=59, second=59, microsecond=999999)
    return when


def as_metadata(value: Any) -> Any:
    """A cell as it stands in a record: what JSON has, timestamps as ISO 8601."""
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value
