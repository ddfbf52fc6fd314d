"""Tables in files, told apart by their suffix: CSV, TSV, Parquet, Excel, JSON records, NDJSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.base.errors import MissingExtraError, PixmakeError, Problem, nearest
from pixmake.config.images import File
from pixmake.images.remote.objects import RemoteError, opened
from pixmake.images.remote.uris import is_remote
from pixmake.table.table import column_problems

DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class FileTable:
    """What a file holds, not yet typed."""

    columns: Mapping[str, Sequence[Any]]
    """The cells of each column."""
    numbers: Sequence[int]
    """The number of each row as a person counts it."""


def read_file_table(file: File, needed: Sequence[str]) -> FileTable:
    """Read a table from a file.

    Parameters
    ----------
    file
        The file; its suffix says how it is read, and an unknown one is delimited text.
    needed
        Columns that must be there.

    Returns
    -------
    FileTable
        Rows of delimited text and of Excel are numbered as a spreadsheet shows them, the header being row
        1; lines of NDJSON by line; records of JSON and rows of Parquet from 1.

    Raises
    ------
    PixmakeError
        The file cannot be read, rows do not fit its header, or columns are missing or stand twice.
    """
    if is_remote(file.path):
        return _of_object(file, needed)
    path = Path(file.path)
    suffix = path.suffix.lower()
    read = _READERS.get(suffix, _delimited)
    if file.sheet is not None and read is not _excel:
        raise PixmakeError([Problem("has no sheets", file.path, "`sheet` is for Excel files")])
    header, columns, numbers = read(path, file.sheet)
    if not header:
        hint = f"it needs a header with a column `{needed[0]}`"
        raise PixmakeError([Problem("is empty", file.path, hint)])
    problems = column_problems(header, file.path, needed)
    if problems:
        raise PixmakeError(problems)
    return FileTable(dict(zip(header, columns, strict=True)), numbers)


def _of_object(file: File, needed: Sequence[str]) -> FileTable:
    """The same for a table at a URI, through its local copy."""
    try:
        with opened(file.path) as copy:
            try:
                return read_file_table(file.model_copy(update={"path": copy}), needed)
            except PixmakeError as error:
                told = [(each.what, each.where, each.hint) for each in error.problems]
                raise PixmakeError(
                    Problem(*(text.replace(copy, file.path) for text in texts)) for texts in told
                ) from None
    except RemoteError as error:
        where, _, what = str(error).partition(": ")
        raise PixmakeError([Problem(what, where)]) from None


Read = tuple[list[str], list[Sequence[Any]], Sequence[int]]
"""The header, the cells of each column, the number of each row."""


def _delimited(path: Path, sheet: str | None) -> Read:
    """Fields quoted with ``"``; the delimiter is found, or named by Excel's first line ``sep=;``."""
    text, delimiter = _without_sep(read_text(path))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or sniffed(text), strict=True)
    lines: list[list[str]] = []
    problems = []
    try:
        for line in reader:
            lines.append(line)
    except csv.Error as error:
        problems.append(Problem(f"cannot be read: {error}", f"{path}, line {reader.line_num}"))
    first = next((at for at, line in enumerate(lines) if _is_written(line)), len(lines))
    header = [name.strip() for name in lines[first]] if first < len(lines) else []
    rows = lines[first + 1 :]
    numbers: Sequence[int] = range(first + 2, len(lines) + 1)
    if not (set(map(len, rows)) <= {len(header)} and all(row[0].strip() for row in rows)):
        rows, numbers, unfit = _of_one_length(rows, len(header), first + 2, path)
        problems = [*unfit, *problems]
    if problems:
        raise PixmakeError(problems)
    width = len(header)
    while header and not header[-1] and not any(row[len(header) - 1].strip() for row in rows):
        header.pop()  # spreadsheets write columns that were cleared
    if len(header) < width:
        rows = [row[: len(header)] for row in rows]
    return header, _turned(header, rows), numbers


def _of_one_length(
    rows: Sequence[list[str]], width: int, first: int, path: Path
) -> tuple[list[list[str]], Sequence[int], list[Problem]]:
    """The rows with something in them, and their numbers; and what is wrong with the others."""
    fit, numbers, problems = [], [], []
    for number, row in enumerate(rows, first):
        if not _is_written(row):
            continue
        if len(row) < width or _is_written(row[width:]):
            what = f"{len(row)} fields, but the header has {width}"
            problems.append(Problem(what, f"{path}, row {number}"))
            continue
        fit.append(row[:width])
        numbers.append(number)
    return fit, numbers, problems


def _is_written(fields: Sequence[str]) -> bool:
    return any(field.strip() for field in fields)


_SEP = re.compile(r'"?sep=(.)"?[ \t;,|]*(\r\n|\r|\n|$)', re.IGNORECASE)
"""The line with which Excel is told the delimiter."""


def _without_sep(text: str) -> tuple[str, str]:
    """The text without the line that names its delimiter, and that delimiter if there is one."""
    named = _SEP.match(text)
    return (text[named.end() :], named[1]) if named else (text, "")


_HEADER = re.compile(r"[^\r\n]*\S[^\r\n]*")
"""The first line with something in it."""


