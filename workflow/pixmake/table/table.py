"""The table: one row an image, one column a metadata term, and the checks that every source shares."""

from __future__ import annotations

import functools
import operator
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.values import TIMESTAMP, Cell, parse_time, spellings, typed_cell, written
from pixmake.images.axes import WHOLE, Part, is_zarr
from pixmake.images.formats import may_go_on, place_of
from pixmake.images.remote.objects import RemoteError, joined, problem_of, versions
from pixmake.images.remote.uris import is_remote

if TYPE_CHECKING:
    import pandas as pd

PATH = "path"
MISSING = "there is no such file"

_PLAIN = re.compile(r"[^./:][^:]*[^./:]")
"""Most paths: neither absolute nor remote, without a dot or a slash at an end."""

_ODD = ("\n\n", "\n.", "\n/", ".\n", "/\n", ":", "./", "/.", "//", ".zarr", "\0")
"""What stands in none of them where each is a line: all paths of a table are looked at in one go."""

Rows = npt.NDArray[np.bool_]
"""One truth a row of a table."""

Cells = npt.NDArray[np.object_]
"""One Python object a row of a table."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a source saw and left out or mended, which is no error."""

    why: str
    """The reason, in the same words for all that share it."""
    path: str = ""
    """The file that it is about, from the working directory; empty if it is about none."""
    where: str = ""
    """The row, or the entry, that it is about."""
    detail: str = ""
    """What it is in this file or row."""
    hint: str = ""
    """What would be right, if something would."""
    count: int = 1
    """How many files or rows it stands for; 0 if it is about none."""
    left_out: bool = False
    """Whether a row, or a file, is no image for it."""

    def as_problem(self) -> Problem:
        """The same as something to put right."""
        what = f"{self.why}: {self.detail}" if self.detail else self.why
        return Problem(what, self.where or self.path, self.hint)

    def __str__(self) -> str:
        about = ", ".join(part for part in (self.where, self.path) if part)
        said = f"{self.why}: {self.detail}" if self.detail else self.why
        said += f" ({self.hint})" if self.hint else ""
        return f"{about}: {said}" if about else said


