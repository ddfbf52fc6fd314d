"""From the gathered records of all jobs to the tables, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from pixmake.config.aggregate import DATABASE, PLANTCV, Aggregate
from pixmake.results.export import Put
from pixmake.results.export.delimited import csv_table
from pixmake.results.export.parquet import parquet_table
from pixmake.results.export.plantcv import plantcv_results
from pixmake.results.export.sqlite import sqlite_tables
from pixmake.results.record_lines import gathered
from pixmake.results.tables import Table, Tables, survey


def write_tables(records: str | Path, terms: Sequence[str], results: str, wanted: Aggregate) -> Tables:
    """Write all tables, in all formats that are wanted.

    The same records give the same bytes, ``runs`` apart: rows stand in the order of ``records``,
    metadata in the order of ``terms``, measurements in the order in which they first occur.

    Parameters
    ----------
    records
        The file that `recordlines.gather` wrote.
    terms
        The metadata terms, in the order of the table of images.
    results
        The folder to write to.
    wanted
        Which formats.
    """
    tables = survey(gathered(records), terms)
    with ExitStack() as stack:
        puts = _open(stack, tables.all, results, wanted)
        plantcv = None
        if wanted.plantcv:
            plantcv = stack.enter_context(
                plantcv_results(
                    [Path(results) / name for name in PLANTCV], terms, tables, wanted.plantcv_append
                )
            )
        for record in gathered(records):
            for name, row in tables.rows(record):
                for put in puts[name]:
                    put(row)
            if plantcv is not None:
                plantcv(record)
        for described in tables.described:
            for put in puts[tables.columns.name]:
                put(described)
    return tables


def _open(
    stack: ExitStack, tables: Sequence[Table], results: str, wanted: Aggregate
) -> Mapping[str, list[Put]]:
    """The functions that take a table's rows, one a format, by the table's name."""
    puts: dict[str, list[Put]] = {}
    for table in tables:
        file = csv_table(table, f"{results}/{table.name}.csv", bom=wanted.bom)
        puts[table.name] = [stack.enter_context(file)]
    if "parquet" in wanted.tables:
        for table in tables:
            puts[table.name].append(
                stack.enter_context(parquet_table(table, f"{results}/{table.name}.parquet"))
            )
    if "sqlite" in wanted.tables:
        database = stack.enter_context(sqlite_tables(tables, f"{results}/{DATABASE}"))
        for name, put in database.items():
            puts[name].append(put)
    return puts
