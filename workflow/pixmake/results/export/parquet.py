"""Tables as Parquet: typed columns, with their units in the fields' metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from pixmake.base.errors import MissingExtraError
from pixmake.base.files import written_whole
from pixmake.results.export import Writing
from pixmake.results.tables import Column, Table

ROWS = 10_000
"""Rows that are held in memory, and make a row group."""


@contextmanager
def parquet_table(table: Table, path: str | Path, old: str | Path | None = None) -> Iterator[Writing]:
    """Open a Parquet file.

    Parameters
    ----------
    table
        Its columns.
    path
        Where it is to be.
    old
        The file of before, of the same columns, whose rows may be copied.

    Raises
    ------
    MissingExtraError
        pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("aggregate.tables: [parquet]", "pyarrow", "parquet") from None
    types = arrow_types()
    schema = pa.schema(
        [
            pa.field(column.name, types[column.type], metadata={"unit": column.unit} if column.unit else None)
            for column in table.columns
        ]
    )
    held: list[Sequence[Any]] = []
    waiting: list[Any] = []
    """Rows as Arrow has them, fewer than make a row group."""
    with ExitStack() as stack:
        temporary = stack.enter_context(written_whole(path))
        file = stack.enter_context(pq.ParquetWriter(temporary, schema, compression="zstd"))
        before = None if old is None else stack.enter_context(pq.ParquetFile(old))

        room = ROWS

        def collect() -> None:
            nonlocal room
            if held:
                arrays = [
                    pa.array([typed(column, row[number]) for row in held], field.type)
                    for number, (column, field) in enumerate(zip(table.columns, schema, strict=True))
                ]
                waiting.append(pa.Table.from_arrays(arrays, schema=schema))
                room -= len(held)
                held.clear()

        def flush() -> None:
            nonlocal room
            collect()
            room = ROWS
            if waiting:
                file.write_table(pa.concat_tables(waiting).combine_chunks(), row_group_size=ROWS)
                waiting.clear()

        def put(row: Sequence[Any]) -> None:
            held.append(row)
            if len(held) == room:
                flush()

        def copy(first: int, count: int) -> None:
            nonlocal room
            collect()
            while count:
                start = first % ROWS
                taken = min(count, ROWS - start, room)
                waiting.append(group(first // ROWS).slice(start, taken))
                first, count, room = first + taken, count - taken, room - taken
                if not room:
                    flush()

        @lru_cache(maxsize=1)
        def group(number: int) -> Any:
            assert before is not None
            return before.read_row_group(number).cast(schema)

        yield Writing(put, copy)
        flush()


def arrow_types() -> dict[str, Any]:
    """Arrow's type for each type of a column."""
    import pyarrow as pa

    return {"integer": pa.int64(), "number": pa.float64(), "bool": pa.bool_(), "text": pa.string()}


def typed(column: Column, value: Any) -> Any:
    """A cell as its column wants it."""
    if value is None:
        return None
    if column.type == "number":
        return float(value)
    return str(value) if column.type == "text" else value
