"""Tables as CSV, which a spreadsheet opens as they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.results.export import Put
from pixmake.results.tables import NOT_FINITE, Table

BOM = "\ufeff"
"""What Excel needs at the start of a file to read its umlauts."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def csv_table(table: Table, path: str | Path, *, bom: bool = False) -> Iterator[Put]:
    """Open a CSV: UTF-8, commas, lines ended by a newline on every platform.

    Parameters
    ----------
    table
        Its columns.
    path
        Where it is to be.
    bom
        Start it with a byte order mark.
    """
    with written_whole(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as lines:
        if bom:
            lines.write(BOM)
        write = csv.writer(lines, lineterminator="\n").writerow
        write([harmless(name) for name in table.header])

        def put(row: Sequence[Any]) -> None:
            write([harmless(value) for value in row])

        yield put


def csv_head(table: Table, *, bom: bool = False) -> bytes:
    """What stands before the first row of a CSV, as `csv_table` writes it."""
    return (BOM if bom else "").encode() + csv_rows([table.header])


def csv_rows(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as `csv_table` writes them."""
    lines = io.StringIO(newline="")
    csv.writer(lines, lineterminator="\n").writerows([harmless(value) for value in row] for row in rows)
    return lines.getvalue().encode()


def harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: a text that looks like one gets a ``'`` before it.

    Examples
    --------
    >>> harmless("=HYPERLINK(A1)"), harmless("-1.5"), harmless("plant 7"), harmless(-3)
    ("'=HYPERLINK(A1)", '-1.5', 'plant 7', -3)
    """
    if not isinstance(value, str) or _is_number(value):
        return value
    # what looks as if it had got its quote here gets one too, so that `as_it_was` has no doubt
    return f"'{value}" if value.lstrip("'").startswith(_FORMULA) else value


def as_it_was(text: str) -> str:
    """A text before `harmless`."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_FORMULA) else text


def _is_number(text: str) -> bool:
    if text in NOT_FINITE:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
