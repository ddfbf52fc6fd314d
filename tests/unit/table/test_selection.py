"""`images.select`, condition by condition, and groups that lack an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images, Select
from pixmake.table.groups import make_grouping, make_groups
from pixmake.table.selection import select_rows, selection_steps
from pixmake.table.table import Table, counted_notes, make_table, with_times

CELLS = {
    "path": ["a", "b", "c", "d", "e", "f"],
    "camera": ["VIS", "NIR", "VIS", "NIR", "VIS", None],
    "angle": ["0", "90", "180", "", "90.0", "top"],
    "plant": ["1", "1", "2", "2", "3", "4"],
    "sown": ["2024-01-01", "2024-01-02", "", "2024-01-03T05:00", "2024-01-05", "spring"],
    "timestamp": [
        "2024-01-01T23:59:59",
        "2024-01-02",
        "2024-01-02T23:59:59.999",
        "2024-01-03T01:00:00+02:00",
        "2024-01-04",
        None,
    ],
}


def table(cells: dict[str, list[Any]] = CELLS) -> Table:
    count = len(cells["path"])
    return with_times(make_table(cells, range(2, count + 2), "t.csv"), None)


def kept(**select: Any) -> str:
    chosen = select_rows(table(), Select.model_validate(select), select.pop("group_by", ()))
    return "".join(chosen.frame["path"])


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({}, "abcdef"),
        ({"where": {"camera": "VIS"}}, "ace"),
        ({"where": {"camera": ["NIR", None]}}, "bdf"),
        ({"where": {"angle": 90}}, "be"),
        ({"where": {"angle": {"min": 90}}}, "bce"),
        ({"where": {"angle": {"min": 0, "max": 90.0}}}, "abe"),
        ({"where": {"sown": {"min": "2024-01-02", "max": "2024-01-03"}}}, "bd"),
        ({"where": {"timestamp": {"max": "2024-01-02"}}}, "abcd"),
        ({"match": {"path": "[a-c]"}, "not_match": {"camera": "^VIS$"}}, "b"),
        ({"not_match": {"camera": "."}}, "f"),
        ({"query": 'camera == "VIS" and plant > 1'}, "ce"),
        ({"query": "timestamp >= '2024-01-02' and timestamp < '2024-01-03'"}, "bcd"),
        ({"start": "2024-01-02", "end": "2024-01-02"}, "bcd"),
        ({"start": "2024-01-02T00:00:01"}, "cde"),
        ({"end": "2024-01-02T00:00:00"}, "ab"),
        ({"start": "2024-01-03T01:00:00+02:00"}, "cde"),
        ({"start": "2024-01-02T23:00:00Z", "end": "2024-01-02T23:00:00Z"}, "d"),
        ({"first": 2}, "ab"),
        ({"where": {"camera": "VIS"}, "first": 2}, "ac"),
        ({"sample": 100}, "abcdef"),
    ],
)
def test_conditions(select: dict[str, Any], expected: str) -> None:
    """Every condition by itself; bounds are included, a day is a whole one, zones are heeded."""
    assert kept(**select) == expected


def test_days_from_yaml() -> None:
    """YAML makes dates of `2024-01-02`: that means the day, in `where`, too."""
    import datetime

    day = datetime.date(2024, 1, 2)
    assert kept(where={"timestamp": day}) == "bcd"
    assert kept(where={"sown": [day, None]}) == "bc"
    assert kept(start=day, end=day) == "bcd"


def test_steps_one_by_one() -> None:
    """Each condition is told with what it leaves; the last one is what runs."""
    select = Select.model_validate(
        {
            "where": {"camera": ["VIS", None], "angle": {"min": 0, "max": 90}},
            "match": {"path": "."},
            "not_match": {"path": "z"},
            "query": "plant >= 1",
            "start": "2024-01-01",
            "end": "2024-01-31",
            "sample": {"n": 3, "per": "plant"},
            "first": 1,
        }
    )
    steps = selection_steps(table(), select)
    assert [(step.what, int(step.kept.sum())) for step in steps] == [
        ("where camera is VIS or empty", 4),
        ("where angle is at least 0 and at most 90", 2),
        ("match path: .", 2),
        ("not_match path: z", 2),
        ("query plant >= 1", 2),
        ("start 2024-01-01", 2),
        ("end 2024-01-31", 2),
        ("sample 3 per plant", 2),
        ("first 1", 1),
    ]
    assert selection_steps(table(), Select()) == []


def test_samples() -> None:
    """A sample is always the same, of whole groups, and hardly changes when rows are added."""
    cells: dict[str, list[Any]] = {
        "path": [f"{n}.png" for n in range(200)],
        "plant": [n // 2 for n in range(200)],
        "genotype": [n // 2 % 3 for n in range(200)],
    }
    select = Select.model_validate({"sample": {"n": 5, "per": ["genotype"]}})
    chosen = select_rows(table(cells), select, ["plant"])
    again = select_rows(table(cells), select, ["plant"])
    assert chosen.frame.equals(again.frame)
    assert len(chosen.frame) == 3 * 5 * 2
    assert chosen.frame["plant"].nunique() == 15
    shorter = {name: column[20:] for name, column in cells.items()}
    fewer = select_rows(table(shorter), select, ["plant"])
    same = set(fewer.frame["plant"]) & set(chosen.frame["plant"])
    assert len(same) >= 10
    assert kept(sample=2) == kept(sample=2) != kept(first=2)
    first = select_rows(table(cells), Select(first=3), ["plant"])
    assert first.frame["plant"].tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (
            {
                "where": {"kamera": 1},
                "match": {"x": "."},
                "not_match": {"y": "."},
                "query": "z == 1 or z == 2",
            },
            [
                "images.select.where: t.csv has no column 'kamera' (its columns: path, camera, angle, plant, "
                "sown, timestamp)",
                "images.select.match: t.csv has no column 'x' (its columns: path, camera, angle, plant, "
                "sown, timestamp)",
                "images.select.not_match: t.csv has no column 'y' (its columns: path, camera, angle, plant, "
                "sown, timestamp)",
                "images.select.query: t.csv has no column 'z' (its columns: path, camera, angle, plant, "
                "sown, timestamp)",
            ],
        ),
        (
            {"sample": {"n": 1, "per": ["kind"]}},
            [
                "images.select.sample.per: t.csv has no column 'kind' (its columns: path, camera, angle, "
                "plant, sown, timestamp)"
            ],
        ),
        (
            {"query": "angle < 50", "start": "soon", "where": {"sown": {"min": "x"}}},
            [
                "images.select.where.sown: 'x' is no date (e.g. 2024-01-31 or 2024-01-31T17:05:00)",
                "t.csv, row 7: images.select.query: the column 'angle': 'top' is text, it is neither more "
                "nor less than 50",
                "images.select.start: 'soon' is no date (e.g. 2024-01-31 or 2024-01-31T17:05:00)",
            ],
        ),
    ],
)
def test_what_is_wrong(select: dict[str, Any], expected: list[str]) -> None:
    """Unknown columns list those that there are; a cell that has no answer is told with its row."""
    with pytest.raises(PixmakeError) as raised:
        select_rows(table(), Select.model_validate(select))
    assert [str(problem) for problem in raised.value.problems] == expected


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ({"where": {"a": {"from": 1}}}, "a: a range has the keys min and max"),
        ({"where": {"a": {}}}, "a: a range has the keys min and max"),
        ({"where": {"a": [[1]]}}, r"a: \[1\] is no value"),
        ({"where": ["a"]}, "should be columns and values"),
        ({"query": "camera.x"}, "there are no attributes"),
        ({"match": {"a": "("}}, "is no regular expression"),
        ({"sample": 0}, "greater than 0"),
        ({"sample": {"m": 1}}, "sample.n"),
    ],
)
def test_what_is_wrong_with_select_itself(select: dict[str, Any], message: str) -> None:
    """It is told when the config is read."""
    with pytest.raises(ValidationError, match=message):
        Select.model_validate(select)


CELL = st.one_of(st.none(), st.sampled_from(["VIS", "NIR", "7", "0", "90"]), st.text(max_size=4))
TIME = st.one_of(st.none(), st.dates().map(str), st.datetimes().map(lambda when: when.isoformat()))
VALUE = st.one_of(st.none(), st.integers(0, 90), st.sampled_from(["VIS", "NIR"]), st.text(max_size=3))


@st.composite
def selects(draw: st.DrawFn) -> Select:
    some = {
        "where": st.dictionaries(
            st.sampled_from(["a", "b"]),
            st.one_of(
                VALUE,
                st.lists(VALUE, max_size=3),
                st.just({"min": 0, "max": 80}),
                st.just({"max": "2020-01-01"}),
            ),
            max_size=2,
        ),
        "match": st.dictionaries(st.sampled_from(["a", "path"]), st.sampled_from([".", "V", "^[0-4]"])),
        "not_match": st.dictionaries(st.sampled_from(["b", "path"]), st.sampled_from(["x", "V", "^[0-4]"])),
        "query": st.sampled_from([None, "a == 'VIS'", "a != b", "not (a in ['NIR', 7])"]),
        "start": st.sampled_from([None, "1990-01-01"]),
        "end": st.sampled_from([None, "2010-01-01T00:00:00+01:00"]),
        "sample": st.sampled_from([None, 1, 3, {"n": 1, "per": ["a"]}]),
        "first": st.sampled_from([None, 1, 3]),
    }
    return Select.model_validate({key: draw(value) for key, value in some.items()})


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(CELL, CELL, TIME), max_size=8),
    selects(),
    st.sampled_from([(), ("a",), ("a", "b"), ("timestamp",)]),
)
def test_selection_never_invents_or_doubles_a_row(
    rows: list[tuple[Any, Any, Any]], select: Select, group_by: tuple[str, ...]
) -> None:
    """What is selected is a part of the table, in its order, with its cells; so is each step of the last."""
    whole = table(
        {
            "path": [f"{n}.png" for n in range(len(rows))],
            **{name: [row[n] for row in rows] for n, name in enumerate(["a", "b", "timestamp"])},
        }
    )
    steps = selection_steps(whole, select, group_by)
    before = np.ones(len(rows), dtype=bool)
    for step in steps:
        assert step.kept.shape == before.shape
        assert not (step.kept & ~before).any()
        before = step.kept
    chosen = select_rows(whole, select, group_by)
    assert chosen.frame.equals(whole.frame[before])
    assert chosen.when is not None
    assert len(chosen.when) == len(chosen.frame)
    images = Images.model_validate({"table": "t.csv", "group_by": list(group_by), "empty_group": "own"})
    groups = make_groups(chosen, images)
    assert sorted(row for group in groups for row in group.rows) == list(range(len(chosen.frame)))


# --- groups that lack an image


def grouped(**keys: Any) -> Images:
    return Images.model_validate({"table": "t.csv", "group_by": ["plant"], "name_by": "camera", **keys})


PAIRS = {
    "path": ["1", "2", "3", "4", "5"],
    "plant": ["A", "A", "B", "C", "C"],
    "camera": ["VIS", "NIR", "VIS", "UV", "NIR"],
}


def test_incomplete_groups() -> None:
    """They are errors with their first row, or left out and noted; never dropped unsaid."""
    grouping = make_grouping(table(PAIRS), grouped(require=["VIS", "NIR"]))
    assert [group.id for group in grouping.groups] == ["A"]
    assert [(lacking.group.id, lacking.missing) for lacking in grouping.incomplete] == [
        ("B", ("NIR",)),
        ("C", ("VIS",)),
    ]
    assert [lacking.group.rows for lacking in grouping.incomplete] == [(2,), (3, 4)]
    assert [str(problem) for problem in grouping.problems] == [
        "t.csv, row 4: the group 'B' has no NIR (`incomplete: skip` leaves such groups out)",
        "t.csv, row 5: the group 'C' has no VIS (`incomplete: skip` leaves such groups out)",
    ]
    with pytest.raises(PixmakeError, match="has no NIR"):
        make_groups(table(PAIRS), grouped(require=["VIS", "NIR"]))
    skipping = make_grouping(table(PAIRS), grouped(require=["VIS", "NIR"], incomplete="skip"))
    assert skipping.problems == ()
    assert counted_notes(skipping.notes()) == [
        "1 × group is left out, it has no NIR (first: B)",
        "1 × group is left out, it has no VIS (first: C)",
    ]


def test_required_names_may_be_numbers() -> None:
    """`require: [0, 90]` means the angles 0 and 90, however the table writes them."""
    cells = {"path": ["1", "2"], "plant": ["A", "A"], "angle": ["0.0", "90"]}
    images = Images.model_validate(
        {"table": "t.csv", "group_by": ["plant"], "name_by": "angle", "require": [0, 90]}
    )
    assert len(make_groups(table(cells), images)) == 1


def test_a_row_without_a_path_is_in_no_group(tmp_path: Path) -> None:
    """It is the table's problem, which is told there."""
    cells = {"path": ["1", ""], "plant": ["A", "A"], "camera": ["VIS", "NIR"]}
    assert [group.paths for group in make_grouping(table(cells), grouped()).groups] == [("1",)]
