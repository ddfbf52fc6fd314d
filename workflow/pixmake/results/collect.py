"""From the tables that the images of a step made to one table: each row with its image's id and metadata."""

from __future__ import annotations

import csv
import io
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from pixmake.base.errors import MissingExtraError
from pixmake.base.files import written_whole
from pixmake.base.operating_system import boot
from pixmake.job.record import STORED, Record
from pixmake.results.export.delimited import harmless
from pixmake.results.export.parquet import arrow_types, typed
from pixmake.results.kept_parts import Memory, Parts, check_of, lines_of, runs, state_keys, write_parts
from pixmake.results.tables import Column, cell, term_columns

ID = "id"

TABLE = "table"
"""What the file is called among what is kept of it."""

MOST_ROWS = 1 << 20
"""Of a row group in Parquet; each table has row groups of its own."""


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
    return _known({record.id: record.terms for record in records if record.step == step}, terms)


def known_in(path: str | Path, step: str, terms: Sequence[str], results: str) -> Known:
    """The same of a file of all records, of which those that are new are read.

    Parameters
    ----------
    path
        What `pixmake.results.record_lines.gather` wrote.
    step, terms
        See `known_of`.
    results
        The folder of results, for which is kept what is known.
    """
    memory = Memory(results, f"known.{step}", repr([step, *terms]))
    before, numbers = memory.before.known, memory.before.numbers()
    found: list[tuple[str, Mapping[str, Any]] | None] = []
    with lines_of(path) as lines:
        parts = Parts(lines.keys, found)
        for number in range(len(lines)):
            known = numbers.get(parts.key(number))
            if known is not None:
                found.append(before[known])
                continue
            record = lines.record(number)
            of_record = {term: record.terms[term] for term in terms if term in record.terms}
            found.append((record.id, of_record) if record.step == step else None)
    memory.keep(parts, {})
    return _known(dict(each for each in found if each is not None), terms)


def _known(of_step: Mapping[str, Mapping[str, Any]], terms: Sequence[str]) -> Known:
    columns = term_columns(of_step.values(), terms)
    rows = {job_id: [cell(values.get(term)) for term in columns] for job_id, values in of_step.items()}
    return Known(tuple(columns.values()), rows)


