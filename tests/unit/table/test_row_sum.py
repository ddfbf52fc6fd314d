"""The rows of a source are in images or left out for a reason: none is lost, none is counted twice."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images
from pixmake.plan.plan import select_images
from pixmake.table.groups import make_grouping
from pixmake.table.row_sum import RowSum, row_sum
from pixmake.table.sources import read_images

ROWS = st.lists(
    st.tuples(st.sampled_from("PQR"), st.sampled_from(["VIS", "NIR", ""]), st.integers(0, 3), st.booleans()),
    max_size=12,
)
SELECT = st.fixed_dictionaries(
    {},
    optional={
        "where": st.sampled_from([{"camera": "VIS"}, {"plant": ["P", "Q"]}, {"day": {"min": 1}}, {"day": 2}]),
        "match": st.sampled_from([{"path": "[0-5]"}, {"camera": "."}]),
        "query": st.sampled_from(["day > 0", 'plant == "P" or day == 1']),
        "first": st.integers(1, 3),
        "sample": st.integers(1, 3),
    },
)
GROUPS = st.sampled_from(
    [
        {},
        {"group_by": ["plant", "day"], "empty_group": "own"},
        {"group_by": ["plant", "day"], "name_by": "camera", "require": ["VIS", "NIR"], "incomplete": "skip"},
    ]
)


def sum_of(images: dict[str, Any]) -> RowSum:
    """Where the rows of a table are."""
    asked = Images.model_validate(images)
    selected = select_images(asked, read_images(asked))
    grouping = make_grouping(selected.table, asked)
    if grouping.problems:
        raise PixmakeError(grouping.problems)
    return row_sum(selected.read, selected.steps, selected.table, grouping)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, select=SELECT, groups=GROUPS)
def test_rows_add_up(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], select: Any, groups: Any
) -> None:
    """Whatever is selected, grouped and missing: the rows read are those kept and those left out."""
    folder = tmp_path_factory.mktemp("rows")
    with (folder / "t.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["path", "plant", "camera", "day"])
        for number, (plant, camera, day, there) in enumerate(rows):
            writer.writerow([f"{number}.png", plant, camera, day])
            if there:
                (folder / f"{number}.png").touch()
    images = {"table": str(folder / "t.csv"), "root": str(folder), "missing": "skip"}
    try:
        found = sum_of({**images, "select": select, **groups})
    except PixmakeError:
        return  # no run starts
    assert found.read == len(rows)
    lost = len(rows) - found.kept
    assert sum(count for _, count in found.left_out) == lost


def test_reasons_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of other formats, and names that do not fit, are rows of the source, too."""
    monkeypatch.chdir(tmp_path)
    for name in ("P1_VIS.png", "P1_NIR.png", "P2_VIS.png", "odd.png", "notes.txt"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()
    directory = {"path": "in", "template": "{plant}_{camera}", "unmatched": "skip"}
    found = sum_of({"directory": directory, "select": {"where": {"camera": "VIS"}}})
    assert (found.read, found.kept) == (5, 2)
    assert sorted(count for _, count in found.left_out) == [1, 1, 1]
    assert "3 left out" in str(found)
    assert "1 × where camera is VIS" in str(found)
