"""Tables whose files are no text: rows of records that are as they were are copied from those of before.

As `pixmake.results.kept_parts` does it with bytes. What is kept of a record is how many rows of each table
are its own; a format copies rows by their numbers, in its own way, and writes the same file by both ways.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from pixmake.results.export import Writing
from pixmake.results.kept_parts import Memory, Parts, check_of, runs

Rows = Sequence[Sequence[Any]]


def library_versions(formats: Sequence[str]) -> str:
    """The versions of what writes these formats, each of which has bytes of its own."""
    found = [sqlite3.sqlite_version] if "sqlite" in formats else []
    if "parquet" in formats:
        try:
            import pyarrow
        except ImportError:
            return ""  # whoever opens the file says so
        found.append(pyarrow.__version__)
    return " ".join(found)


def write_rows(
    memory: Memory,
    parts: Parts,
    files: Mapping[str, str | Path],
    opened: Callable[[Mapping[str, Path]], AbstractContextManager[Mapping[str, Sequence[Writing]]]],
    make: Callable[[int], Mapping[str, Rows]],
) -> None:
    """Write tables of which the rows of some records are known.

    Parameters
    ----------
    memory
        What was there before.
    parts
        What is to be there, a part a record; the number of rows of each is filled in.
    files
        By name the path of each file.
    opened
        Opens them, given the files of before, if there are any: by table what takes its rows.
    make
        Gives the rows of a record, by table.
    """
    with ExitStack() as stack:
        old = stack.enter_context(memory.old(list(files), parts.said)) is not None
        before = memory.before
        tables = stack.enter_context(opened({name: memory.path(name) for name in files} if old else {}))
        numbers = before.numbers() if old else {}
        starts = {table: before.starts(table) for table in tables} if old else {}
        lengths = {table: array("I") for table in tables}
        for first, begin, count in runs(numbers, parts.keys):
            if first is not None:
                for table, writings in tables.items():
                    of_parts = before.lengths[table][first : first + count]
                    for writing in writings:
                        writing.copy(starts[table][first], sum(of_parts))
                    lengths[table].extend(of_parts)
                continue
            for number in range(begin, begin + count):
                made = make(number)
                for table, writings in tables.items():
                    rows = made.get(table, ())
                    for row in rows:
                        for writing in writings:
                            writing.put(row)
                    lengths[table].append(len(rows))
    parts.heads, parts.lengths = dict.fromkeys(lengths, 0), lengths
    for name, path in files.items():
        with open(path, "rb") as file:
            parts.checks[name] = check_of(file)
    memory.keep(parts, files)
