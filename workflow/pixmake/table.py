"""The table: one row an image, one column a metadata term, and the checks that every source shares."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pixmake.errors import PixmakeError, Problem, nearest

PATH = "path"
TIMESTAMP = "timestamp"

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,14})")
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,14})\.\d{1,15}([eE][-+]?\d{1,2})?")
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class Table:
    """Images and their metadata.

    ``frame`` has one row an image, in the source's order. Its index is the row's number as a person
    counts it in the source; an empty cell is ``None``; numbers are numbers. ``when`` holds the parsed
    timestamps of the same rows, if there is a column ``timestamp``.
    """

    frame: pd.DataFrame
    source: str
    when: pd.Series[Any] | None = None

    @property
    def columns(self) -> list[str]:
        """The metadata terms, ``path`` first."""
        return [PATH, *(str(name) for name in self.frame.columns if name != PATH)]

    def place(self, row: Any) -> str:
        """Where a row stands, for a message."""
        return f"{self.source}, row {row}"

    def keep(self, mask: Any) -> Table:
        """The rows for which the mask is true."""
        when = None if self.when is None else self.when[mask]
        return replace(self, frame=self.frame[mask], when=when)


def make_table(
    rows: Iterable[Sequence[Any]],
    columns: Sequence[str],
    numbers: Sequence[int],
    source: str,
    timestamp_format: str | None = None,
) -> Table:
    """A table from a source's rows: cells typed one by one, timestamps parsed.

    Parameters
    ----------
    rows
        The cells of each row, as text or as they come.
    columns
        Their names; ``path`` among them.
    numbers
        The number of each row in the source.
    source
        What to call the source in messages.
    timestamp_format
        How the column ``timestamp`` is written; ISO 8601 if not given.

    Raises
    ------
    PixmakeError
        With every column and every cell that cannot be used.
    """
    problems = _column_problems(columns, source)
    if problems:
        raise PixmakeError(problems)
    frame = pd.DataFrame(list(rows), columns=list(columns), index=list(numbers), dtype=object)
    for name in frame.columns:
        cells = frame[name]
        typed = {cell: typed_cell(cell) for cell in pd.unique(cells)}
        if name == PATH:
            typed = {cell: None if typed[cell] is None else str(cell) for cell in typed}
        frame[name] = pd.Series([typed[cell] for cell in cells], index=cells.index, dtype=object)
    table = Table(frame, source)
    if TIMESTAMP in frame.columns:
        table, problems = _with_times(table, timestamp_format)
        if problems:
            raise PixmakeError(problems)
    return table


def typed_cell(cell: Any) -> Any:
    """A cell's value by its text alone, so that no other row has a say in it.

    ``7`` and ``-1.5`` are numbers; ``007``, ``1e5`` and ``+3`` are names and stay text; nothing but
    space is ``None``.
    """
    if cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and cell != cell):
        return None
    if not isinstance(cell, str):
        return cell.item() if hasattr(cell, "item") else cell
    if not cell or cell.isspace():
        return None
    if cell.isascii():
        if _INTEGER.fullmatch(cell):
            return int(cell)
        if _DECIMAL.fullmatch(cell):
            return float(cell)
    return cell


def is_remote(path: str) -> bool:
    """Whether a path is a URI such as ``s3://bucket/key``."""
    return _REMOTE.match(path) is not None


def located(path: str, root: str) -> str:
    """A table's path from the working directory, in the plain form that Snakemake wants."""
    if is_remote(path):
        return path
    return os.path.normpath(os.path.join(root, path))


def path_problems(table: Table, root: str) -> list[Problem]:
    """Rows without a path, paths that stand twice, and files that are not there."""
    problems = []
    first: dict[str, Any] = {}
    existing = _Folders()
    for row, path in zip(table.frame.index, table.frame[PATH], strict=True):
        if path is None:
            problems.append(Problem("the path is empty", table.place(row)))
            continue
        full = located(path, root)
        if full in first:
            what = f"{path} stands in row {first[full]} already"
            problems.append(Problem(what, table.place(row), "one row an image"))
            continue
        first[full] = row
        if "\0" in full:
            problems.append(Problem(f"{path!r} is no file name", table.place(row)))
        elif not is_remote(full) and not existing.has(full):
            what = "is a folder" if os.path.isdir(full) else "there is no such file"
            hint = "" if root == "." else f"`root` is {root}"
            problems.append(Problem(f"{full}: {what}", table.place(row), hint))
    return problems


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
        when = when.astimezone(datetime.UTC).replace(tzinfo=None)
    return when


def as_metadata(value: Any) -> Any:
    """A cell as it stands in a record: what JSON has, timestamps as ISO 8601."""
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value


class _Folders:
    """Which files exist, asking for each folder once: ten thousand `stat` calls take seconds on NFS."""

    def __init__(self) -> None:
        self._files: Mapping[str, set[str]] = {}

    def has(self, path: str) -> bool:
        folder, name = os.path.split(path)
        if folder not in self._files:
            self._files = {**self._files, folder: self._list(folder or ".")}
        return name in self._files[folder]

    @staticmethod
    def _list(folder: str) -> set[str]:
        try:
            with os.scandir(folder) as entries:
                return {entry.name for entry in entries if entry.is_file()}
        except OSError:
            return set()


def _column_problems(columns: Sequence[str], source: str) -> list[Problem]:
    problems = []
    for number, name in enumerate(columns, 1):
        if not name.strip():
            problems.append(Problem(f"column {number} has no name", source))
        elif name in columns[: number - 1]:
            problems.append(Problem(f"the column {name!r} stands twice", source))
    if PATH not in columns:
        hint = nearest(PATH, [name for name in columns if name.strip()])
        problems.append(Problem("there is no column 'path'", source, hint))
    return problems


def _with_times(table: Table, written: str | None) -> tuple[Table, list[Problem]]:
    cells = table.frame[TIMESTAMP]
    parsed: dict[Any, datetime.datetime | None] = {None: None}
    bad: dict[Any, str] = {}
    for cell in pd.unique(cells):
        if cell is None:
            continue
        try:
            parsed[cell] = parse_time(cell, written)
        except ValueError:
            expected = f"as in {written}" if written else "e.g. 2024-01-31 or 2024-01-31T17:05:00"
            bad[cell] = expected
    problems = [
        Problem(f"{cell!r} is no timestamp", table.place(row), bad[cell])
        for row, cell in cells.items()
        if cell in bad
    ]
    when = pd.Series([parsed.get(cell) for cell in cells], index=cells.index, dtype=object)
    return replace(table, when=when), problems
