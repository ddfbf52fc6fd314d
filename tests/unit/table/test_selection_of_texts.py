"""What a selection makes of cells as people write them: which rows, and what is told; a row an example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images, Select
from pixmake.plan.plan import plan_project
from pixmake.table.look_alikes import look_alike_notes
from pixmake.table.selection import select_rows
from pixmake.table.sources import read_images
from pixmake.table.table import counted_notes, make_table

UNLIKE = "(a quoted value finds the cells of its own text alone)"

CASES: list[tuple[str, list[Any], Any, str, list[str]]] = [
    # name, cells, wanted, rows (letters), notes
    ("text is a text", ["1.1", "1.10", "1.1"], "1.1", "ac", []),
    ("a list of texts", ["01", "1", "1.0"], ["01", "1.0"], "ac", []),
    (
        "a number is a value, and says so",
        ["12.5", "12.50", "13"],
        12.5,
        "ab",
        [f"`where x is 12.5` compares numbers, and finds cells of other texts: '12.50' {UNLIKE}"],
    ),
    ("a number of its own text", ["12.5", "13"], 12.5, "a", []),
    (
        "a number of padded cells",
        ["000", "090", "180"],
        [0, 90],
        "ab",
        [f"`where x is 0 or 90` compares numbers, and finds cells of other texts: '000', '090' {UNLIKE}"],
    ),
    (
        "no padded number where some are names",
        ["090", "top", "90"],
        90,
        "c",
        [
            "1 × x is a text here, and left out by `where x is 90`: '090' "
            "(first: t.csv, row 2; write such a value in quotes)"
        ],
    ),
    (
        "a value that no row has",
        ["008", "010", "P1"],
        ["008", "0l0"],
        "a",
        ["images.select.where: no row has x '0l0' (there are: '008', '010', 'P1')"],
    ),
    (
        "one that YAML made",
        ["NO", "DK"],
        [False, "DK"],
        "b",
        ["images.select.where: no row has x false (there are: 'DK', 'NO')"],
    ),
    (
        "no cell is empty",
        ["a", "b"],
        [None, "a"],
        "a",
        ["images.select.where: no row has x an empty cell (there are: 'a', 'b')"],
    ),
    ("truths of a spreadsheet", [True, False, "TRUE"], True, "ac", []),
    ("but a text is one text", ["7.0", "8"], ["8", "7.0"], "ab", []),
    (
        "and no other",
        ["7.0", "8"],
        ["7", "8"],
        "b",
        ["images.select.where: no row has x '7' (there are: '7.0', '8')"],
    ),
    ("numbers of Parquet have no text", [7.0, 8.0], "7", "a", []),
    ("or this one", [7.0, 8.0], "7.0", "a", []),
    ("decimal commas", ["12,5", "13", "14,75", "9"], {"min": 12}, "abc", []),
    ("space around", [" 12.5", "13 ", "9"], {"min": 12}, "ab", []),
    ("padded", ["000", "045", "090", "270"], {"min": 0, "max": 90}, "abc", []),
    ("months", ["01", "09", "10", "12"], {"max": 9}, "ab", []),
    ("powers of ten", ["1e-3", "1e-5", "0.01"], {"min": 0.001}, "ac", []),
    (
        "what is no number is told",
        ["5", "n.a.", "", "n.a.", "top", "7"],
        {"min": 6},
        "f",
        [
            "3 × x is filled with what is no number, and left out by `where x is at least 6`: 'n.a.', 'top' "
            "(first: t.csv, row 3; write numbers as 12.5, and leave cells without one empty)"
        ],
    ),
    (
        "a comma of two meanings",
        ["1,234", "2,500"],
        {"min": 2},
        "",
        [
            "2 × x is filled with what is no number, and left out by `where x is at least 2`: "
            "'1,234', '2,500' (first: t.csv, row 2; a comma may be a decimal one or not: write 1234 or 1.234)"
        ],
    ),
    (
        "dates of another form",
        ["2024-03-01", "02.03.2024", "20240303", "", "2024-04-01"],
        {"min": "2024-03-01", "max": "2024-03-31"},
        "ac",
        [
            "1 × x is filled with what is no date, and left out by `where x is at least 2024-03-01 and "
            "at most 2024-03-31`: '02.03.2024' (first: t.csv, row 3; write dates as 2024-01-31)"
        ],
    ),
]


def table(cells: list[Any]) -> Any:
    paths = list("abcdefgh"[: len(cells)])
    return make_table({"path": paths, "x": cells}, range(2, len(cells) + 2), "t.csv")


@pytest.mark.parametrize(
    ("cells", "wanted", "rows", "notes"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_where(cells: list[Any], wanted: Any, rows: str, notes: list[str]) -> None:
    """A text compares texts, a number values, a range numbers or times; what cannot be compared is told."""
    found = select_rows(table(cells), Select.model_validate({"where": {"x": wanted}}))
    assert "".join(found.cells["path"]) == rows
    assert counted_notes(found.notes) == notes


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ('x == "1.1"', "a"),
        ("x == 1.1", "ab"),
        ('x in ["1.10", 2]', "bc"),
        ('x != "1.1"', "bcd"),
        ('x == "2"', ""),
        ("x > 1.5", "cd"),
        ("x > 1.5 and x < 3", "c"),
    ],
)
def test_query(query: str, rows: str) -> None:
    """The same in conditions, where decimal commas and padded numbers are numbers, too."""
    found = select_rows(table(["1.1", "1.10", "02", "12,5"]), Select(query=query))
    assert "".join(found.cells["path"]) == rows


@pytest.mark.parametrize(
    "condition", ["x == 90", "90 == x", "x != 90", "x in [45, 90]", "not (x not in [90])"]
)
def test_a_query_tells_of_cells_that_it_passes_over(condition: str) -> None:
    """As `where` does: cells that people would read as the number, and cells of other texts that it finds."""
    found = select_rows(table(["090", "top", "90", "90.0"]), Select(query=condition))
    assert counted_notes(found.notes) == [
        f"1 × x is a text here, and another value for `query {condition}`: '090' "
        "(first: t.csv, row 2; write such a value in quotes)",
        f"`query {condition}` compares numbers, and finds cells of other texts: '90.0' {UNLIKE}",
    ]


@pytest.mark.parametrize(("condition", "cell"), [('x == "90"', "090"), ("x > 5", "6"), ("x == -1.5", "-1.5")])
def test_a_query_without_doubt_tells_nothing(condition: str, cell: str) -> None:
    assert not select_rows(table([cell, "90"]), Select(query=condition)).notes


ODD = st.one_of(
    st.from_regex(r"[+-]?0{0,2}[0-9]{1,3}([.,][0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["", " ", "n.a.", "1e-3", "P1", "12 cm", "٣"]),
    st.integers(-99, 99),
    st.floats(-9, 9),
    st.none(),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ODD, min_size=1, max_size=8), st.integers(-50, 50))
def test_a_range_loses_no_filled_cell_without_a_word(cells: list[Any], least: int) -> None:
    """Rows that are left out are below the bound, or empty, or counted."""
    made = table(cells)
    below = select_rows(made, Select.model_validate({"where": {"x": {"max": least}}}))
    above = select_rows(made, Select.model_validate({"where": {"x": {"min": least}}}))
    taken = {*below.cells["path"], *above.cells["path"]}
    empty = sum(cell is None for cell in made.cells["x"])
    assert len(taken) + sum(note.count for note in above.notes) == len(cells) - empty


@pytest.mark.parametrize(
    ("where", "plants", "told"),
    [
        ("[008, 010]", ["008"], "config.yaml:5: images.select.where: plant 010 is left out (YAML reads 010"),
        ("1:30", [], 'no row has plant 90 (YAML reads 1:30 as 90: put it in quotes, "1:30"; there are: '),
        ("[NO, 009]", ["009"], "no row has plant false (YAML reads NO as false: put it in quotes, \"NO\""),
        ('["010"]', ["010"], ""),
    ],
)  # fmt: skip
def test_what_yaml_makes_of_a_value(
    where: str, plants: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told with the line, and what to write."""
    monkeypatch.chdir(tmp_path)
    for plant in ("008", "009", "010", "NO"):
        Path(f"{plant}.png").touch()
    Path("t.csv").write_text("path,plant\n" + "".join(f"{p}.png,{p}\n" for p in ("008", "009", "010")))
    Path("a.py").write_text("def f(image): ...\n")
    select = f"  select:\n    where:\n      plant: {where}\n"
    text = f"images:\n  table: t.csv\n{select}steps: {{s: {{function: a.py:f}}}}\n"
    Path("config.yaml").write_text(text)
    try:
        plan = plan_project(yaml.safe_load(text), ["config.yaml"])
    except PixmakeError as error:
        assert not plants
        assert any(told in str(problem) for problem in error.problems)
    else:
        assert [group.metadata["plant"] for group in plan.groups] == plants
        lines = counted_notes(plan.notes)
        assert any(told in line for line in lines) if told else lines == []


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["A1", "A01", "B2"], ["'A1' and 'A01'"]),
        (["P1", "p1", "P 1"], ["'P1' and 'p1' and 'P 1'"]),
        ([7, "007"], ["'7' and '007'"]),
        (["1.1", "1.10", "1.01", "100", "10"], []),
    ],
)
def test_look_alikes(cells: list[Any], expected: list[str]) -> None:
    """Values that only case, space or zeros in front tell apart are kept apart, and told."""
    assert [note.detail for note in look_alike_notes(table(cells), ["x", "path", "none"])] == expected


