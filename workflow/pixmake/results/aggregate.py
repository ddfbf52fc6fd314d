"""From the gathered records of all jobs to the tables, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pixmake.config.aggregate import DATABASE, PLANTCV, Aggregate
from pixmake.job.record import Record
from pixmake.results.export import Put
from pixmake.results.export.delimited import csv_head, csv_rows, csv_table
from pixmake.results.export.parquet import parquet_table
from pixmake.results.export.plantcv import plantcv_results
from pixmake.results.export.sqlite import sqlite_tables
from pixmake.results.kept_parts import KEY, Lines, Memory, Parts, lines_of, write_parts
from pixmake.results.record_lines import gathered
from pixmake.results.tables import Shape, Table, Tables, shape_of, tables_of


def write_tables(records: str | Path, terms: Sequence[str], results: str, wanted: Aggregate) -> Tables:
    """Write all tables, in all formats that are wanted.

    The same records give the same bytes, ``runs`` apart: rows stand in the order of ``records``,
    metadata in the order of ``terms``, measurements in the order in which they first occur. Rows of records
    that are as they were are copied from the CSV that was there.

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
    with lines_of(records) as lines:
        memory = Memory(results, "tables", repr(list(terms)))
        parts = Parts(lines.keys, _shapes(lines, memory.before, terms))
        tables = tables_of(parts.known, terms)
        parts.said = repr((_what_decides_rows(tables), wanted.bom)).encode()
        filled = [table for table in tables.all if table is not tables.columns]
        files = {
            table.name: (f"{results}/{table.name}.csv", csv_head(table, bom=wanted.bom)) for table in filled
        }
        write_parts(memory, parts, files, lambda number: _rows(tables, lines.record(number)))
        with csv_table(tables.columns, f"{results}/{tables.columns.name}.csv", bom=wanted.bom) as put:
            for described in tables.described:
                put(described)
    _write_others(records, terms, results, wanted, tables)
    return tables


def _shapes(lines: Lines, before: Parts, terms: Sequence[str]) -> list[Shape]:
    """The shape of each record; equal ones are one object, so that they take no room."""
    numbers = before.numbers()
    shapes: dict[Shape, Shape] = {}
    found = []
    for number in range(len(lines)):
        known = numbers.get(lines.keys[number * KEY : number * KEY + KEY])
        if known is None:
            shape = shape_of(lines.record(number), terms)
            found.append(shapes.setdefault(shape, shape))
        else:
            found.append(before.known[known])
    return found


def _what_decides_rows(tables: Tables) -> list[object]:
    """What of the tables has a say in the text of a record's rows."""
    mappings = (tables.renamed, tables.terms, tables.in_failures)
    return [tables.all, *(sorted(each.items()) for each in mappings), sorted(tables.measuring)]


def _rows(tables: Tables, record: Record) -> dict[str, bytes]:
    """A record's rows as they stand in CSV, by table."""
    rows: dict[str, list[Sequence[Any]]] = {}
    for name, row in tables.rows(record):
        rows.setdefault(name, []).append(row)
    return {name: csv_rows(found) for name, found in rows.items()}


def _write_others(
    records: str | Path, terms: Sequence[str], results: str, wanted: Aggregate, tables: Tables
) -> None:
    """Write the tables in all formats but CSV."""
    if set(wanted.tables) <= {"csv"} and not wanted.plantcv:
        return
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


def _open(
    stack: ExitStack, tables: Sequence[Table], results: str, wanted: Aggregate
) -> Mapping[str, list[Put]]:
    """The functions that take a table's rows, one a format, by the table's name."""
    puts: dict[str, list[Put]] = {table.name: [] for table in tables}
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
