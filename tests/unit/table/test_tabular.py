"""Tables in files: any format gives the same rows; joined tables; what is wrong with them."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.base.values import comparable, typed_cell
from pixmake.config.images import File, Images
from pixmake.table.files import read_file_table
from pixmake.table.sources import read_images
from pixmake.table.table import Table, counted_notes


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(**keys: Any) -> Table:
    return read_images(Images.model_validate(keys))


def problems(**keys: Any) -> list[str]:
    with pytest.raises(PixmakeError) as raised:
        table(**keys)
    return [str(problem) for problem in raised.value.problems]


def write(frame: pd.DataFrame, path: Path) -> Path:
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
        case ".parquet":
            frame.to_parquet(path, index=False)
        case ".xlsx":
            frame.to_excel(path, index=False)
        case ".json":
            frame.to_json(path, orient="records", force_ascii=False)
        case ".ndjson":
            frame.to_json(path, orient="records", lines=True, force_ascii=False)
    return path


FORMATS = (".csv", ".tsv", ".parquet", ".xlsx", ".json", ".ndjson")


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats(suffix: str) -> None:
    """One table, whatever it is written as: numbers, names that look like some, empty cells, letters."""
    frame = pd.DataFrame(
        {
            "path": ["a.png", "ü/植 物.png"],
            "n": [1, 2],
            "x": [1.5, None],
            "name": ["007", None],
            "note": ['say "x", y', "two\nlines"],
        }
    )
    found = table(table=str(write(frame, Path(f"t{suffix}"))))
    assert found.columns == ["path", "n", "x", "name", "note"]
    assert found.frame.to_dict("records") == [
        {"path": "a.png", "n": 1, "x": 1.5, "name": "007", "note": 'say "x", y'},
        {"path": "ü/植 物.png", "n": 2, "x": None, "name": None, "note": "two\nlines"},
    ]
    assert [type(cell) for cell in found.frame["n"]] == [int, int]
    first = 2 if suffix in (".csv", ".tsv", ".xlsx") else 1
    assert found.place(0) == f"t{suffix}, row {first}"


TEXTS = st.text(
    st.one_of(
        st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="_"),
        st.sampled_from("0123456789.-+eE"),
    ),
    max_size=10,
).filter(lambda text: not text.startswith("="))  # a spreadsheet takes it for a formula
COLUMN = st.one_of(
    st.lists(st.one_of(TEXTS, st.none()), min_size=4, max_size=4),
    st.lists(st.integers(-(10**14), 10**14), min_size=4, max_size=4),
    st.lists(
        st.floats(allow_nan=True, allow_infinity=False, allow_subnormal=False).filter(
            # a spreadsheet has whole numbers as such, and those of more than 15 digits stay text
            lambda number: not (abs(number) >= 1e15 and number.is_integer())
        ),
        min_size=4,
        max_size=4,
    ),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.lists(
        st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2100, 1, 1)).map(
            lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000)
        ),
        min_size=4,
        max_size=4,
    ),
)


def meant(cell: Any) -> Any:
    """What a cell means, as `where` sees it; times as times."""
    value = typed_cell(cell)
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            return comparable(value)
    return float(f"{value:.14e}") if isinstance(value, float) else comparable(value)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, datetime.datetime) and isinstance(right, datetime.datetime):
        return abs((left - right).total_seconds()) < 0.002  # a spreadsheet counts in days
    if isinstance(left, float) or isinstance(right, float):
        return math.isclose(float(left), float(right), rel_tol=1e-13)
    return bool(left == right)


@settings(max_examples=40, deadline=None)
@given(st.lists(COLUMN, min_size=1, max_size=4), st.integers(1, 4))
def test_what_pandas_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list[Any]], count: int
) -> None:
    """Texts, numbers, truths and times come back the same from CSV, Parquet and Excel."""
    frame = pd.DataFrame({"path": [f"{n}.png" for n in range(count)]})
    for number, cells in enumerate(columns):
        frame[f"c{number}"] = cells[:count]
    folder = tmp_path_factory.mktemp("tables")
    for suffix in (".csv", ".parquet", ".xlsx"):
        found = table(table=str(write(frame, folder / f"t{suffix}")))
        assert found.columns == list(frame.columns)
        assert found.frame["path"].tolist() == frame["path"].tolist()
        for name in frame.columns[1:]:
            for read, written in zip(found.frame[name], frame[name], strict=True):
                assert same(meant(read), meant(written)), (suffix, name, read, written)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (np.int64(7), 7),
        (np.float64("nan"), None),
        (float("inf"), "inf"),
        (10**15, "1000000000000000"),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Timestamp("2024-01-31"), "2024-01-31"),
        (pd.Timestamp("2024-01-31 17:05"), "2024-01-31T17:05:00"),
        (datetime.date(2024, 1, 31), "2024-01-31"),
        (True, True),
        (["a", 1], '["a", 1]'),
        (b"7", 7),
        ("1e-07", 1e-07),
        ("1.5e+300", 1.5e300),
        ("1.5e999", "1.5e999"),
    ],
)
def test_cells_of_other_types(cell: Any, value: Any) -> None:
    """Whatever a format holds becomes text, a number, a truth or nothing."""
    assert typed_cell(cell) == value
    assert type(typed_cell(cell)) is type(value)


def test_spreadsheets() -> None:
    """Empty rows and columns around a table do no harm; of several sheets one is named."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Images"
    for number, row in enumerate([["path", "n"], ["a.png", 1.0], [], ["b.png", 2.5]], 1):
        for column, cell in enumerate(row, 1):
            sheet.cell(number, column, cell)
    sheet.cell(6, 5, "")
    book.create_sheet("empty")
    book.save("t.xlsx")
    found = table(table="t.xlsx")
    assert found.frame.to_dict("records") == [{"path": "a.png", "n": 1}, {"path": "b.png", "n": 2.5}]
    assert found.place(1) == "t.xlsx, row 4"
    book["empty"]["A1"] = "notes"
    book.save("t.xlsx")
    assert problems(table="t.xlsx") == ["t.xlsx: has 2 sheets (set `sheet` to one of: Images, empty)"]
    assert table(table={"path": "t.xlsx", "sheet": "Images"}).frame.equals(found.frame)
    assert problems(table={"path": "t.xlsx", "sheet": "images"}) == [
        "t.xlsx: has no sheet 'images' (did you mean 'Images'?)"
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.xlsx", b"no zip", "t.xlsx: cannot be read as Excel"),
        ("t.parquet", b"no parquet", "t.parquet: cannot be read as Parquet"),
        ("t.json", b"{", "t.json: cannot be read as JSON"),
        ("t.json", b'{"path": 1}', "t.json: is no list (it should be a list of records"),
        ("t.json", b'[{"path": "a"}, 7]', "t.json, row 2: is no record"),
        ("t.json", b"[]", "t.json: is empty (it needs a header with a column `path`)"),
        ("t.json", b'[{"file": "a"}]', "t.json: there is no column 'path' (known: file)"),
        ("t.ndjson", b'{"path": "a"}\n\nx\n', "t.ndjson, line 3: is no JSON"),
        ("t.csv", b'path\n"a', "t.csv, line 2: cannot be read: unexpected end of data"),
        ("t.csv", b"path\n\xff", "t.csv, line 2: is not UTF-8 text"),
        ("t.csv", "path\na".encode("utf-16") + b"x", "t.csv: begins as UTF-16 text, but is none"),
        ("t.csv", b"\n", "t.csv: is empty (it needs a header with a column `path`)"),
        ("t.csv", b"\x00\x01\x02\x03", "t.csv: there is no column 'path'"),
    ],
)
def test_files_that_cannot_be_read(name: str, content: bytes, expected: str) -> None:
    """Each is told in a sentence, with its line or row."""
    Path(name).write_bytes(content)
    assert problems(table=name)[0].startswith(expected)