@dataclass(frozen=True)
class Table:
    """Images and their metadata, one row an image, in the source's order.

    Cells are Python objects: an empty one is ``None``, numbers are numbers.
    """

    cells: Mapping[str, Cells]
    """Those of each metadata term."""
    labels: Cells
    """Which row of the source each is: a number as a person counts it, or a name. Everything else that speaks
    of rows counts positions, from 0."""
    source: str
    """What the source is called in messages."""
    root: str = "."
    """The folder that relative paths start from."""
    when: npt.NDArray[np.datetime64] | None = None
    """The times of the column ``timestamp`` (UTC or without zone, µs, NaT if empty), once it is parsed."""
    notes: tuple[Note, ...] = ()
    """What was left out or mended on the way here, and why."""
    parts: Cells | None = None
    """Which part of its image each row means, if any means only a part; see `pixmake.table.image_parts`."""
    broken: Cells | None = None
    """Why the header of a row's image cannot be read, if some cannot; ``None`` for those that can."""
    written: Mapping[str, Cells] = field(default_factory=dict)
    """The texts of the columns of which some cell is written in another way than its value, such as 1.10;
    ``None`` where it is not. See `pixmake.base.values.written`."""
    bare: frozenset[str] = frozenset()
    """The columns with numbers that have no text, as Parquet and Excel have them."""

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.labels)

    @property
    def columns(self) -> list[str]:
        """The metadata terms, ``path`` first."""
        return [PATH, *(name for name in self.cells if name != PATH)]

    @property
    def frame(self) -> pd.DataFrame:
        """The same as a DataFrame of pandas, which takes longer to import than a table to read."""
        import pandas as pd

        return pd.DataFrame(dict(self.cells), index=list(self.labels), dtype=object)

    def place(self, position: int) -> str:
        """Where a row stands, for a message."""
        return _place(self.source, self.labels[position])

    def places(self) -> list[str]:
        """Where each row stands."""
        return [_place(self.source, label) for label in self.labels]

    def keep(self, rows: Rows) -> Table:
        """The rows for which the mask is true."""
        return replace(
            self,
            cells={name: cells[rows] for name, cells in self.cells.items()},
            labels=self.labels[rows],
            when=None if self.when is None else self.when[rows],
            parts=None if self.parts is None else self.parts[rows],
            broken=None if self.broken is None else self.broken[rows],
            written={name: texts[rows] for name, texts in self.written.items()},
        )

    def texts(self, name: str) -> list[str | None]:
        """The text of each cell of a column; ``None`` of empty ones."""
        return self.spellings(name)[0]

    def spellings(self, name: str) -> list[list[str | None]]:
        """The same; and once more, if some cells may be written in another way: see `values.spellings`."""
        own = self.written.get(name)
        return spellings(
            self.cells[name].tolist(), None if own is None else own.tolist(), bare=name in self.bare
        )

    def keys(self, name: str) -> list[Any]:
        """What tells the cells of a column apart: their texts; their values where these do as well."""
        if name in self.written:
            return self.texts(name)
        cells: list[Any] = self.cells[name].tolist()
        if any(type(cell) is bool for cell in cells):  # True equals 1
            return [str(cell) if type(cell) is bool else cell for cell in cells]
        return cells

    @functools.cached_property
    def located(self) -> list[str | None]:
        """The path of each row from the working directory, or its URI; ``None`` of an empty one."""
        paths: list[str | None] = self.cells[PATH].tolist()
        if self.is_plain:
            prefix = _prefix(self.root)
            return [f"{prefix}{path}" for path in paths] if prefix else paths
        return [None if path is None else located(path, self.root) for path in paths]

    @functools.cached_property
    def files(self) -> list[str | None]:
        """The same without what paths name inside of files."""
        if not may_go_on("\n".join(filter(None, self.located))):
            return self.located
        return [None if path is None else place_of(path).file for path in self.located]

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether each path is as most are: of a file below the root; no URI, no Zarr, nothing empty."""
        paths = self.cells[PATH].tolist()
        if None in paths or is_remote(self.root) or is_zarr(self.root):
            return False
        text = "\n".join(["", *paths, ""])
        return not any(odd in text for odd in _ODD)

    def part(self, position: int) -> Part:
        """Which part of its image a row means; empty: all of it."""
        return WHOLE if self.parts is None else self.parts[position]

    def noting(self, notes: Iterable[Note]) -> Table:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def with_columns(
        self,
        columns: Mapping[str, Sequence[Any]],
        written: Mapping[str, Sequence[str | None]] | None = None,
        bare: Iterable[str] = (),
    ) -> Table:
        """The same with more columns, of typed cells, and their texts where these say more."""
        cells = {name: _array(cells) for name, cells in columns.items()}
        texts = {name: _array(texts) for name, texts in (written or {}).items()}
        return replace(
            self,
            cells={**self.cells, **cells},
            written={**self.written, **texts},
            bare=self.bare.union(bare),
        )


def make_table(
    columns: Mapping[str, Sequence[Any]],
    labels: Sequence[Any],
    source: str,
    root: str = ".",
    notes: Iterable[Note] = (),
) -> Table:
    """A table from a source's columns, its cells typed one by one.

    Parameters
    ----------
    columns
        The cells of each column, as text or as they come; ``path`` among them.
    labels
        The number, or the name, of each row in the source.
    source
        What to call the source in messages.
    root
        The folder that relative paths start from.
    notes
        What the source left out or mended.

    Raises
    ------
    ValueError
        There is no column ``path``, or a column has more or fewer cells than there are labels.
    """
    if PATH not in columns:
        raise ValueError(f"there is no column `{PATH}`")
    for name, cells in columns.items():
        if len(cells) != len(labels):
            raise ValueError(f"the column {name} has {len(cells)} cells for {len(labels)} rows")
    typed = {name: typed_column(cells, name) for name, cells in columns.items()}
    as_told = map(operator.is_, typed[PATH].values, columns[PATH])
    if not set(map(type, columns[PATH])) <= {str, type(None)} or not all(as_told):
        paths = [
            None if value is None else str(cell)
            for value, cell in zip(typed[PATH].values, columns[PATH], strict=True)
        ]
        typed[PATH] = Typed(paths)
    return Table(
        cells={name: _array(column.values) for name, column in typed.items()},
        labels=_array(labels),
        source=source,
        root=root,
        notes=(*notes, *(column.note for column in typed.values() if column.note is not None)),
        written={name: _array(column.written) for name, column in typed.items() if column.written},
        bare=frozenset(name for name, column in typed.items() if column.bare),
    )


@dataclass(frozen=True, slots=True)
class Typed:
    """A column by its cells' own values."""

    values: Sequence[Any]
    written: Sequence[str | None] = ()
    """As in `Table.written`; nothing if no cell has a text of its own."""
    note: Note | None = None
    """Cells that differed by space around them alone."""
    bare: bool = False
    """Whether there are numbers without a text, as Parquet and Excel have them."""

    def spellings(self) -> list[list[str | None]]:
        """As `Table.spellings`."""
        return spellings(self.values, self.written, bare=self.bare)


