"""The tables of all images as one, with the id of each row's image."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pixmake.images.read import write_file
from pixmake.results.collect import collect_tables


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
