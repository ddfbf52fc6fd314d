"""The CSVs that CellProfiler's module `ExportToSpreadsheet` writes, taken apart by the jobs they are of.

Standard library only: it runs in whatever Python a step names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NUMBER, OBJECT = "ImageNumber", "ObjectNumber"

_NO_MEASUREMENT = (
    *("ChannelName", "ExecutionTime", "FileName", "Frame", "Group", "Height", "ImageNumber", "ImageSet"),
    *("MD5Digest", "Metadata", "ModuleError", "PathName", "ProcessingStatus", "Scaling", "Series", "URL"),
    "Width",
)
"""What names of columns begin with that say how an image was read, and nothing of what is in it."""


@dataclass(frozen=True)
class Made:
    """What CellProfiler made of one group."""

    measurements: str
    """As CSV: a line of names, a line of values."""
    error: str = ""
    """Which module failed, if one did."""
    objects: dict[str, list[list[str]]] = field(default_factory=dict)
    """The tables of objects by their names in lower case, head first."""
    images: Mapping[str, str] = field(default_factory=dict)
    """The images that it saved, and recorded, by their names in lower case."""


def read_made(folder: Path, row: str) -> dict[int, Made]:
    """What CellProfiler made, by the number of the line that its `LoadData` CSV had.

    Parameters
    ----------
    folder
        Where its tables are. There are none if it was ended before its end.
    row
        The metadata term with that number.
    """
    tables = {path: _rows(path) for path in sorted(folder.rglob("*.csv"))}
    about = next((path for path, rows in tables.items() if _is_image_table(path, rows, row)), None)
    if about is None:
        return {}
    prefix = about.name.removesuffix("Image.csv")
    found: dict[int, Made] = {}
    numbers: dict[str, int] = {}
    for line in tables[about]:
        number = int(float(line[f"Metadata_{row}"]))
        numbers[line[NUMBER]] = number
        found[number] = Made(_measurements(line), _error(line), images=_images(line))
    for path, rows in tables.items():
        if rows and {NUMBER, OBJECT} <= rows[0].keys():
            _sort_objects(path.stem.removeprefix(prefix).lower(), rows, numbers, found)
    for path, rows in tables.items():  # a table without a line is one of no objects
        if not rows and path != about and path.name.startswith(prefix):
            head = _head(path)
            if {NUMBER, OBJECT} <= set(head):
                for made in found.values():
                    made.objects.setdefault(path.stem.removeprefix(prefix).lower(), [_kept(head)])
    return found


def _sort_objects(
    name: str, rows: Sequence[Mapping[str, str]], numbers: Mapping[str, int], found: Mapping[int, Made]
) -> None:
    """Give each group the lines of its objects; a group without objects has a table with a head alone."""
    head = _kept(list(rows[0]))
    for made in found.values():
        made.objects[name] = [head]
    for line in rows:
        if line[NUMBER] in numbers:
            found[numbers[line[NUMBER]]].objects[name].append([line[column] for column in head])


def _kept(head: Sequence[str]) -> list[str]:
    """The columns of objects; metadata of their images are in the tables of pixmake."""
    return [column for column in head if column != NUMBER and not column.startswith("Metadata_")]


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as lines:
        return list(csv.DictReader(lines))


def _head(path: Path) -> list[str]:
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as lines:
        return next(csv.reader(lines), [])


def _is_image_table(path: Path, rows: Sequence[Mapping[str, str]], row: str) -> bool:
    return path.name.endswith("Image.csv") and bool(rows) and {NUMBER, f"Metadata_{row}"} <= rows[0].keys()


def _measurements(line: Mapping[str, str]) -> str:
    names = [name for name in line if name.partition("_")[0] not in _NO_MEASUREMENT and name]
    text = io.StringIO()
    csv.writer(text).writerows(
        [names or ["images"], ["" if line[name] == "nan" else line[name] for name in names] or ["1"]]
    )
    return text.getvalue()


def _error(line: Mapping[str, str]) -> str:
    failed = [
        name.removeprefix("ModuleError_")
        for name, value in line.items()
        if name.startswith("ModuleError_") and value.strip() not in ("", "0", "0.0")
    ]
    return f"CellProfiler's module {' and '.join(failed)} failed; see the log" if failed else ""


def _images(line: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("FileName_").lower(): str(Path(line.get(name.replace("File", "Path"), "")) / value)
        for name, value in line.items()
        if name.startswith("FileName_") and value
    }
