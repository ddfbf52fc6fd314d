"""All tables in one SQLite file, which R, Python, DuckDB and spreadsheets open without a server.

SQLite and not DuckDB: it comes with Python, its file format has stayed readable for twenty years, and
DuckDB reads it (``ATTACH 'tables.sqlite'``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.results.export import Writing
from pixmake.results.tables import NOT_FINITE, Column, Table

_TYPES = {"integer": "INTEGER", "number": "REAL", "bool": "INTEGER", "text": "TEXT"}
_IDENTITY = {"id", "step"}
_ROW_NUMBERS = ("rowid", "_rowid_", "oid")
"""What SQLite calls the number of a row, each as long as no column is called so."""


def can_copy(tables: Sequence[Table]) -> bool:
    """Whether rows can be told by their numbers in each of some tables."""
    return all(_row_number(table) for table in tables)


@contextmanager
def sqlite_tables(
    tables: Sequence[Table], path: str | Path, old: str | Path | None = None
) -> Iterator[Mapping[str, Writing]]:
    """Open a database with all tables, and give for each what takes its rows.

    Parameters
    ----------
    tables
        The tables.
    path
        Where it is to be.
    old
        The database of before, with the same tables, whose rows may be copied; see `can_copy`.

    Raises
    ------
    PixmakeError
        A table has more columns than SQLite takes.
    """
    with (
        written_whole(path) as temporary,
        closing(sqlite3.connect(f"file:{quote(str(temporary))}", uri=True)) as database,
    ):
        # the file is renamed when it is whole, so a journal would protect nothing
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        if old is not None:
            database.execute("ATTACH DATABASE ? AS old", [f"file:{quote(str(old))}?immutable=1"])
        yield {table.name: _create(database, table) for table in tables}
        for table in tables:
            if set(table.header) >= _IDENTITY:
                database.execute(f'CREATE INDEX main."{table.name}_by_id" ON "{table.name}" (id, step)')
        database.commit()


def _create(database: sqlite3.Connection, table: Table) -> Writing:
    seen: set[str] = set()
    names = []
    for column in table.columns:  # SQLite's names differ by more than case
        name = column.name
        while name.lower() in seen:
            name += "_"
        seen.add(name.lower())
        names.append(f"{_quoted(name)} {_TYPES[column.type]}")
    quoted = _quoted(table.name)
    try:
        database.execute(f"CREATE TABLE main.{quoted} ({', '.join(names)})")
        insert = f"INSERT INTO main.{quoted} VALUES ({', '.join('?' * len(names))})"
    except sqlite3.OperationalError as error:
        what = f"a table of {len(names)} columns does not fit into SQLite: {error}"
        raise PixmakeError([Problem(what, "aggregate.tables", "take parquet instead of sqlite")]) from None
    number = _row_number(table)
    copied = f"INSERT INTO main.{quoted} SELECT * FROM old.{quoted} WHERE {number} > ? AND {number} <= ?"

    def copy(first: int, count: int) -> None:
        if count:
            database.execute(f"{copied} ORDER BY {number}", [first, first + count])

    return Writing(partial(_put, database, insert, table.columns), copy)


def _row_number(table: Table) -> str:
    names = {name.lower() for name in table.header}
    return next((name for name in _ROW_NUMBERS if name not in names), "")


def _put(database: sqlite3.Connection, insert: str, columns: Sequence[Column], row: Sequence[Any]) -> None:
    database.execute(insert, [_typed(column, value) for column, value in zip(columns, row, strict=True)])


def _typed(column: Column, value: Any) -> Any:
    if column.type == "number" and value in NOT_FINITE:
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return float(value)
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
