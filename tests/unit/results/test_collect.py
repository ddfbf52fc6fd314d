"""The tables of all images as one, with the id of each row's image."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pixmake.images.read import write_file
from pixmake.job.record import Record
from pixmake.results.collect import collect_tables, known_of


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_tables_of_images(tmp_path: Path, suffix: str) -> None:
    """Rows in the order of the images, all columns of all of them; a failed image has none."""
    ending = f".cells.{suffix}"
    write_file(pd.DataFrame({"id": [7, 8], "area": [1, 2]}), tmp_path / f"b{ending}")
    write_file(pd.DataFrame({"area": [2.5], "name": ["é, x"]}), tmp_path / f"a.b{ending}")
    write_file(pd.DataFrame({"area": [], "id": []}).astype({"id": int}), tmp_path / f"none{ending}")
    (tmp_path / f"failed{ending}").touch()
    files = [str(tmp_path / f"{name}{ending}") for name in ("b", "failed", "none", "a.b")]
    target = tmp_path / f"all.{suffix}"
    assert collect_tables(files, ending, target) == 3
    if suffix == "parquet":
        frame = pd.read_parquet(target)
    else:
        frame = pd.read_csv(target, sep="\t" if suffix == "tsv" else ",")
    assert list(frame.columns) == ["id", "id_1", "area", "name"]
    assert list(frame["id"]) == ["b", "b", "a.b"]
    assert list(frame["area"]) == [1, 2, 2.5]
    assert list(frame["id_1"].dropna()) == [7, 8]
    assert list(frame["name"].dropna()) == ["é, x"]
    before = target.read_bytes()
    collect_tables(files, ending, target)
    assert target.read_bytes() == before


def test_no_tables(tmp_path: Path) -> None:
    """If every image failed, the table has its id column alone."""
    (tmp_path / "a.t.csv").touch()
    assert collect_tables([str(tmp_path / "a.t.csv")], ".t.csv", tmp_path / "t.csv") == 0
    assert (tmp_path / "t.csv").read_text() == "id\n"


@pytest.mark.parametrize(
    ("suffix", "content"), [("csv", b"a,b\n1\n"), ("csv", b"\xff\xfe"), ("parquet", b"x")]
)
def test_what_is_no_table(tmp_path: Path, suffix: str, content: bytes) -> None:
    """The message names the file, and no half table is left."""
    path = tmp_path / f"a.t.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.t\."):
        collect_tables([str(path)], f".t.{suffix}", tmp_path / f"t.{suffix}")
    assert list(tmp_path.iterdir()) == [path]


def test_an_index_that_says_something_is_kept(tmp_path: Path) -> None:
    """A grouped table keeps its groups, and row numbers are left out."""
    frame = pd.DataFrame({"label": ["a", "a", "b"], "area": [1, 2, 3]})
    write_file(frame.groupby("label").sum(), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "label,area\na,3\nb,3\n"
    write_file(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "label,area\na,1\na,2\nb,3\n"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_know_their_image(tmp_path: Path, suffix: str) -> None:
    """Each has the metadata of its image; a column of the table's own that has the name gets a number."""
    ending = f".cells.{suffix}"
    write_file(pd.DataFrame({"well": ["x", "y"], "area": [1, 2]}), tmp_path / f"a{ending}")
    write_file(pd.DataFrame({"area": [3]}), tmp_path / f"b{ending}")
    records = [
        Record(
            "a",
            "seg",
            "ok",
            {"path": "a.png", "well": "B03", "day": 1, "plot": 1.1},
            written={"plot": "1.10"},
        ),
        Record("a", "other", "ok", {"well": "Z"}),
        Record("b", "seg", "ok", {"path": "b.png", "well": "007", "times": [1, 2]}),
    ]
    known = known_of(records, "seg", ["path", "well", "day", "plot", "times", "id"])
    target = tmp_path / f"all.{suffix}"
    assert collect_tables([str(tmp_path / f"{name}{ending}") for name in "ab"], ending, target, known) == 3
    frame = pd.read_parquet(target) if suffix == "parquet" else pd.read_csv(target, dtype={"well": str})
    terms = ["path", "well", "day", "plot", "times", "table.id"]
    assert list(frame.columns) == ["id", *terms, "well_1", "area"]
    assert list(frame["well"]) == ["B03", "B03", "007"]
    assert list(frame["day"].dropna()) == [1, 1]
    assert str(frame["plot"][0]) in ("1.10", "1.1")
    assert frame["times"][2] == "[1, 2]"
    assert list(frame["well_1"].dropna()) == ["x", "y"]
