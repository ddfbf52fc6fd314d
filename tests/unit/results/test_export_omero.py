"""``pixmake export omero-csv``: a table as OMERO's importer takes it, whatever was measured."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.config.aggregate import Aggregate
from pixmake.job.record import Record, write_record
from pixmake.results.aggregate import write_tables
from pixmake.results.export.omero import OmeroTable, omero_pairs, omero_table
from pixmake.results.record_lines import gather

FIRST = {
    "path": "x/a.tif",
    "image_id": 101,
    "name": "a.tif",
    "plate": "P1",
    "well": "A1",
    "cell line": "HeLa",
}
SECOND = {"path": "x/b.tif", "image_id": 102, "name": "b.tif", "plate": "P1", "well": "A2", "c": 0}


def measured(**values: Any) -> dict[str, dict[str, Any]]:
    return {name: {"value": value} for name, value in values.items()}


RECORDS = [
    Record("a", "segment", "ok", FIRST, measured(area=10, bright=0.5, ok=True, hist=[1, 2])),
    Record("a", "count", "ok", FIRST, measured(area=3, shape="round, or so")),
    Record("b", "segment", "ok", SECOND, measured(area=12, bright="nan", ok=False, hist=[1, 2])),
]


def results_of(folder: Path, records: Sequence[Record], terms: Mapping[str, Any]) -> Path:
    paths = []
    for number, record in enumerate(records):
        paths.append(str(folder / "records" / str(number) / record.step / f"{record.id}.json"))
        write_record(record, paths[-1])
    gather(paths, folder / "all.jsonl")
    write_tables(folder / "all.jsonl", list(terms), str(folder / "results"), Aggregate())
    return folder / "results"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return results_of(tmp_path, RECORDS, {**FIRST, **SECOND})


def written(table: OmeroTable, folder: Path) -> list[str]:
    table.write(folder / "omero.csv")
    return (folder / "omero.csv").read_text().splitlines()


def test_a_row_an_image(results: Path) -> None:
    """Steps stand beside each other; types come first; what OMERO knows, and what it cannot hold, is left."""
    table = omero_table(results)
    assert written(table, results) == [
        "# header image,s,s,d,l,d,b,d,s",
        "Image,id,cell_line,c,segment_area,bright,ok,count_area,pixmake_shape",
        '101,a,HeLa,nan,10,0.5,true,3.0,"round, or so"',
        "102,b,,0.0,12,nan,false,nan,",
    ]
    assert table.notes == ("left out, as a cell of OMERO's holds one value: hist",)
    assert omero_table(results, steps=["count"]).rows == ((101, "a", "HeLa", 3, "round, or so"),)


def test_by_name_and_by_well(results: Path) -> None:
    """Images that are not of OMERO are found by their file's name, or by their well."""
    table = omero_table(results, by="name", steps=["count"])
    assert (table.columns[0], table.types[0], table.rows[0][0]) == ("Image Name", "s", "a.tif")
    table = omero_table(results, by="well")
    assert (table.columns[:2], table.types[:2]) == (("Well", "id"), ("well", "s"))
    assert [row[0] for row in table.rows] == ["A1", "A2"]


def test_plates_stand_in_a_screen(tmp_path: Path) -> None:
    """Wells of several plates need their plates, which the importer knows in a screen."""
    records = [
        Record("a", "count", "ok", {"plate": "P1", "well": "A1"}, measured(n=1)),
        Record("b", "count", "ok", {"plate": "P2", "well": "A1"}, measured(n=2)),
    ]
    table = omero_table(results_of(tmp_path, records, {"plate": "", "well": ""}))
    assert written(table, tmp_path) == [
        "# header plate,well,s,l",
        "Plate,Well,id,n",
        "P1,A1,a,1",
        "P2,A1,b,2",
    ]


def test_objects_of_images(results: Path) -> None:
    """A table of all images has a row an object, each with its image."""
    (results / "segment.cells.csv").write_text("id,label,area\na,1,7.5\na,2,3\nb,1,\n")
    table = omero_table(results, table=results / "segment.cells.csv")
    assert written(table, results) == [
        "# header image,s,s,d,l,d",
        "Image,id,cell_line,c,label,area",
        "101,a,HeLa,nan,1,7.5",
        "101,a,HeLa,nan,2,3.0",
        "102,b,,0.0,1,nan",
    ]


def test_key_value_pairs(tmp_path: Path, results: Path) -> None:
    """Measurements alone: what OMERO has is not sent back; of several rows of an image each says which."""
    pairs, notes = omero_pairs(results)
    assert pairs == {
        101: [
            ("segment_area", "10"),
            ("bright", "0.5"),
            ("ok", "true"),
            ("count_area", "3.0"),
            ("pixmake_shape", "round, or so"),
        ],
        102: [("segment_area", "12"), ("ok", "false")],
    }
    assert notes == ["left out, as a cell of OMERO's holds one value: hist"]
    channels = [
        Record(f"x_c{c}", "count", "ok", {**FIRST, "c": c, "path": f"x{c}"}, measured(n=c)) for c in (0, 1)
    ]
    again = results_of(tmp_path / "again", channels, {**FIRST, "c": 0})
    assert omero_pairs(again)[0] == {101: [("n (x_c0)", "0"), ("n (x_c1)", "1")]}


def test_what_cannot_be_exported(tmp_path: Path, results: Path) -> None:
    """No results, no such step or table, nothing to find the object by."""

    def problem(folder: Path, **keys: Any) -> str:
        with pytest.raises(PixmakeError) as raised:
            omero_table(folder, **keys)
        return str(raised.value)

    assert (
        problem(tmp_path / "none") == f"{tmp_path}/none: there are no measurements yet (run snakemake first)"
    )
    assert "the step 'coutn' has measured nothing (did you mean 'count'?)" in problem(
        results, steps=["coutn"]
    )
    assert "no.csv: there is no such table" in problem(results, table="no.csv")
    (results / "empty.csv").write_text("id,n\nelse,1\n")
    assert "has no row of an image that was measured" in problem(results, table=results / "empty.csv")


CELLS = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_infinity=False) | st.text()


@given(
    st.dictionaries(st.text(min_size=1), st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=4),
)
def test_importer_reads_it(columns: dict[str, list[Any]]) -> None:
    """Whatever columns are called and hold, each cell is what its type says, by the importer's own rules."""
    from pixmake.results.export.omero import _cell, _plain, _renamed, _type

    renamed = _renamed({name: list(map(_plain, cells)) for name, cells in columns.items()})
    assert len(renamed) == len(columns)
    for name, cells in renamed.items():
        assert name.isidentifier()
        assert name.lower() not in ("image", "plate", "well", "dataset", "roi", "shape", "row", "column")
        type_ = _type(cells)
        out = io.StringIO()
        csv.writer(out).writerow([_cell(cell, type_) for cell in cells])
        for text, cell in zip(next(csv.reader(io.StringIO(out.getvalue(), newline=""))), cells, strict=True):
            if type_ == "l":
                assert int(text) == cell
            elif type_ == "d":
                assert math.isnan(float(text)) if cell is None else float(text) == float(cell)
            elif type_ == "b":
                assert (text.lower() in ("yes", "true", "t", "1")) is cell
