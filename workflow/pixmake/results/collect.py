"""From the tables that the images of a step made to one table: each row with its image's id and metadata."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from pixmake.base.errors import MissingExtraError
from pixmake.base.files import written_whole
from pixmake.job.record import Record
from pixmake.results.export.delimited import harmless
from pixmake.results.export.parquet import arrow_types, typed
from pixmake.results.tables import Column, cell, term_columns

ID = "id"


@dataclass(frozen=True)
class Known:
    """What is known of the images: the metadata of each, by its id."""

    columns: tuple[Column, ...] = ()
    rows: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def of(self, job_id: str) -> Sequence[Any]:
        """The cells of an image, one a column."""
        return self.rows.get(job_id) or [None] * len(self.columns)


@dataclass(frozen=True)
class _File:
    """The table of one image."""

    id: str
    path: str


def known_of(records: Iterable[Record], step: str, terms: Sequence[str]) -> Known:
    """The metadata of a step's images.

    Parameters
    ----------
    records
        Those of all jobs.
    step
        Whose jobs made the tables.
    terms
        The metadata terms, in the order of the table of images.
    """
    of_step = {record.id: record.terms for record in records if record.step == step}
    columns = term_columns(of_step.values(), terms)
    rows = {job_id: [cell(values.get(term)) for term in columns] for job_id, values in of_step.items()}
    return Known(tuple(columns.values()), rows)


def collect_tables(files: Iterable[str], ending: str, target: str | Path, known: Known | None = None) -> int:
    """Write the rows of many tables as one, one table in memory at a time.

    Parameters
    ----------
    files
        The tables, in order. One of zero bytes stands for a failed image, and has no rows.
    ending
        What stands in their names behind their images' ids, e.g. ``.cells.csv``.
    target
        Where to write; its suffix (``csv``, ``tsv`` or ``parquet``) is that of the files.
    known
        The metadata of the images.

    Returns
    -------
    int
        The number of rows. The tables' own columns stand behind ``id`` and the metadata, in the order in
        which they first occur; one of them that is called as one of those gets ``_1`` behind its name.

    Raises
    ------
    ValueError
        A file is no table; the message says which.
    """
    known = known or Known()
    filled = [
        _File(Path(path).name.removesuffix(ending), path) for path in files if Path(path).stat().st_size
    ]
    with written_whole(target) as temporary:
        if Path(target).suffix.lower() == ".parquet":
            return _collect_parquet(filled, temporary, known)
        return _collect_text(filled, temporary, known)


def _collect_text(files: Sequence[_File], target: Path, known: Known) -> int:
    delimiter = "\t" if target.suffix.lower() == ".tsv" else ","
    columns: dict[str, None] = {}
    for file in files:
        columns.update(dict.fromkeys(next(_lines(file.path, delimiter), [])))
    written = 0
    with open(target, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        terms = [harmless(column.name) for column in known.columns]
        writer.writerow([ID, *terms, *_renamed(columns, known).values()])
        for file in files:
            first = [file.id, *map(harmless, known.of(file.id))]
            lines = _lines(file.path, delimiter)
            names = next(lines, [])
            for line in lines:
                if len(line) != len(names):
                    what = f"a row has {len(line)} cells, its header has {len(names)}"
                    raise ValueError(f"{file.path}: {what}")
                row = dict(zip(names, line, strict=True))
                writer.writerow([*first, *(row.get(name, "") for name in columns)])
                written += 1
    return written


def _lines(path: str, delimiter: str) -> Iterator[list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as lines:
            yield from (row for row in csv.reader(lines, delimiter=delimiter) if row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: is no table: {error}") from None


def _collect_parquet(files: Sequence[_File], target: Path, known: Known) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("a step's table in Parquet", "pyarrow", "parquet") from None

    def read(path: str, read_it: Any) -> Any:
        try:
            return read_it(path)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path}: is no Parquet table: {error}") from None

    schemas = [read(file.path, pq.read_schema).remove_metadata() for file in files]
    try:
        merged = pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])
    except pa.ArrowException as error:
        raise ValueError(f"the tables do not fit together: {error}") from None
    names = _renamed([each.name for each in merged], known)
    terms = [pa.field(column.name, arrow_types()[column.type]) for column in known.columns]
    own = [each.with_name(names[each.name]) for each in merged]
    schema = pa.schema([pa.field(ID, pa.string()), *terms, *own])
    written = 0
    with ExitStack() as stack:
        writer = stack.enter_context(pq.ParquetWriter(target, schema))
        for file in files:
            table = read(file.path, pq.read_table)
            rows = table.num_rows
            cells = zip(known.columns, terms, known.of(file.id), strict=True)
            first = [pa.array([typed(column, value)] * rows, each.type) for column, each, value in cells]
            columns = [
                table[each.name] if each.name in table.column_names else pa.nulls(rows) for each in merged
            ]
            arrays = [column.cast(each.type) for column, each in zip(columns, merged, strict=True)]
            writer.write_table(pa.table([pa.array([file.id] * rows), *first, *arrays], schema=schema))
            written += rows
    return written


def _renamed(columns: Iterable[str], known: Known) -> dict[str, str]:
    """What each column of the tables is called beside the id and the metadata."""
    columns = list(columns)
    taken = {ID, *(column.name for column in known.columns)}
    names: dict[str, str] = {}
    for name in columns:
        free = (f"{name}_{number}" for number in count(1))
        busy = {*taken, *columns, *names.values()}
        names[name] = next(other for other in free if other not in busy) if name in taken else name
    return names