def sniffed(text: str) -> str:
    """The delimiter that splits the header into the most fields."""
    found = _HEADER.search(text)
    header = found[0] if found else ""
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))


def _excel(path: Path, sheet: str | None) -> Read:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise MissingExtraError(f"{path}: reading Excel files", "python-calamine", "excel") from None
    content = _bytes(path)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = {
            name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in book.sheet_names
            if sheet in (None, name)
        }
    except CalamineError as error:
        raise PixmakeError([Problem(f"cannot be read as Excel: {error}", str(path))]) from None
    if sheet is not None and sheet not in sheets:
        raise PixmakeError([Problem(f"has no sheet {sheet!r}", str(path), nearest(sheet, book.sheet_names))])
    filled = {name: rows for name, rows in sheets.items() if any(map(_is_filled, rows))}
    if len(filled) > 1:
        hint = f"set `sheet` to one of: {', '.join(filled)}"
        raise PixmakeError([Problem(f"has {len(filled)} sheets", str(path), hint)])
    numbered = [
        (number, row) for number, row in enumerate(next(iter(filled.values()), []), 1) if _is_filled(row)
    ]
    if not numbered:
        return [], [], []
    header = [str(_excel_cell(cell)).strip() for cell in numbered[0][1]]
    while header and not header[-1] and not any(_is_filled(row[len(header) - 1 :]) for _, row in numbered):
        header.pop()
    rows = [[_excel_cell(cell) for cell in row[: len(header)]] for _, row in numbered[1:]]
    return header, _turned(header, rows), [number for number, _ in numbered[1:]]


def _is_filled(row: Iterable[Any]) -> bool:
    return any(cell is not None and cell != "" for cell in row)


def _excel_cell(cell: Any) -> Any:
    """Excel knows one kind of number: those without a fraction are whole."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell


def _parquet(path: Path, sheet: str | None) -> Read:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtraError(f"{path}: reading Parquet files", "pyarrow", "parquet") from None
    content = _bytes(path)
    try:
        table = parquet.read_table(arrow.BufferReader(content))
        header = [str(name) for name in table.column_names]
        columns = [column.to_pylist() for column in table.columns]
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise PixmakeError([Problem(f"cannot be read as Parquet: {error}", str(path))]) from None
    return header, columns, range(1, table.num_rows + 1)


def _json(path: Path, sheet: str | None) -> Read:
    text = read_text(path)
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PixmakeError([Problem(f"cannot be read as JSON: {error}", str(path))]) from None
    hint = 'it should be a list of records: [{"path": "a.png", "plant": "P1"}, …]'
    if not isinstance(records, list):
        raise PixmakeError([Problem("is no list", str(path), hint)])
    return _records(path, list(enumerate(records, 1)), hint)


def _ndjson(path: Path, sheet: str | None) -> Read:
    records, problems = [], []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            try:
                records.append((number, json.loads(line)))
            except (ValueError, RecursionError) as error:
                problems.append(Problem(f"is no JSON: {error}", f"{path}, line {number}"))
    if problems:
        raise PixmakeError(problems)
    return _records(path, records, 'each line should be a record: {"path": "a.png", "plant": "P1"}')


def _records(path: Path, records: list[tuple[int, Any]], hint: str) -> Read:
    problems = [
        Problem("is no record", f"{path}, row {number}", hint)
        for number, record in records
        if not isinstance(record, dict)
    ]
    if problems:
        raise PixmakeError(problems)
    header = list(dict.fromkeys(name for _, record in records for name in record))
    columns: list[Sequence[Any]] = [[record.get(name) for _, record in records] for name in header]
    return [str(name) for name in header], columns, [number for number, _ in records]


def _turned(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Rows as columns."""
    return list(zip(*rows, strict=True)) if rows else [() for _ in header]


def read_text(path: Path) -> str:
    """A file's text: UTF-8, or UTF-16 as Excel's "Unicode text" is, with or without BOM.

    Raises
    ------
    PixmakeError
        It cannot be read, or is neither.
    """
    content = _bytes(path)
    wide = _utf_16(content)
    try:
        return content.decode(wide or "utf-8-sig").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if wide:
            hint = "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
            raise PixmakeError([Problem("begins as UTF-16 text, but is none", str(path), hint)]) from None
        line = content[: error.start].count(b"\n") + 1
        hint = "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
        raise PixmakeError([Problem("is not UTF-8 text", f"{path}, line {line}", hint)]) from None


def _utf_16(content: bytes) -> str:
    """Which UTF-16 a text is in, if it is: by its BOM, or since its first letters, a header's, have zeros."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = content[:64]
    if len(start) >= 4 and 0 in start:
        for codec, zeros, letters in (
            ("utf-16-le", start[1::2], start[::2]),
            ("utf-16-be", start[::2], start[1::2]),
        ):
            if not any(zeros) and 0 not in letters:
                return codec
    return ""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PixmakeError([Problem("there is no such file", str(path))]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PixmakeError([Problem(f"cannot be read: {reason}", str(path))]) from None


_READERS: dict[str, Callable[[Path, str | None], Read]] = {
    ".parquet": _parquet,
    ".pq": _parquet,
    ".json": _json,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), _excel),
}
