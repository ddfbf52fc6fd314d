"""A cell's text is its identity: two texts are two plots, whatever they are read from and go through."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images
from pixmake.config.models import Config
from pixmake.job.record import Record, read_record, write_record
from pixmake.plan.plan import selected_table
from pixmake.results.export.delimited import as_it_was, csv_table
from pixmake.results.export.parquet import parquet_table
from pixmake.results.tables import survey
from pixmake.table.groups import Group, make_groups
from pixmake.table.per_groups import make_levels
from pixmake.table.table import Table

PLOTS = ["1.1", "1.10", "1.2", "01", "1", "1.0", "+5", "5", ".5", "0.5", "-0", "0", "1e3", "1000", "0.50"]

TEXTS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,2}(\.[0-9]{0,2})?(e[0-9])?", fullmatch=True),
    st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="/\\:_{}"), max_size=6),
).filter(lambda text: bool(text) and text == text.strip() and text not in (".", "..") and text[0] not in "=@")
COLUMNS = st.lists(TEXTS, min_size=2, max_size=5, unique=True)
SOURCES = ("csv", "parquet", "xlsx", "name")


def source(texts: Sequence[str], kind: str, folder: Path) -> dict[str, Any]:
    """Two images of each plot, as the config has them; in `name` they are called so."""
    names = [f"{n}_{text}.png" if kind == "name" else f"{n}.png" for n in range(2) for text in texts]
    if kind == "name":
        (folder / "in").mkdir()
        for name in names:
            (folder / "in" / name).touch()
        return {"directory": {"path": str(folder / "in"), "template": "{n:d}_{plot}.png"}}
    frame = pd.DataFrame(
        {"path": [f"{n}.png" for n in range(len(names))], "plot": [*texts, *texts]}, dtype=str
    )
    path = folder / f"images.{kind}"
    {"csv": frame.to_csv, "parquet": frame.to_parquet, "xlsx": frame.to_excel}[kind](path, index=False)
    return {"table": str(path)}


def read(asked: dict[str, Any], **keys: Any) -> tuple[Images, Table]:
    images = Images.model_validate({**asked, **keys})
    return images, selected_table(images)


def texts_in(groups: Sequence[Group]) -> list[str]:
    return sorted(str(group.key("plot")) for group in groups)


@pytest.mark.parametrize("kind", SOURCES)
@settings(max_examples=12, deadline=None)
@given(texts=COLUMNS)
def test_texts_stay_apart(kind: str, texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """From every source, through groups, jobs per plot, ids, selection, joined tables and result tables."""
    folder = tmp_path_factory.mktemp("identity")
    check(source(texts, kind, folder), texts, folder)


@pytest.mark.parametrize("kind", SOURCES)
def test_no_text_is_found_by_another(kind: str, tmp_path: Path) -> None:
    """A quoted value that is the number of other texts, and not one of them, has no row."""
    asked = source(["1.10", "01", "+1", "1.0", ".5"], kind, tmp_path)
    for text in ("1.1", "1", "1.00", "0.5", "001"):
        with pytest.raises(PixmakeError, match="none is selected"):
            read(asked, select={"where": {"plot": text}})


@pytest.mark.parametrize("kind", SOURCES)
def test_plots_of_a_field(kind: str, tmp_path: Path) -> None:
    """The same for the names that made it a fault."""
    check(source(PLOTS, kind, tmp_path), PLOTS, tmp_path)


def check(asked: dict[str, Any], texts: list[str], folder: Path) -> None:
    expected = sorted(texts)
    images, table = read(asked, group_by=["plot"])
    groups = make_groups(table, images)
    assert texts_in(groups) == expected
    assert {len(group.paths) for group in groups} == {2}
    assert len({group.id for group in groups}) == len(texts)

    singles = make_groups(read(asked)[1], read(asked)[0])
    config = Config.model_validate({"images": asked, "steps": {"s": {"function": "a.py:f", "per": "plot"}}})
    cohorts = make_levels(config, singles, ["path", "plot"]).of("s")
    assert texts_in(cohorts) == expected
    assert {len(cohort.members) for cohort in cohorts} == {2}

    templated = make_groups(read(asked, id="{plot:s}", group_by=["plot"])[1], images)
    assert len({group.id for group in templated}) == len(texts)

    for text in texts:
        _, selected = read(asked, select={"where": {"plot": text}})
        assert selected.texts("plot") == [text, text]

    with open(folder / "plots.csv", "w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([("plot", "name"), *((text, f"of {text}") for text in texts)])
    _, joined = read(asked, join={"table": str(folder / "plots.csv"), "on": "plot"})
    assert joined.cells["name"].tolist() == [f"of {text}" for text in joined.texts("plot")]

    with open(folder / "fewer.csv", "w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([("plot", "name"), *((text, f"of {text}") for text in texts[1:])])
    _, joined = read(asked, join={"table": str(folder / "fewer.csv"), "on": "plot", "unmatched": "keep"})
    named = zip(joined.texts("plot"), joined.cells["name"], strict=True)
    assert {text for text, name in named if name is None} == {texts[0]}

    assert sorted(in_tables(groups, folder, "csv")) == expected
    there = in_tables(groups, folder, "parquet")
    assert len(set(there)) == len(texts)
    assert sorted(there) == expected or not any(isinstance(cell, str) for cell in there)


def in_tables(groups: Sequence[Group], folder: Path, suffix: str) -> list[Any]:
    """The column `plot` of the table of measurements, by way of records on disk."""
    records = []
    for number, group in enumerate(groups):
        made = Record(
            id=group.id,
            step="s",
            status="ok",
            metadata=group.metadata,
            written=group.written,
            measurements={"n": {"value": 1}},
        )
        write_record(made, folder / f"{number}.json")
        records.append(read_record(folder / f"{number}.json"))
    tables = survey(records, ["path", "plot"])
    path = folder / f"measurements.{suffix}"
    with (csv_table if suffix == "csv" else parquet_table)(tables.measurements, path) as writing:
        put = getattr(writing, "put", writing)
        for record in records:
            for name, row in tables.rows(record):
                if name == "measurements":
                    put(row)
    if suffix == "csv":
        with open(path, newline="", encoding="utf-8") as lines:
            return [as_it_was(row["plot"]) for row in csv.DictReader(lines)]
    return list(pd.read_parquet(path)["plot"])
