"""Tables as Parquet: typed columns, with their units in the fields' metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixmake.base.errors import MissingExtraError
from pixmake.base.files import written_whole
from pixmake.results.export import Put
from pixmake.results.tables import Column, Table

ROWS = 10_000
"""Rows that are held in memory, and make a row group."""


@contextmanager
def parquet_table(table: Table, path: str | Path) -> Iterator[Put]:
    """Open a Parquet file.

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
    with written_whole(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as file:

        def flush() -> None:
            arrays = [
                pa.array([typed(column, row[number]) for row in held], field.type)
                for number, (column, field) in enumerate(zip(table.columns, schema, strict=True))
            ]
            file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            held.clear()

        def put(row: Sequence[Any]) -> None:
            held.append(row)
            if len(held) >= ROWS:
                flush()

        yield put
        if held:
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
