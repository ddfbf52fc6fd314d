"""Source ``table``: a CSV or TSV file, one row an image."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pixmake.config import Images
from pixmake.errors import PixmakeError, Problem
from pixmake.table import Table, make_table

DELIMITERS = ",\t;|"


def read(images: Images) -> Table:
    """Read a delimited text file: UTF-8 with or without BOM, fields quoted with ``"``.

    Rows are numbered as a spreadsheet shows them: the header is row 1.

    Raises
    ------
    PixmakeError
        The file cannot be read, or rows do not fit its header.
    """
    path = Path(images.table)
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sniffed(text), strict=True)
    rows, numbers, problems = [], [], []
    header: list[str] = []
    try:
        for number, row in enumerate(reader, 1):
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [name.strip() for name in row]
            elif len(row) != len(header):
                what = f"{len(row)} fields, but the header has {len(header)}"
                problems.append(Problem(what, f"{path}, row {number}"))
            else:
                rows.append(row)
                numbers.append(number)
    except csv.Error as error:
        problems.append(Problem(f"cannot be read: {error}", f"{path}, line {reader.line_num}"))
    if not header and not problems:
        problems.append(Problem("is empty", str(path), "it needs a header with a column `path`"))
    if problems:
        raise PixmakeError(problems)
    return make_table(rows, header, numbers, str(path), images.timestamp_format)


def sniffed(text: str) -> str:
    """The delimiter that splits the header into the most fields."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise PixmakeError([Problem("there is no such file", str(path))]) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        hint = "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
        raise PixmakeError([Problem("is not UTF-8 text", f"{path}, line {line}", hint)]) from None
    except OSError as error:
        raise PixmakeError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
