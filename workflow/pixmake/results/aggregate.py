"""From the gathered records of all jobs to the tables, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pixmake.config.table_formats import DATABASE, PLANTCV, Wanted
from pixmake.job.record import Record
from pixmake.results.export import Writing
from pixmake.results.export.delimited import csv_head, csv_rows, csv_table
from pixmake.results.export.parquet import parquet_table
from pixmake.results.export.plantcv import plantcv_results
from pixmake.results.export.sqlite import can_copy, sqlite_tables
from pixmake.results.kept_parts import KEY, Lines, Memory, Parts, lines_of, write_parts
from pixmake.results.kept_rows import library_versions, write_rows
from pixmake.results.record_lines import gathered
from pixmake.results.tables import Shape, Tables, shape_of, tables_of


def write_tables(records: str | Path, terms: Sequence[str], results: str, wanted: Wanted) -> Tables:
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
        write_parts(memory, parts, files, lambda number: _csv(tables, lines.record(number)))
        with csv_table(tables.columns, f"{results}/{tables.columns.name}.csv", bom=wanted.bom) as put:
            for described in tables.described:
                put(described)
        _write_typed(lines, parts, results, wanted, tables)
    if wanted.plantcv:
        paths = [Path(results) / name for name in PLANTCV]
        with plantcv_results(paths, terms, tables, wanted.plantcv_append) as put_record:
            for record in gathered(records):
                put_record(record)
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


def _csv(tables: Tables, record: Record) -> dict[str, bytes]:
    """A record's rows as they stand in CSV, by table."""
    return {name: csv_rows(found) for name, found in _rows(tables, record).items()}


def _write_typed(lines: Lines, parts: Parts, results: str, wanted: Wanted, tables: Tables) -> None:
    """Write the tables in the formats whose cells have types; see `pixmake.results.kept_rows`."""
    formats = sorted(set(wanted.tables) - {"csv"})
    if not formats:
        return
    by_name = {table.name: table for table in tables.all}
    files = {table: f"{results}/{table}.parquet" for table in by_name} if "parquet" in formats else {}
    if "sqlite" in formats:
        files[DATABASE] = f"{results}/{DATABASE}"
    memory = Memory(results, "rows", f"{formats} {library_versions(formats)}")
    if "sqlite" in formats and not can_copy(tables.all):
        memory.forget()

    @contextmanager
    def opened(old: Mapping[str, Path]) -> Iterator[Mapping[str, Sequence[Writing]]]:
        with ExitStack() as stack:
            found: dict[str, list[Writing]] = {table: [] for table in by_name}
            for name, path in files.items():
                if name == DATABASE:
                    of_tables = stack.enter_context(sqlite_tables(tables.all, path, old.get(name)))
                    for table, writing in of_tables.items():
                        found[table].append(writing)
                else:
                    opening = parquet_table(by_name[name], path, old.get(name))
                    found[name].append(stack.enter_context(opening))
            of_columns = found.pop(tables.columns.name)
            yield found
            for described in tables.described:
                for writing in of_columns:
                    writing.put(described)

    said = Parts(parts.keys, said=parts.said)
    write_rows(memory, said, files, opened, lambda number: _rows(tables, lines.record(number)))


def _rows(tables: Tables, record: Record) -> Mapping[str, Sequence[Sequence[Any]]]:
    """A record's rows, by table."""
    rows: dict[str, list[Sequence[Any]]] = {}
    for name, row in tables.rows(record):
        rows.setdefault(name, []).append(row)
    return rows