PLAIN = "path,plot\na.png,1.10\nb.png,P2\n"


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (PLAIN.encode(), 2),
        (PLAIN.replace("\n", "\r").encode(), 2),
        (PLAIN.replace("\n", "\r\n").encode("utf-16"), 2),
        (PLAIN.replace(",", "\t").encode("utf-16-le"), 2),
        (PLAIN.encode("utf-16-be"), 2),
        (f"sep=;\r\n{PLAIN.replace(',', ';')}".encode(), 2),
        (f'"sep=,"\n{PLAIN}'.encode(), 2),
        (f"\ufeffsep=\t\t\r{PLAIN.replace(',', chr(9))}".encode(), 2),
        (b"path,plot,,\na.png,1.10,,\nb.png,P2,,\n", 2),
        (b"path,plot\na.png,1.10,,\nb.png,P2\n", 2),
        (b"\n\npath,plot\n\na.png,1.10\n , \nb.png,P2\n\n", 5),
        (b" path , plot \na.png, 1.10 \nb.png,P2 \n", 2),
    ],
)
def test_texts_of_spreadsheets(content: bytes, first: int) -> None:
    """Line ends, UTF-16, Excel's line `sep=;`, cleared columns, empty lines, space: the same two rows."""
    Path("t.csv").write_bytes(content)
    found = table(table="t.csv")
    assert found.columns == ["path", "plot"]
    assert found.texts("plot") == ["1.10", "P2"]
    assert found.cells["path"].tolist() == ["a.png", "b.png"]
    assert found.place(0) == f"t.csv, row {first}"
    assert found.notes == ()


