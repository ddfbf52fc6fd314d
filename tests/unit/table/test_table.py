"""The table: from a CSV file to rows, selected, grouped, with everything that is wrong told at once."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.base.values import typed_cell
from pixmake.config.models import Images
from pixmake.images.formats import place_of
from pixmake.plan.plan import selected_table
from pixmake.table.files import sniffed
from pixmake.table.groups import Group, make_groups
from pixmake.table.table import located, make_table, path_problems


def images(tmp_path: Path, text: str | bytes, **keys: Any) -> Images:
    path = tmp_path / "images.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Images.model_validate({"table": str(path), "root": str(tmp_path), **keys})


def groups(tmp_path: Path, text: str | bytes, **keys: Any) -> tuple[Group, ...]:
    asked = images(tmp_path, text, **keys)
    return make_groups(selected_table(asked), asked)


def problems(tmp_path: Path, text: str | bytes, **keys: Any) -> list[str]:
    with pytest.raises(PixmakeError) as raised:
        groups(tmp_path, text, **keys)
    return [str(problem).replace(f"{tmp_path}/", "") for problem in raised.value.problems]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiters_and_marks(tmp_path: Path, delimiter: str, mark: str) -> None:
    """The delimiter is found; a BOM, quoted fields, Windows line ends and blank lines do no harm."""
    text = mark + 'path,note\r\n"a,b.png","say ""x"""\r\n\r\nc.png,\r\n'.replace(",", delimiter)
    made = groups(tmp_path, text)
    assert [group.metadata for group in made] == [
        {"path": f"a{delimiter}b.png", "note": 'say "x"'},
        {"path": "c.png"},
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("7", 7),
        ("-3", -3),
        ("007", "007"),
        ("1.50", 1.5),
        ("1e5", "1e5"),
        ("+3", "+3"),
        ("", None),
        ("  ", None),
        ("nan", "nan"),
        ("NA", "NA"),
        ("true", "true"),
        ("9" * 30, "9" * 30),
        ("٣", "٣"),
    ],
)
def test_cells_are_typed_one_by_one(cell: str, value: object) -> None:
    """Numbers are numbers; names that look like some stay names."""
    assert typed_cell(cell) == value
    assert type(typed_cell(cell)) is type(value)


def test_ids_by_themselves(tmp_path: Path) -> None:
    """An id comes from the path, or from the template; from its own row alone."""
    assert [group.id for group in groups(tmp_path, "path\nb/x.png\n./a/x.png\n")] == ["b_x", "a_x"]
    made = groups(
        tmp_path,
        "path,plant,timestamp\na.png,7,2024-01-31T17:05:00\n",
        id="{plant}_{timestamp:%Y-%m-%d}",
    )
    assert made[0].id == "7_2024-01-31"
    assert made[0].metadata["timestamp"] == "2024-01-31T17:05:00"


