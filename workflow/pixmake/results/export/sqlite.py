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

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.results.export import Put
from pixmake.results.tables import NOT_FINITE, Column, Table

_TYPES = {"integer": "INTEGER", "number": "REAL", "bool": "INTEGER", "text": "TEXT"}
_IDENTITY = {"id", "step"}


@contextmanager
def sqlite_tables(tables: Sequence[Table], path: str | Path) -> Iterator[Mapping[str, Put]]:
    """Open a database with all tables, and give for each a function that takes its rows.

    Raises
    ------
    PixmakeError
        A table has more columns than SQLite takes.
    """
    with written_whole(path) as temporary, closing(sqlite3.connect(temporary)) as database:
        # the file is renamed when it is whole, so a journal would protect nothing
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        puts = {table.name: _create(database, table) for table in tables}
        yield puts
        for table in tables:
            if set(table.header) >= _IDENTITY:
                database.execute(f'CREATE INDEX "{table.name}_by_id" ON "{table.name}" (id, step)')
        database.commit()


def _create(database: sqlite3.Connection, table: Table) -> Put:
    seen: set[str] = set()
    names = []
    for column in table.columns:  # SQLite's names differ by more than case
        name = column.name
        while name.lower() in seen:
            name += "_"
        seen.add(name.lower())
        names.append(f"{_quoted(name)} {_TYPES[column.type]}")
    try:
        database.execute(f"CREATE TABLE {_quoted(table.name)} ({', '.join(names)})")
        insert = f"INSERT INTO {_quoted(table.name)} VALUES ({', '.join('?' * len(names))})"
        return partial(_put, database, insert, table.columns)
    except sqlite3.OperationalError as error:
        what = f"a table of {len(names)} columns does not fit into SQLite: {error}"
        raise PixmakeError([Problem(what, "aggregate.tables", "take parquet instead of sqlite")]) from None


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