def test_paths_of_windows_and_with_space() -> None:
    r"""``in\a.png`` and ``a.png `` are read as they are meant where that is a file, which is told."""
    Path("in").mkdir()
    for path in ("in/a.png", "b.png", "c .png", "d\\e.png"):
        Path(path).touch()
    Path("t.csv").write_text("path\nin\\a.png\nb.png \nc .png\nd\\e.png\nnone\\f.png\n")
    found = table(table="t.csv")
    assert found.cells["path"].tolist() == ["in/a.png", "b.png", "c .png", "d\\e.png", "none\\f.png"]
    assert [str(note) for note in found.notes] == [
        "t.csv, row 2: a path of Windows, read with /: 'in\\\\a.png'",
        "t.csv, row 3: space around a path, left out: 'b.png '",
    ]


def test_missing_and_folders() -> None:
    """A file that is not there, a folder, and a sheet of what has none."""
    Path("t.parquet").mkdir()
    assert problems(table="none.xlsx") == ["none.xlsx: there is no such file"]
    assert problems(table="t.parquet") == ["t.parquet: cannot be read: Is a directory"]
    Path("t.csv").write_text("path\na\n")
    assert problems(table={"path": "t.csv", "sheet": "x"}) == [
        "t.csv: has no sheets (`sheet` is for Excel files)"
    ]


def test_records_need_not_have_the_same_keys() -> None:
    """A key that a record lacks is an empty cell."""
    Path("t.ndjson").write_text('{"path": "a"}\n\n{"n": 1, "path": "b"}\n')
    found = read_file_table(File(path="t.ndjson"), ["path"])
    assert (found.columns, found.numbers) == ({"path": ["a", "b"], "n": [None, 1]}, [1, 3])


# --- join


def images(*plants: str) -> None:
    Path("images.csv").write_text(
        "path,plant,day\n" + "".join(f"{n}.png,{p},1\n" for n, p in enumerate(plants))
    )


def test_join() -> None:
    """Each image gets its plant's columns; plants without images are noted."""
    images("7", "P1", "7")
    Path("plants.json").write_text(
        json.dumps([{"plant": "7", "genotype": "wt"}, {"plant": "P1"}, {"plant": "P9", "genotype": "x"}])
    )
    found = table(table="images.csv", join={"table": "plants.json", "on": "plant"})
    assert found.columns == ["path", "plant", "day", "genotype"]
    assert found.frame["genotype"].tolist() == ["wt", None, "wt"]
    assert counted_notes(found.notes) == ["1 × a row that no image takes (first: plants.json, row 3)"]