def test_problems_of_rows(tmp_path: Path) -> None:
    """Missing files, paths that stand twice, empty ones and folders are told with their rows."""
    (tmp_path / "a.png").touch()
    (tmp_path / "folder").mkdir()
    asked = images(tmp_path, "path,n\na.png,1\nb.png,2\n./a.png,3\n,4\nfolder,5\n")
    found = [str(p).replace(f"{tmp_path}/", "") for p in path_problems(selected_table(asked))]
    assert [problem.partition(" (`missing")[0] for problem in found] == [
        "images.csv, row 3: b.png: there is no such file",
        "images.csv, row 4: ./a.png stands in row 2 already (one row an image)",
        "images.csv, row 5: the path is empty",
        "images.csv, row 6: folder: is a folder",
    ]


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        ("file\na.png\n", {}, ["images.csv: there is no column 'path' (known: file)"]),
        (
            "path,a,a,\nx,1,2,3\n",
            {},
            ["images.csv: the column 'a' stands twice", "images.csv: column 4 has no name"],
        ),
        (
            "path,a\nx\ny,1\nz,1,2\n",
            {},
            [
                "images.csv, row 2: 1 fields, but the header has 2",
                "images.csv, row 4: 3 fields, but the header has 2",
            ],
        ),
        ("", {}, ["images.csv: is empty (it needs a header with a column `path`)"]),
        ("path\n", {}, ["images.csv: no image: 0 rows, of which none is selected"]),
        (
            b"path\n\xff\xfe.png\n",
            {},
            ["images.csv, line 2: is not UTF-8 text (save it as UTF-8 (in a spreadsheet: 'CSV UTF-8'))"],
        ),
        (
            "path,timestamp\na,yesterday\nb,2024-01-31\nc,2024-02-30\n",
            {},
            [
                "images.csv, row 2: 'yesterday' is no timestamp (e.g. 2024-01-31 or 2024-01-31T17:05:00)",
                "images.csv, row 4: '2024-02-30' is no timestamp (e.g. 2024-01-31 or 2024-01-31T17:05:00)",
            ],
        ),
        (
            "path,timestamp\na,31.01.2024\n",
            {"timestamp_format": "%d/%m/%Y"},
            ["images.csv, row 2: '31.01.2024' is no timestamp (as in %d/%m/%Y)"],
        ),
        (
            "path,a\nx,1\n",
            {"select": {"where": {"b": 1}}},
            ["images.select.where: images.csv has no column 'b' (its columns: path, a)"],
        ),
        (
            "path,a\nx,1\n",
            {"select": {"start": "2024-01-01"}},
            ["images.select.start: images.csv has no column 'timestamp' (its columns: path, a)"],
        ),
        (
            "path,a\nx,1\n",
            {"select": {"where": {"a": 2}}},
            [
                "images.csv: no image: 1 row, of which none is selected (look at images.select)",
                "images.select.where: no row has a 2 (there are: '1')",
            ],
        ),
        ("path,a\nx,1\n", {"id": "{b}"}, ["images.id: images.csv has no column 'b' (its columns: path, a)"]),
        (
            "path,a\nx,1\n",
            {"id": "{a"},
            ["images.id: '{a' is no template: expected '}' before end of string"],
        ),
        (
            "path,a\nx,\n",
            {"id": "{a}"},
            ["images.csv, row 2: the column 'a' is empty, but images.id needs it"],
        ),
        (
            "path,a\nx,t\n",
            {"id": "{a:%Y}"},
            [
                "images.csv, row 2: images.id: '{a:%Y}' does not fit this row: "
                "Invalid format specifier '%Y' for object of type 'str'"
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_table(
    tmp_path: Path, text: str | bytes, keys: dict[str, Any], expected: list[str]
) -> None:
    """Every problem is told, with its row and what would be right."""
    assert problems(tmp_path, text, **keys) == expected


def test_selection(tmp_path: Path) -> None:
    """Values, lists, empty cells, expressions and days select rows; their order stays."""
    text = (
        "path,camera,angle,timestamp\n"
        "a.png,VIS,0,2024-01-01T23:59:59\nb.png,VIS,90,2024-01-02T00:00:00\n"
        "c.png,NIR,0,2024-01-02T23:59:59\nd.png,,180,2024-01-03\ne.png,VIS,0.0,2024-01-04\n"
    )

    def ids(**select: Any) -> str:
        return "".join(group.id for group in groups(tmp_path, text, select=select))

    assert ids(where={"camera": "VIS"}) == "abe"
    assert ids(where={"angle": [0, 180]}) == "acde"
    assert ids(where={"angle": "90"}) == "b"
    assert ids(where={"camera": None}) == "d"
    assert ids(where={"camera": ["NIR", None]}) == "cd"
    assert ids(match={"path": "^[ab]", "camera": "V"}) == "ab"
    assert ids(start="2024-01-02", end="2024-01-02") == "bc"
    assert ids(end="2024-01-02T00:00:00") == "ab"
    assert ids(start="2024-01-02T00:00:00+00:00") == "bcde"


def test_groups(tmp_path: Path) -> None:
    """Rows with the same values make one job; images keep their names; differing values are a list."""
    text = "path,plant,camera,day\n1,A,VIS,1\n2,B,VIS,1\n3,A,NIR,1\n"
    made = groups(tmp_path, text, group_by=["plant"], name_by="camera")
    assert [(group.id, group.names) for group in made] == [("A", ("VIS", "NIR")), ("B", ("VIS",))]
    assert made[0].metadata == {"path": ["1", "3"], "plant": "A", "camera": ["VIS", "NIR"], "day": 1}
    unnamed = groups(tmp_path, text, group_by=["plant"])
    assert unnamed[0].names == ("image1", "image2")


def test_problems_of_groups(tmp_path: Path) -> None:
    """An empty key is an error, or a group of its own; it is never dropped. Names must differ."""
    text = "path,plant,camera\n1,A,VIS\n2,,VIS\n3,A,VIS\n"
    assert problems(tmp_path, text, group_by=["plant"], name_by="camera") == [
        "images.csv, row 4: two images of one group are called 'VIS'; the other is images.csv, row 2 "
        "(add a column that tells them apart to group_by)",
        "images.csv, row 3: the `group_by` column 'plant' is empty "
        "(fill it in, or set `empty_group: own` to make it a group of its own)",
    ]
    own = groups(tmp_path, text, group_by=["plant"], empty_group="own")
    assert [(group.id, group.paths) for group in own] == [
        ("A", (f"{tmp_path}/1", f"{tmp_path}/3")),
        ("2", (f"{tmp_path}/2",)),
    ]


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(CELLS.filter(str.strip), CELLS, CELLS), min_size=1, max_size=8, unique_by=lambda r: r[0]
    )
)
@example([("\\", "", ""), ("..\\", "", "")])
def test_any_cells_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    """Whatever text cells hold, quotes, delimiters and line breaks included, they are read as written."""
    text = io.StringIO()
    csv.writer(text).writerows([("path", "a", "b"), *rows])
    made = groups(tmp_path_factory.mktemp("table"), text.getvalue())
    assert len(made) == len(rows)
    for group, row in zip(made, rows, strict=True):
        assert group.metadata["path"] == row[0]
        for name, cell in zip("ab", row[1:], strict=True):
            value = group.metadata.get(name)
            assert value == typed_cell(cell)


