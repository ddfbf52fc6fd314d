"""From the tables that the images of a step made to one table: each row with its image's id."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pixmake.base.errors import MissingExtraError
from pixmake.base.files import written_whole

ID = "id"


def collect_tables(files: Iterable[str], ending: str, target: str | Path) -> int:
    """Write the rows of many tables as one, one table in memory at a time.

    Parameters
    ----------
    files
        The tables, in order. One of zero bytes stands for a failed image, and has no rows.
    ending
        What stands in their names behind their images' ids, e.g. ``.cells.csv``.
    target
        Where to write; its suffix (``csv``, ``tsv`` or ``parquet``) is that of the files.

    Returns
    -------
    int
        The number of rows. Columns stand in the order in which they first occur, after ``id``; a column
        ``id`` of the tables themselves becomes ``id_1``.

    Raises
    ------
    ValueError
        A file is no table; the message says which.
    """
    filled = [(Path(path).name.removesuffix(ending), path) for path in files if Path(path).stat().st_size]
    with written_whole(target) as temporary:
        if Path(target).suffix.lower() == ".parquet":
            return _collect_parquet(filled, temporary)
        return _collect_text(filled, temporary)


def _collect_text(files: Sequence[tuple[str, str]], target: Path) -> int:
    delimiter = "\t" if target.suffix.lower() == ".tsv" else ","
    columns: dict[str, None] = {}
    for _, path in files:
        columns.update(dict.fromkeys(next(_lines(path, delimiter), [])))
    count = 0
    with open(target, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerow([ID, *map(_renamed, columns)])
        for job_id, path in files:
            lines = _lines(path, delimiter)
            names = next(lines, [])
            for line in lines:
                if len(line) != len(names):
                    raise ValueError(f"{path}: a row has {len(line)} cells, its header has {len(names)}")
                row = dict(zip(names, line, strict=True))
                writer.writerow([job_id, *(row.get(name, "") for name in columns)])
                count += 1
    return count


def _lines(path: str, delimiter: str) -> Iterator[list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as lines:
            yield from (row for row in csv.reader(lines, delimiter=delimiter) if row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: is no table: {error}") from None


def _collect_parquet(files: Sequence[tuple[str, str]], target: Path) -> int:
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

    schemas = [read(path, pq.read_schema).remove_metadata() for _, path in files]
    try:
        merged = pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])
    except pa.ArrowException as error:
        raise ValueError(f"the tables do not fit together: {error}") from None
    renamed = pa.schema([pa.field(ID, pa.string()), *(f.with_name(_renamed(f.name)) for f in merged)])
    count = 0
    with ExitStack() as stack:
        writer = stack.enter_context(pq.ParquetWriter(target, renamed))
        for job_id, path in files:
            table = read(path, pq.read_table)
            empty = pa.nulls(table.num_rows)
            columns = [table[f.name] if f.name in table.column_names else empty for f in merged]
            arrays = [column.cast(f.type) for column, f in zip(columns, merged, strict=True)]
            writer.write_table(pa.table([pa.array([job_id] * table.num_rows), *arrays], schema=renamed))
            count += table.num_rows
    return count


def _renamed(column: str) -> str:
    return f"{ID}_1" if column == ID else column
