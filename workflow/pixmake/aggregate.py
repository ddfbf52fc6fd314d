"""From the records of all jobs to the tables, in memory that does not grow with their number.

First the records are gathered in one file, in the order of the table of images: `gather`, the one thing
that opens every record. All that comes after reads that file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pixmake.aggregation import DATABASE, PLANTCV, Aggregate
from pixmake.export import Put
from pixmake.export.delimited import csv_table
from pixmake.export.parquet import parquet_table
from pixmake.export.plantcv import plantcv_results
from pixmake.export.sqlite import sqlite_tables
from pixmake.job import PREREQUISITE
from pixmake.records import (
    STORED,
    Record,
    failure_counts,
    note_failure,
    parse_record,
    read_content,
    written_whole,
)
from pixmake.tables import Table, Tables, survey


def gather(records: Iterable[str], path: str | Path) -> int:
    """Write records into one file, a line each, in the order given.

    Returns
    -------
    int
        Their number.

    Raises
    ------
    FileNotFoundError, ValueError
        A record is missing, or is none.
    """
    count = 0
    with written_whole(path) as temporary, open(temporary, "w", encoding="utf-8") as lines:
        for record in records:
            content = read_content(record)
            if content["error"] is not None and os.environ.get(STORED):
                _note_failure(content, record)
            lines.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def _note_failure(content: Mapping[str, Any], record: str) -> None:
    """Note a failure that another machine has noted: its notes are not among what it stores."""
    results, before = Path(record).parent.parent, content["origin"].get("task", {}).get("failures", 0)
    if content["error"]["type"] == PREREQUISITE:
        return
    if failure_counts(results, content["step"]).get(content["id"], 0) <= before:
        note_failure(results, content["step"], content["id"], content["error"]["message"])


def gathered(path: str | Path) -> Iterator[Record]:
    """The records of a file that `gather` wrote, one at a time."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield parse_record(json.loads(line))


def write_tables(records: str | Path, terms: Sequence[str], results: str, wanted: Aggregate) -> Tables:
    """Write all tables, in all formats that are wanted.

    The same records give the same bytes, ``runs`` apart: rows stand in the order of ``records``,
    metadata in the order of ``terms``, measurements in the order in which they first occur.

    Parameters
    ----------
    records
        The file that `gather` wrote.
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
            plantcv = stack.enter_context(plantcv_results([Path(results) / name for name in PLANTCV], terms))
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