def test_cells_are_stripped() -> None:
    """What only space told apart is one value, which is told; a column of its own has nothing to tell."""
    made = table(["P1 ", "P1", " P2"])
    assert made.cells["x"].tolist() == ["P1", "P1", "P2"]
    assert [str(note) for note in made.notes] == [
        "x: cells that only spaces tell apart are one value: 'P1 ' and 'P1'"
    ]
    assert table([" P2", " P2"]).notes == ()


def test_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column's values are texts or numbers as the config says; its texts stay what tells cells apart."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text('path,plot,weight,note\na,1.10,"12,5",x\nb,1.1,013,y\nc,,,\n')
    images = Images.model_validate({"table": "t.csv", "types": {"plot": "text", "weight": "number"}})
    made = read_images(images)
    assert made.cells["plot"].tolist() == ["1.10", "1.1", None]
    assert made.cells["weight"].tolist() == [12.5, 13, None]
    assert made.texts("weight") == ["12,5", "013", None]
    wrong = Images.model_validate(
        {"table": "t.csv", "types": {"plto": "text", "note": "number", "path": "text"}}
    )
    with pytest.raises(PixmakeError) as raised:
        read_images(wrong)
    hint = "write numbers as 12.5, and leave cells without one empty"
    assert [str(problem) for problem in raised.value.problems] == [
        "images.types: t.csv has no column 'plto' (did you mean 'plot'?)",
        "images.types: path is the image itself, and a text (take it out)",
        f"t.csv, row 2: note: 'x' is no number ({hint})",
        f"t.csv, row 3: note: 'y' is no number ({hint})",
    ]