def test_keys_are_texts() -> None:
    """A key is what is written; one that differs by case, zeros or the way of a number is pointed at."""
    images("1.1", "1.10", "A1", "7")
    Path("plants.csv").write_text("plant,g\n1.10,x\n1.1,y\nA01,z\n7.0,w\n")
    asked = {"table": "plants.csv", "on": "plant"}
    assert problems(table="images.csv", join=asked) == [
        "images.csv, row 4: 'A1' is not in plants.csv by plant (plants.csv has 'A01': keys are compared "
        "by their texts; `unmatched: skip` leaves such images out, `keep` gives them empty cells)",
        "images.csv, row 5: '7' is not in plants.csv by plant (plants.csv has '7.0': keys are compared "
        "by their texts)",
    ]
    kept = table(table="images.csv", join={**asked, "unmatched": "keep"})
    assert kept.cells["g"].tolist() == ["y", "x", None, None]
    pd.DataFrame({"plant": [7.0, 8.0], "g": ["v", None]}).to_parquet("numbers.parquet")
    for written in ("7", "7.0"):
        images(written)
        found = table(table="images.csv", join={"table": "numbers.parquet", "on": "plant"})
        assert found.cells["g"].tolist() == ["v"]


def test_several_joins() -> None:
    """One after the other, each by its own columns; a joined `timestamp` is one."""
    images("A", "B")
    Path("plants.csv").write_text("plant,day,genotype\nA,1,wt\nB,1,x\nB,2,y\n")
    Path("genotypes.csv").write_text("genotype,timestamp\nwt,2024-01-31\nx,2024-02-01\n")
    found = table(
        table="images.csv",
        join=[
            {"table": "plants.csv", "on": ["plant", "day"]},
            {"table": {"path": "genotypes.csv"}, "on": "genotype"},
        ],
    )
    assert found.frame["genotype"].tolist() == ["wt", "x"]
    assert found.when is not None
    assert [str(day)[:10] for day in found.when] == ["2024-01-31", "2024-02-01"]


def test_images_that_the_other_table_does_not_know() -> None:
    """They are an error by default, each key once; or left out, or kept with empty cells, and noted."""
    images("A", "X", "", "X")
    Path("plants.csv").write_text("plant,genotype\nA,wt\n")
    asked = {"table": "plants.csv", "on": "plant"}
    assert problems(table="images.csv", join=asked) == [
        "images.csv, row 3, and 1 row more: 'X' is not in plants.csv by plant "
        "(`unmatched: skip` leaves such images out, `keep` gives them empty cells)",
        "images.csv, row 4: plant is empty, so plants.csv has no row for it",
    ]
    kept = table(table="images.csv", join={**asked, "unmatched": "keep"})
    assert kept.frame["genotype"].tolist() == ["wt", None, None, None]
    left = table(table="images.csv", join={**asked, "unmatched": "skip"})
    assert left.frame["path"].tolist() == ["0.png"]
    assert counted_notes(left.notes) == [
        "3 × is not in plants.csv by plant, and is left out (first: images.csv, row 3)"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "plant,g\nA,1\nB,2\nA,3\n7,4\n7.0,5\n",
            [
                "plants.csv, row 4: 'A' stands twice, also in row 2 (an image takes the columns of one row)",
            ],
        ),
        ("plnt,g\nA,1\n", ["plants.csv: there is no column 'plant' (did you mean 'plnt'?)"]),
        (
            "plant,day\nA,1\n",
            ["images.join: both images.csv and plants.csv have a column 'day' (rename one of them)"],
        ),
    ],
)
def test_problems_of_joins(text: str, expected: list[str]) -> None:
    """Keys that stand twice, with their rows; columns that are not there, or there twice."""
    images("A")
    Path("plants.csv").write_text(text)
    assert problems(table="images.csv", join={"table": "plants.csv", "on": "plant"}) == expected
    Path("plants.csv").write_text("plot\n1\n")
    assert problems(table="images.csv", join={"table": "plants.csv", "on": "plot"}) == [
        "images.join: images.csv has no column 'plot' (its columns: path, plant, day)"
    ]