def collect_tables(
    files: Iterable[str],
    ending: str,
    target: str | Path,
    known: Known | None = None,
) -> int:
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
        Rows of tables that are as they were the last time are copied.

    Raises
    ------
    ValueError
        A file is no table; the message says which.
    """
    known, path = known or Known(), Path(target)
    filled = [
        _File(Path(path).name.removesuffix(ending), path) for path in files if Path(path).stat().st_size
    ]
    memory = Memory(str(path.parent), f"collected.{path.name}", boot())
    if os.environ.get(STORED):
        memory.forget()
    keys = state_keys((file.path for file in filled), (repr(known.of(file.id)) for file in filled))
    if path.suffix.lower() == ".parquet":
        return _collect_parquet(filled, path, known, memory, keys)
    return _collect_text(filled, path, known, memory, keys)


def _collect_text(files: Sequence[_File], target: Path, known: Known, memory: Memory, keys: bytes) -> int:
    delimiter = "\t" if target.suffix.lower() == ".tsv" else ","
    numbers, parts = memory.before.numbers(), Parts(keys)
    columns: dict[str, None] = {}
    for number, file in enumerate(files):
        before = numbers.get(parts.key(number))
        header = next(_lines(file.path, delimiter), []) if before is None else memory.before.known[before][0]
        parts.known.append((header, 0 if before is None else memory.before.known[before][1]))
        columns.update(dict.fromkeys(header))
    terms = [harmless(column.name) for column in known.columns]
    first_line = _text([[ID, *terms, *_renamed(columns, known).values()]], delimiter)
    # what decides all rows: the columns, and in which order each table has them is its own
    parts.said = repr((list(columns), known.columns)).encode()

    def make(number: int) -> dict[str, bytes]:
        file = files[number]
        first = [file.id, *map(harmless, known.of(file.id))]
        lines = _lines(file.path, delimiter)
        names = next(lines, [])
        rows = []
        for line in lines:
            if len(line) != len(names):
                what = f"a row has {len(line)} cells, its header has {len(names)}"
                raise ValueError(f"{file.path}: {what}")
            row = dict(zip(names, line, strict=True))
            rows.append([*first, *(row.get(name, "") for name in columns)])
        parts.known[number] = (names, len(rows))
        return {TABLE: _text(rows, delimiter)}

    write_parts(memory, parts, {TABLE: (target, first_line)}, make)
    return sum(rows for _, rows in parts.known)


def _text(rows: Iterable[Sequence[Any]], delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _lines(path: str, delimiter: str) -> Iterator[list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as lines:
            yield from (row for row in csv.reader(lines, delimiter=delimiter) if row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: is no table: {error}") from None


def _collect_parquet(files: Sequence[_File], target: Path, known: Known, memory: Memory, keys: bytes) -> int:
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

    numbers, parts = memory.before.numbers(), Parts(keys)
    schemas: dict[bytes, None] = {}
    for number, file in enumerate(files):
        before = numbers.get(parts.key(number))
        if before is None:
            found = read(file.path, pq.read_schema).remove_metadata().serialize().to_pybytes()
        else:
            found = memory.before.known[before][0]
        parts.known.append((found, 0 if before is None else memory.before.known[before][1]))
        schemas[found] = None
    of_tables = [pa.ipc.read_schema(pa.py_buffer(each)) for each in schemas]
    try:
        merged = pa.unify_schemas(of_tables, promote_options="permissive") if of_tables else pa.schema([])
    except pa.ArrowException as error:
        raise ValueError(f"the tables do not fit together: {error}") from None
    names = _renamed([each.name for each in merged], known)
    terms = [pa.field(column.name, arrow_types()[column.type]) for column in known.columns]
    own = [each.with_name(names[each.name]) for each in merged]
    schema = pa.schema([pa.field(ID, pa.string()), *terms, *own])

    def rows_of(file: _File) -> Any:
        table = read(file.path, pq.read_table)
        rows = table.num_rows
        cells = zip(known.columns, terms, known.of(file.id), strict=True)
        first = [pa.array([typed(column, value)] * rows, each.type) for column, each, value in cells]
        columns = [table[each.name] if each.name in table.column_names else pa.nulls(rows) for each in merged]
        arrays = [column.cast(each.type) for column, each in zip(columns, merged, strict=True)]
        return pa.table([pa.array([file.id] * rows), *first, *arrays], schema=schema)

    parts.said = b"\0".join([schema.serialize().to_pybytes(), pa.__version__.encode()])
    if any(pa.types.is_nested(each.type) or pa.types.is_dictionary(each.type) for each in schema):
        memory.forget()  # read and written again, their bytes may be others
    groups = array("I")
    with ExitStack() as stack:
        old = stack.enter_context(memory.old([TABLE], parts.said))
        copied = stack.enter_context(pq.ParquetFile(memory.path(TABLE))) if old else None
        starts = memory.before.starts(TABLE) if old else array("Q")
        temporary = stack.enter_context(written_whole(target))
        writer = stack.enter_context(pq.ParquetWriter(temporary, schema))
        for first, begin, count in runs(numbers if old else {}, keys):
            for number in range(begin, begin + count):
                if first is not None and copied is not None:
                    place = first + number - begin
                    for group in range(starts[place], starts[place + 1]):
                        writer.write_table(copied.read_row_group(group).cast(schema), MOST_ROWS)
                    groups.append(starts[place + 1] - starts[place])
                    continue
                table = rows_of(files[number])
                writer.write_table(table, MOST_ROWS)
                parts.known[number] = (parts.known[number][0], table.num_rows)
                groups.append(max(1, -(-table.num_rows // MOST_ROWS)))
    parts.heads, parts.lengths = {TABLE: 0}, {TABLE: groups}
    with open(target, "rb") as written:
        parts.checks[TABLE] = check_of(written)
    memory.keep(parts, {TABLE: target})
    return sum(rows for _, rows in parts.known)


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