def typed_column(cells: Iterable[Any], name: str = "") -> Typed:
    """The value of each cell by itself, and its text where that is another; see `pixmake.base.values`."""
    cells = cells if isinstance(cells, (list, tuple)) else list(cells)
    kinds = set(map(type, cells))
    # each text once: a column repeats its texts, and a look at one costs more than at a dictionary
    plain = cells if kinds <= {str} else [cell for cell in cells if type(cell) is str]
    unique = dict.fromkeys(plain)
    known = dict(zip(unique, map(typed_cell, unique), strict=True))
    odd: dict[Any, str] = {}
    if kinds <= {str}:
        values = list(map(known.__getitem__, cells))
    else:
        values = []
        for cell in cells:
            values.append(value := known[cell] if type(cell) is str else typed_cell(cell))
            if type(cell) in _WITH_TEXT and (text := written(cell, value)) is not None:
                odd[cell] = text
    kinds_of_values = set(map(type, known.values()))
    if float in kinds_of_values or 0 in known.values():
        odd |= _own_texts(known)
    texts: Sequence[str | None] = ()
    if odd:
        texts = [odd.get(cell) if type(cell) in _TEXTUAL else None for cell in cells]
    padded = [cell for cell, value in known.items() if value is not cell and cell != cell.strip()]
    bare = bool(kinds & {float, bool})
    return Typed(values, texts, _merged(name, padded, known) if padded else None, bare)


_WITH_TEXT = (Cell, bytes)
_TEXTUAL = (str, *_WITH_TEXT)


def _own_texts(known: Mapping[str, Any]) -> dict[str, str]:
    """Of texts and their values, those texts that say more than the value, such as 1.10.

    A text that is a whole number is the only one of it, but for -0.
    """
    odd: dict[str, str] = {}
    whole: list[str] = []
    for cell, value in known.items():
        if (type(value) is float or value == 0) and (text := written(cell, value)) is not None:
            if text == str(value):
                whole.append(cell)
            else:
                odd[cell] = text
    if whole:  # 1.0 says so by its value, unless there is a 1 as well
        others = {value for value in known.values() if type(value) is int}
        odd |= {cell: cell.strip() for cell in whole if known[cell] in others}
    return odd


def _merged(name: str, padded: Iterable[str], known: Iterable[str]) -> Note | None:
    """What to tell of texts that space alone told apart."""
    same: dict[str, list[str]] = {}
    for text in (*known, *padded):
        same.setdefault(text.strip(), []).append(text)
    twins = [shown for text in padded if text.strip() and len(shown := set(same[text.strip()])) > 1]
    if not twins:
        return None
    told = " and ".join(sorted(map(repr, twins[0])))
    return Note(f"{name}: cells that only spaces tell apart are one value", detail=told, count=0)


