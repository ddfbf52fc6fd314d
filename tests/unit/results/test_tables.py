"""The tables: which rows and columns, the same in every format, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
import sqlite3
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.config.aggregate import Aggregate, table_files
from pixmake.job.record import Failure, Record, write_record
from pixmake.results.aggregate import write_tables
from pixmake.results.export.delimited import as_it_was, csv_table, harmless
from pixmake.results.export.sqlite import sqlite_tables
from pixmake.results.record_lines import gather
from pixmake.results.tables import Column, Table

RECORDS = [
    Record(
        *("a", "one", "ok", {"path": "a.png", "n": 1}),
        {"x": {"value": 1.5, "unit": "mm"}, "y": {"value": [1, 2], "label": ["red", "blue"]}},
        files={"mask": "r/one/a.mask.png"},
        run={"seconds": 2.5, "versions": {"numpy": "2"}},
        images=("a.png",),
    ),
    Record("a", "two", "ok", {"path": "a.png", "n": 1}, {"z": {"value": "é,\n"}, "n": {"value": 7}}),
    Record("b", "one", "failed", {"path": "b.png"}, error=Failure("ValueError", "no", "", "logs/b")),
    Record("b", "two", "failed", {"path": "b.png"}, error=Failure("PrerequisiteFailed", "one")),
    Record("c", "files", "ok", {"path": "c.png"}, images=("c1.png", "c2.png")),
]


def tables_of(
    folder: Path, records: Sequence[Record], terms: Sequence[str] = ("path", "n"), **wanted: Any
) -> Path:
    """A folder with the tables of records."""
    paths = []
    for number, record in enumerate(records):
        paths.append(str(folder / "records" / str(number) / record.step / f"{record.id}.json"))
        write_record(record, paths[-1])
    assert gather(paths, folder / "all.jsonl") == len(records)
    write_tables(folder / "all.jsonl", terms, str(folder / "results"), Aggregate(**wanted))
    return folder / "results"


def test_tables(tmp_path: Path) -> None:
    """Rows by record, columns by metadata and then by step; a failure has its row, what needed it none."""
    results = tables_of(tmp_path, RECORDS)
    read = {path.stem: path.read_text() for path in results.iterdir()}
    assert read == {
        "measurements": "id,step,path,n,x,y,z,two.n\n"
        'a,one,a.png,1,1.5,"[1, 2]",,\na,two,a.png,1,,,"é,\n",7\n',
        "measurements_long": "id,step,measurement,value,label\na,one,y,1,red\na,one,y,2,blue\n",
        "failures": "id,step,error,message,log,path,n\nb,one,ValueError,no,logs/b,b.png,\n",
        "runs": "id,step,status,seconds,versions.numpy\n"
        "a,one,ok,2.5,2\na,two,ok,,\nb,one,failed,,\nb,two,failed,,\nc,files,ok,,\n",
        "files": "id,step,name,path\na,one,image,a.png\na,one,mask,r/one/a.mask.png\n"
        "c,files,image1,c1.png\nc,files,image2,c2.png\n",
        "columns": "column,kind,step,type,unit,scale,datatype,trait,method\n"
        "path,term,,text,,,,,\nn,term,,integer,,,,,\n"
        "x,measurement,one,number,mm,,,,\ny,measurement,one,several,,,,,\n"
        "z,measurement,two,text,,,,,\ntwo.n,measurement,two,integer,,,,,\n",
    }


def test_all_formats_say_the_same(tmp_path: Path) -> None:
    """CSV, Parquet and SQLite hold the same rows; Parquet has types and units."""
    import pyarrow.parquet as pq

    results = tables_of(tmp_path, RECORDS, tables=["csv", "parquet", "sqlite"])
    written = {Path(path).name for path in table_files("r", Aggregate(tables=["parquet", "sqlite"])).values()}
    assert {path.name for path in results.iterdir()} == written
    database = sqlite3.connect(results / "tables.sqlite")
    for path in results.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
        table = pq.read_table(path.with_suffix(".parquet"))
        assert table.column_names == header
        cursor = database.execute(f"SELECT * FROM {path.stem}")
        assert [column[0] for column in cursor.description] == header
        from_parquet = [tuple(row.values()) for row in table.to_pylist()]
        assert from_parquet == cursor.fetchall()
        as_text = [["" if value is None else str(value) for value in row] for row in from_parquet]
        assert as_text == rows
    x = pq.read_schema(results / "measurements.parquet").field("x")
    assert (str(x.type), x.metadata) == ("double", {b"unit": b"mm"})


def test_not_finite_numbers_are_numbers(tmp_path: Path) -> None:
    """NaN and infinities, which records hold as text, make no column of text."""
    import pyarrow.parquet as pq

    values = (1, "nan", "-inf", None)
    records = [Record(f"i{n}", "s", "ok", {}, {"v": {"value": value}}) for n, value in enumerate(values)]
    results = tables_of(tmp_path, records, (), tables=["parquet", "sqlite"])
    column = pq.read_table(results / "measurements.parquet")["v"].to_pylist()
    assert [str(value) for value in column] == ["1.0", "nan", "-inf", "None"]
    found = sqlite3.connect(results / "tables.sqlite").execute("SELECT v FROM measurements").fetchall()
    assert found == [(1.0,), (None,), (float("-inf"),), (None,)]
    assert "-inf\n" in (results / "measurements.csv").read_text()


def test_no_formulas(tmp_path: Path) -> None:
    """A file name that a spreadsheet would run is text; numbers stay as they are; Excel gets its mark."""
    names = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "plain", "-1.5", "-", "'quoted"]
    records = [
        Record(f"i{number}", "s", "ok", {"path": name}, {"v": {"value": -number}})
        for number, name in enumerate(names)
    ]
    results = tables_of(tmp_path, records, ("path",), bom=True)
    content = (results / "measurements.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfid,")
    with (results / "measurements.csv").open(newline="", encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        assert row["path"] == "-1.5" or not row["path"].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert [as_it_was(row["path"]) for row in rows] == names
    assert [int(row["v"]) for row in rows] == [-number for number in range(len(names))]


@given(st.text() | st.integers() | st.floats(allow_nan=False))
def test_harmless_loses_nothing(value: object) -> None:
    """What is changed for spreadsheets can be had back; what is not text is not changed."""
    changed = harmless(value)
    assert as_it_was(changed) == value if changed != value else changed is value


def test_memory_does_not_grow_with_the_records(tmp_path: Path) -> None:
    """Ten times the records take about the same memory."""

    def peak(count: int) -> int:
        folder = tmp_path / str(count)
        folder.mkdir()
        with (folder / "all.jsonl").open("w") as lines:
            for number in range(count):
                content = {
                    "id": f"i{number}",
                    "step": "s",
                    "status": "ok",
                    "error": None,
                    "metadata": {"p": "x" * 50},
                }
                content["measurements"] = {name: {"value": number / 7} for name in "abcdefgh"}
                lines.write(json.dumps(content) + "\n")
        tracemalloc.start()
        write_tables(
            folder / "all.jsonl", ["p"], str(folder / "results"), Aggregate(tables=["csv", "sqlite"])
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(5000) < 1.5 * peak(500) + 200_000


def test_a_table_too_wide_for_sqlite_is_told(tmp_path: Path) -> None:
    """What cannot be written is an error in words, and leaves nothing behind."""
    table = Table("measurements", tuple(Column(f"c{number}") for number in range(3000)))
    with pytest.raises(PixmakeError, match="take parquet"), sqlite_tables([table], tmp_path / "t.sqlite"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_names_that_differ_by_case(tmp_path: Path) -> None:
    """SQLite gets two columns where CSV has them."""
    records = [Record("i", "s", "ok", {}, {"A": {"value": 1}, "a": {"value": 2}})]
    results = tables_of(tmp_path, records, (), tables=["sqlite"])
    cursor = sqlite3.connect(results / "tables.sqlite").execute("SELECT * FROM measurements")
    assert [column[0] for column in cursor.description] == ["id", "step", "A", "a_"]


def test_a_table_is_whole_or_not_there(tmp_path: Path) -> None:
    """A table that cannot be finished leaves the old one."""
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), csv_table(Table("t", (Column("a"),)), path) as put:
        put([1])
        put([1 / 0])
    assert path.read_text() == "old"
