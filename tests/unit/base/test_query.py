"""`select.query`: pandas' syntax, without anything that is called."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.query import QueryError, column_of, matching, parse_query

COLUMNS = {
    "camera": ["VIS", "NIR", None, "VIS"],
    "angle": [0, 90, 180, None],
    "plant id": ["7", 7, "x", ""],
    "class": [1.5, 2, 3, 4],
    "alive": ["true", "FALSE", None, True],
}


def rows(text: str) -> list[int]:
    query = parse_query(text)
    columns = {name: COLUMNS[column_of(name, list(COLUMNS)) or ""] for name in query.columns}
    return [row for row, found in enumerate(matching(query, columns, 4)) if found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('camera == "VIS"', [0, 3]),
        ("camera != 'VIS'", [1, 2]),
        ("angle < 90", [0]),
        ("0 < angle <= 180", [1, 2]),
        ("90 >= angle", [0, 1]),
        ('camera == "VIS" and angle < 90', [0]),
        ('camera == "VIS" & angle < 90 | angle == 180', [0, 2]),
        ('not (camera == "VIS")', [1, 2]),
        ('~(camera == "VIS")', [1, 2]),
        ('camera in ["NIR", "UV"]', [1]),
        ('camera not in ("NIR",)', [0, 2, 3]),
        ('camera == ["NIR", "VIS"]', [0, 1, 3]),
        ("angle != [0, 90]", [2, 3]),
        ("angle == None", [3]),
        ("camera == None or angle == None", [2, 3]),
        ("`plant id` == 7", [0, 1]),
        ("`class` > 1.6", [1, 2, 3]),
        ("angle + 2 * `class` >= 93", [1, 2]),
        ("angle / 0 > 1", []),
        ("-angle < -100", [2]),
        ("angle % 60 == 30 and angle // 60 == 1", [1]),
        ("alive", [0, 3]),
        ("alive == True", [0, 3]),
        ("not alive", [1, 2]),
        ("True", [0, 1, 2, 3]),
        ("1 < 2 and angle == 0", [0]),
        ("angle ==\n 0", [0]),
        ("camera == 'a & b | `c`'", []),
    ],
)
def test_conditions(text: str, expected: list[int]) -> None:
    """Comparisons, lists, logic and arithmetic; empty cells are neither more nor less than anything."""
    assert rows(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch hacked')",
        "camera.str.contains('V')",
        "@camera == 1",
        "camera[0] == 1",
        "(lambda: 1)()",
        "[x for x in angle]",
        "angle ** 9 ** 9",
        "angle = 3",
        "camera is None",
        "angle in camera",
        "camera in [camera]",
        "f'{camera}' == 'a'",
        "camera == b'x'",
        "(angle := 3)",
        "angle if camera else 1",
        "",
        "((((" * 200,
        "not " * 200 + "angle",
        "angle == 1; 1",
        "angle == 1) or (1 == 1",
        "...",
        "\0",
    ],
)
def test_what_is_no_condition(text: str) -> None:
    """Calls, attributes and whatever else could do something are refused before a row is seen."""
    with pytest.raises(ValueError, match=r"condition|has |list|neither|deep|`is`"):
        parse_query(text)


@pytest.mark.parametrize(
    ("text", "message", "row"),
    [
        ("angle < 'a'", "the column 'angle': 'a' is text, it is neither more nor less than 0", 0),
        ("`plant id` < 7", "the column 'plant id': '7' is text, it is neither more nor less than 7", 0),
        ("camera + 1 > 2", "the column 'camera': 'VIS' is no number", 0),
        ("camera", "the column 'camera': 'VIS' is neither true nor false", 0),
        ("angle > [1, 2]", "a list has neither more nor less", 0),
    ],
)
def test_cells_that_have_no_answer(text: str, message: str, row: int) -> None:
    """The error names the column, the cell and its row."""
    with pytest.raises(QueryError) as raised:
        rows(text)
    assert (str(raised.value), raised.value.row) == (message, row)


def test_names_that_python_folds() -> None:
    """The micro sign and the Greek letter mu are one letter to Python's parser, but not to a table."""
    query = parse_query("\u00b5m > 1")
    assert column_of(query.columns[0], ["\u00b5m"]) == "\u00b5m"


NUMBERS = st.integers(-5, 5)
CONDITIONS = st.recursive(
    st.builds(
        "{} {} {}".format, st.sampled_from(["a", "b"]), st.sampled_from(["==", "!=", "<", ">="]), NUMBERS
    ),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or", "&", "|"]), inner),
        st.builds("not ({})".format, inner),
        st.builds("~({})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(CONDITIONS, st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8))
def test_as_in_pandas(text: str, cells: list[tuple[int, int]]) -> None:
    """Where a condition is one of pandas', too, the same rows are found."""
    frame = pd.DataFrame(cells, columns=["a", "b"])
    query = parse_query(text)
    found = matching(query, {name: frame[name].tolist() for name in query.columns}, len(frame))
    expected = frame.eval(text, engine="python")
    assert found == expected.tolist()