def column_problems(columns: Sequence[str], source: str, needed: Sequence[str] = (PATH,)) -> list[Problem]:
    """Columns without a name, of one name, and those that are needed but not there."""
    problems = []
    counts = Counter(columns)
    for number, name in enumerate(columns, 1):
        if not name.strip():
            problems.append(Problem(f"column {number} has no name", source))
        elif counts[name] > 1 and name in columns[: number - 1]:
            problems.append(Problem(f"the column {name!r} stands twice", source))
    for name in needed:
        if name not in columns:
            hint = nearest(name, [other for other in columns if other.strip()])
            problems.append(Problem(f"there is no column {name!r}", source, hint))
    return problems


def with_times(table: Table, written: str | None) -> Table:
    """The table with the times of its column ``timestamp``, if it has one.

    Parameters
    ----------
    table
        Any table.
    written
        How timestamps are written, in Python's ``%`` codes; ISO 8601 is always understood.

    Raises
    ------
    PixmakeError
        With every cell that is no timestamp.
    """
    if TIMESTAMP not in table.cells:
        return table
    cells = table.keys(TIMESTAMP)
    parsed = {cell: None if cell is None else _time(cell, written) for cell in dict.fromkeys(cells)}
    bad = {cell for cell, time in parsed.items() if time is None and cell is not None}
    if bad:
        hint = f"as in {written}" if written else "e.g. 2024-01-31 or 2024-01-31T17:05:00"
        raise PixmakeError(
            Problem(f"{cell!r} is no timestamp", table.place(position), hint, "no timestamp")
            for position, cell in enumerate(cells)
            if cell in bad
        )
    # NumPy takes a microsecond for each `datetime`: each text's once
    order = {cell: position for position, cell in enumerate(parsed)}
    times = np.array(list(parsed.values()), dtype="datetime64[us]")
    return replace(table, when=times[np.fromiter(map(order.__getitem__, cells), np.intp, len(cells))])


def located(path: str, root: str) -> str:
    """A table's path from the working directory, in the plain form that Snakemake wants; or its URI."""
    if is_remote(root):
        return path if is_remote(path) else joined(root, path)
    if _PLAIN.fullmatch(path) and "./" not in path and "/." not in path and "//" not in path:
        return f"{_prefix(root)}{path}"
    if is_remote(path):
        return path
    return os.path.normpath(os.path.join(root, path))


@functools.cache
def _prefix(root: str) -> str:
    folder = os.path.normpath(root)
    return "" if folder == "." else folder if folder.endswith("/") else f"{folder}/"


def path_faults(table: Table) -> dict[int, str]:
    """Why the paths of some rows cannot be used (empty, `MISSING`, twice, a folder), by position.

    Raises
    ------
    PixmakeError
        Objects that rows name cannot be looked for: their server refuses, or cannot be reached.
    """
    existing = _Folders()
    if table.is_plain and table.parts is None and len(set(table.located)) == len(table):
        rows = enumerate(zip(filter(None, table.located), filter(None, table.files), strict=True))
        return {position: _absent(full) for position, (full, file) in rows if not existing.has(file)}
    faults: dict[int, str] = {}
    remote: dict[int, str] = {}
    first: dict[Any, int] = {}
    each_path = zip(table.cells[PATH], table.located, table.files, strict=True)
    for position, (path, full, file) in enumerate(each_path):
        if path is None or full is None or file is None:
            faults[position] = "the path is empty"
            continue
        part = table.part(position)
        key = (full, *part.items()) if part else full
        if key in first:
            said = ", ".join(f"{name} {number}" for name, number in part.items())
            faults[position] = (
                f"{path} {f'({said}) ' if said else ''}stands in {_row(table, first[key])} already"
            )
            continue
        first[key] = position
        if "\0" in full:
            faults[position] = f"{path!r} is no file name"
        elif is_remote(full):
            problem = problem_of(full)
            if problem:
                faults[position] = problem
            else:
                remote[position] = file
        elif is_zarr(full):
            if not existing.has_folder(full):
                faults[position] = MISSING
        elif not existing.has(file):
            faults[position] = _absent(full)
    there = _versions(remote.values())
    faults |= {position: MISSING for position, uri in remote.items() if there[uri] is None}
    return dict(sorted(faults.items()))