def test_sniffing_prefers_the_header(tmp_path: Path) -> None:
    """Delimiters in cells do not count, those of the header do."""
    assert sniffed("path;note\na,b,c,d;x\n") == ";"
    assert sniffed("path\n") == ","


ODD_PATHS = [
    "a.png",
    "day1/a.png",
    "a",
    "./a.png",
    "day1//a.png",
    "day1/../a.png",
    "/data/a.png",
    "a.png/",
    "..",
    "a.",
]
ODD_PATHS += [
    ".a.png",
    "a\nb.png",
    "day1/.a.png",
    "c:/a.png",
    "s3://bucket/a.png",
    "p.zarr/0",
    "m.h5/raw",
    "M.H5",
    "",
]


@pytest.mark.parametrize("root", [".", "data", "data/", "/data", "s3://bucket/data", "p.zarr"])
def test_paths_are_the_same_looked_at_one_by_one_and_all_at_once(root: str) -> None:
    paths = [path for path in ODD_PATHS if path]
    for some in (paths, *([path, "other.png"] for path in paths), [None, "a.png"]):
        table = make_table({"path": some}, range(1, len(some) + 1), "images.csv", root)
        wanted = [None if path is None else located(path, root) for path in some]
        assert table.located == wanted
        assert table.files == [None if path is None else place_of(path).file for path in wanted]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"path": ["a.png", "b.png"], "plant": ["A"]}, "the column plant has 1 cells for 2 rows"),
        ({"plant": ["A", "B"]}, "there is no column `path`"),
    ],
)
def test_columns_that_are_no_table(columns: dict[str, list[str]], told: str) -> None:
    """What a source gives is told by the name of the column, before anything is lost or repeated."""
    with pytest.raises(ValueError, match=told):
        make_table(columns, ["line 1", "line 2"], "log.csv")
