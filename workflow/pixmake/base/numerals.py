"""Numbers as people write them: ``12,5``, ``090``, ``+3``, ``.5``, ``1e-3``.

A cell's own value never depends on other rows (`pixmake.base.values`). A comparison with a number may read
more of a column, since there the whole of it says what its commas mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Number = int | float

_DOTTED = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]{1,3})?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+")
_LONGEST = 40


@dataclass(frozen=True)
class Numbers:
    """A column as numbers."""

    values: Sequence[Number | None]
    """The number of each cell; ``None`` of empty ones, and of those that cannot be read."""
    unread: Sequence[int]
    """The positions of filled cells that are no number."""
    remedy: str = ""
    """What would make numbers of those."""


def numbers_of(cells: Sequence[Any]) -> Numbers:
    """The numbers of a column's cells: of texts, too, if all texts of the column are numbers.

    Parameters
    ----------
    cells
        Typed cells.

    Examples
    --------
    >>> numbers_of(["12,5", 13, None]).values
    [12.5, 13, None]
    >>> numbers_of(["090", "top"]).unread
    [0, 1]
    """
    if set(map(type, cells)) <= {int, float, type(None)}:
        return Numbers(cells, ())
    texts = {cell for cell in cells if isinstance(cell, str)}
    read = _read(texts, any(type(cell) is float for cell in cells)) if texts else {}
    values: list[Number | None] = []
    unread: list[int] = []
    for position, cell in enumerate(cells):
        value = read.get(cell) if isinstance(cell, str) else cell if type(cell) in (int, float) else None
        values.append(value)
        if value is None and cell is not None:
            unread.append(position)
    return Numbers(values, unread, _remedy(texts) if unread else "")


def _read(texts: Iterable[str], has_fractions: bool) -> dict[str, Number]:
    """The number of each text, or of none: then it is not known what a comma is, or some are no numbers."""
    commas = [text for text in texts if "," in text]
    dots = has_fractions or any("." in text for text in texts)
    if commas and not _are_decimal(commas, dots):
        return {}
    read = {text: number_of(text) for text in texts}
    return {} if None in read.values() else {t: value for t, value in read.items() if value is not None}


def _are_decimal(commas: Sequence[str], dots: bool) -> bool:
    """Whether commas are decimal ones: ``1,234`` alone may be a thousand and more."""
    grouped = [text for text in commas if _THOUSANDS.fullmatch(text)]
    return not grouped or (len(grouped) < len(commas) and not dots)


def number_of(text: str) -> Number | None:
    """The number that a text is, its comma a decimal one; ``None`` if it is none."""
    if len(text) > _LONGEST:
        return None
    if _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    elif not _DOTTED.fullmatch(text):
        return None
    if text.lstrip("+-").isdigit():
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else None


def _remedy(texts: Iterable[str]) -> str:
    if any(_THOUSANDS.fullmatch(text) for text in texts):
        return "a comma may be a decimal one or not: write 1234 or 1.234"
    if any(number_of(text) is not None for text in texts):
        return "numbers such as 12,5 and 090 are read where all filled cells of a column are numbers"
    return "write numbers as 12.5, and leave cells without one empty"