def _absent(path: str) -> str:
    return f"{path}: is a folder" if os.path.isdir(path) else MISSING


def _versions(uris: Iterable[str]) -> Mapping[str, str | None]:
    try:
        return versions(uris)
    except RemoteError as error:
        where, _, what = str(error).partition(": ")
        raise PixmakeError([Problem(what, where)]) from None


def path_problems(table: Table) -> list[Problem]:
    """Rows without a path, paths that stand twice, and files that are not there."""
    problems = []
    paths = table.cells[PATH].tolist()
    told = False
    for position, fault in path_faults(table).items():
        hint = "one row an image" if fault.endswith(" already") else ""
        if fault == MISSING:
            if table.labels[position] != paths[position]:
                fault = f"{located(paths[position], table.root)}: {MISSING}"
            hint = "" if told else "`missing: skip` leaves such images out"
            told = True
        mistake = MISSING if fault.endswith(MISSING) else ""
        problems.append(Problem(fault, table.place(position), hint, mistake))
    return problems


def without_missing(table: Table) -> Table:
    """The rows whose files are there; those that are not are noted."""
    missing = [position for position, fault in path_faults(table).items() if fault == MISSING]
    if not missing:
        return table
    paths = table.cells[PATH].tolist()
    notes = [
        Note(MISSING, located(paths[row], table.root), table.place(row), left_out=True) for row in missing
    ]
    kept = np.ones(len(table), dtype=bool)
    kept[missing] = False
    return table.keep(kept).noting(notes)


def counted_notes(notes: Iterable[Note]) -> list[str]:
    """A line for each reason: how often, the first file or row, and what would be right."""
    reasons: dict[str, list[Note]] = {}
    for note in notes:
        reasons.setdefault(note.why, []).append(note)
    lines = []
    for why, same in reasons.items():
        first, count = same[0], sum(note.count for note in same)
        place = first.where or first.path
        if not count:
            lines.append(str(first))
            continue
        said = f"{count} × {why}" + (f": {first.detail}" if first.detail and first.hint else "")
        about = "; ".join(part for part in (f"first: {place}" if place else "", first.hint) if part)
        lines.append(said + (f" ({about})" if about else ""))
    return lines


class _Folders:
    """Which files exist, asking for each folder once: ten thousand `stat` calls take seconds on NFS."""

    def __init__(self) -> None:
        self._files: dict[str, set[str]] = {}
        self._folders: dict[str, bool] = {}

    def has(self, path: str) -> bool:
        folder, slash, name = path.rpartition("/")
        if folder not in self._files:
            self._files[folder] = self._list(folder or slash or ".")
        return name in self._files[folder]

    def has_folder(self, path: str) -> bool:
        """Whether there is a folder, such as an OME-Zarr, of which many rows may mean a part."""
        if path not in self._folders:
            self._folders[path] = os.path.isdir(path)
        return self._folders[path]

    @staticmethod
    def _list(folder: str) -> set[str]:
        try:
            with os.scandir(folder) as entries:
                return {entry.name for entry in entries if entry.is_file()}
        except OSError:
            return set()


def _place(source: str, label: Any) -> str:
    return f"{source}, {label}" if isinstance(label, str) else f"{source}, row {label}"


def _row(table: Table, position: int) -> str:
    return table.place(position).removeprefix(f"{table.source}, ")


def _time(cell: Any, written: str | None) -> Any:
    for way in (written, None) if written else (None,):
        try:
            return parse_time(cell, way)
        except ValueError:
            continue
    return None


def _array(cells: Sequence[Any]) -> Cells:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array
