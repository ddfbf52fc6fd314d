"""Each source of images: what it reads, what it leaves out and says, what it calls wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.config.images import OWN_SOURCES, Images
from pixmake.config.models import parse_config
from pixmake.plan.plan import selected_table, table_problems
from pixmake.table.groups import make_groups
from pixmake.table.sources import SOURCES, read_images
from pixmake.table.table import Table, counted_notes, path_problems


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def table(**keys: Any) -> Table:
    return read_images(Images.model_validate(keys))


def rows(found: Table, *columns: str) -> list[Any]:
    if len(columns) == 1:
        return found.frame[columns[0]].tolist()
    return [tuple(row) for row in found.frame[list(columns)].itertuples(index=False)]


def notes(found: Table) -> list[str]:
    return [str(note) for note in found.notes]


def problems(**keys: Any) -> list[str]:
    return [str(problem) for problem in table_problems(Images.model_validate(keys))]


def test_every_source_has_a_key() -> None:
    """The registry and the config name the same sources."""
    assert tuple(SOURCES) == OWN_SOURCES


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "needs a source, one of: table, directory, lemnatec, phenodata"),
        ({"table": "a.csv", "directory": "b"}, "names table and directory, but takes one source"),
    ],
)
def test_one_source(keys: dict[str, Any], message: str) -> None:
    """There is exactly one source."""
    with pytest.raises(ValueError, match=message):
        Images.model_validate(keys)


# --- directory


def test_directory() -> None:
    """Formats in any case, hidden files left alone, a stable order, ids and paths from the folder."""
    files("in/b/2.png", "in/a.JPG", "in/b/10.Tiff", "in/.hidden.png", "in/.cache/x.png", "in/B.bmp")
    files("in/notes.txt", "in/other.xyz")
    found = table(directory="in")
    assert rows(found, "path") == ["B.bmp", "a.JPG", "b/10.Tiff", "b/2.png"]
    assert counted_notes(found.notes) == [
        "2 × is hidden, or a system's own (first: in/.cache)",
        "1 × is of another format (.txt) (first: in/notes.txt)",
        "1 × is of another format (.xyz) (first: in/other.xyz)",
    ]
    assert [(group.id, group.paths) for group in make_groups(found, Images(directory="in"))] == [
        ("B", ("in/B.bmp",)),
        ("a", ("in/a.JPG",)),
        ("b_10", ("in/b/10.Tiff",)),
        ("b_2", ("in/b/2.png",)),
    ]
    assert rows(table(directory={"path": "in", "recursive": False}), "path") == ["B.bmp", "a.JPG"]
    assert rows(table(directory={"path": "in", "formats": [".XYZ", "txt"]}), "path") == [
        "notes.txt",
        "other.xyz",
    ]


def test_what_pixmake_wrote_beside_the_pictures() -> None:
    """It is none of what is left out; of a folder inside the project it would be."""
    own = ("README.md", "Snakefile", ".snakemake/log", "tune_find.html", "try_find_a.ipynb")
    files("a.png", *own, "notes.md", "in/README.md", "in/b.png")
    found = table(directory={"path": ".", "recursive": False})
    assert (rows(found, "path"), [note.path for note in found.notes]) == (["a.png"], ["./notes.md"])
    assert [note.path for note in table(directory={"path": "in"}).notes] == ["in/README.md"]


@pytest.mark.parametrize("results", ["results", "out/of/runs"])
@pytest.mark.parametrize("folder", [".", "here"])
def test_results_below_a_folder_of_images(results: str, folder: str) -> None:
    """What runs leave there are no images, unless it is their folder that is asked for."""
    results = os.path.normpath(f"{folder}/{results}")
    files(
        f"{folder}/a.png", f"{folder}/in/b.png", f"{results}/find/a.mask.png", f"{results}/report_files/a.jpg"
    )
    steps = {"find": {"function": "a.py:find"}}

    def paths(path: str) -> list[str]:
        config = parse_config({"images": {"directory": path}, "steps": steps, "results": results})
        return sorted(rows(read_images(config.images), "path"))

    assert paths(folder) == ["a.png", "in/b.png"]
    assert paths(f"{results}/find") == ["a.mask.png"]


def test_raw_files_beside_pictures() -> None:
    """A camera that writes both has one image a shot; who wants the raw ones names their format."""
    files("in/1.JPG", "in/1.CR2", "in/2.CR2", "in/b/1.nef")
    found = table(directory="in")
    assert rows(found, "path") == ["1.JPG", "2.CR2", "b/1.nef"]
    assert counted_notes(found.notes) == [
        "1 × is the raw file of a picture of the same name (first: in/1.CR2)"
    ]
    assert rows(table(directory={"path": "in", "formats": ["cr2"]}), "path") == ["1.CR2", "2.CR2"]


@pytest.mark.parametrize(
    ("path", "is_image"),
    [
        ("in/@eaDir/a.png", False),
        ("in/$RECYCLE.BIN/a.png", False),
        ("in/System Volume Information/a.png", False),
        ("in/x/__MACOSX/a.png", False),
        ("in/.Trashes/a.png", False),
        ("in/._a.png", False),
        ("in/Thumbs.db", False),
        ("in/@a.png", True),
        ("in/a@b/a.png", True),
    ],
)
def test_files_of_systems(path: str, is_image: bool) -> None:
    """They are no images, and are counted as left out, each folder once."""
    files("in/1.png", path)
    found = table(directory={"path": "in", "formats": ["png", "db"]})
    assert len(found) == (2 if is_image else 1)
    assert [note.why for note in found.notes] == ([] if is_image else ["is hidden, or a system's own"])


def test_links_in_a_circle() -> None:
    """A folder is listed once; a link that leads back to it is told, and one to itself is no file."""
    files("in/a/1.png")
    Path("in/a/back").symlink_to("..")
    Path("in/b").symlink_to("a")
    Path("in/self.png").symlink_to("self.png")
    found = table(directory="in")
    assert rows(found, "path") == ["a/1.png", "self.png"]
    assert [str(note) for note in found.notes] == [
        f"in/{name}: is a link to a folder that is listed already" for name in ("a/back", "b")
    ]
    assert [problem.partition(" (")[0] for problem in problems(directory="in")] == [
        "in, self.png: there is no such file"
    ]


def test_names_that_do_not_fit_are_errors_or_left_out() -> None:
    """No file is kept with empty metadata: it is an error, or it is left out and listed with why."""
    files("in/VIS_90_P1.png", "in/NIR_x_P1.png", "in/all.png")
    asked = {"path": "in", "template": "{camera}_{angle:d}_{plant}.png"}
    assert problems(directory=asked) == [
        "in/NIR_x_P1.png: does not fit {camera}_{angle:d}_{plant}.png "
        "(`unmatched: skip` leaves such files out)",
        "in/all.png: does not fit {camera}_{angle:d}_{plant}.png",
    ]
    found = table(directory={**asked, "unmatched": "skip"})
    assert rows(found, "camera", "angle", "plant") == [("VIS", 90, "P1")]
    assert notes(found) == [
        "in/NIR_x_P1.png: does not fit {camera}_{angle:d}_{plant}.png",
        "in/all.png: does not fit {camera}_{angle:d}_{plant}.png",
    ]


def test_folders_that_are_none() -> None:
    """A missing folder, a file, and a folder without images are told apart."""
    files("file", "empty/a.txt", "empty/b.txt")
    assert problems(directory="nowhere") == ["nowhere: there is no such folder"]
    assert problems(directory="file") == ["file: is no folder"]
    assert problems(directory="empty") == ["empty: no image in this folder (2 × is of another format (.txt))"]


def test_links_to_folders() -> None:
    """They are followed, but never in a circle."""
    files("real/a.png", "in/b.png")
    os.symlink("../real", "in/linked")
    os.symlink("..", "in/linked/up")
    os.symlink("nowhere.png", "in/dead.png")
    found = table(directory="in")
    assert rows(found, "path") == ["b.png", "dead.png", "linked/a.png"]
    assert any("dead.png: there is no such file" in problem for problem in map(str, path_problems(found)))


def test_a_timestamp_in_the_name() -> None:
    """It is a timestamp as any other, whatever `timestamp_format` says of tables."""
    files("in/p_2024-01-31.png", "in/p_2024-02-01.png")
    found = table(
        directory={"path": "in", "template": "{plant}_{timestamp:%Y-%m-%d}"}, timestamp_format="%d.%m.%Y"
    )
    assert found.when is not None
    assert [str(day)[:10] for day in found.when] == ["2024-01-31", "2024-02-01"]


NAMES = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), st.sampled_from("._{}%$ \n")
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(st.sets(NAMES, min_size=1, max_size=6))
def test_no_file_name_breaks_a_directory(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    """Each file of any name is found once, with its own id; hidden ones are not."""
    folder = tmp_path_factory.mktemp("names")
    made = set()
    for name in names:
        try:
            (folder / f"{name}.png").touch()
        except OSError:  # too long for the file system
            continue
        made.add(f"{name}.png")
    seen = {name for name in made if not name.startswith(".")}
    asked = Images.model_validate({"directory": {"path": str(folder), "unmatched": "skip"}})
    if not seen:
        with pytest.raises(PixmakeError, match="no image in this folder"):
            read_images(asked)
        return
    found = read_images(asked)
    assert set(rows(found, "path")) == seen
    assert path_problems(found) == []
    groups = make_groups(found, asked)
    assert {group.paths[0] for group in groups} == {f"{folder}/{name}" for name in seen}
    for template in ("{a}_{b}", "{a:d}.png", "{a}"):
        parsed = asked.directory.model_copy(update={"template": template})  # type: ignore[union-attr]
        try:
            with_terms = read_images(asked.model_copy(update={"directory": parsed}))
        except PixmakeError as error:
            assert "no image in this folder" in str(error)
        else:
            assert set(rows(with_terms, "path")) <= seen
            assert all(cell is not None for cell in rows(with_terms, "a"))


def test_a_name_that_is_not_utf8() -> None:
    """Records are UTF-8, so such a file is an error, or left out, with its name as it can be shown."""
    files("in/a.png")
    Path(os.fsdecode(b"in/\xff.png")).touch()
    assert problems(directory="in") == [
        "in/\\udcff.png: has a name that is not UTF-8 (`unmatched: skip` leaves such files out)"
    ]
    assert rows(table(directory={"path": "in", "unmatched": "skip"}), "path") == ["a.png"]


# --- lemnatec

HEADER = (
    "experiment,id,plant barcode,car tag,timestamp,weight before,weight after,water amount,completed,"
    "measurement label,tag,tiles\n"
)


def lemnatec(*lines: str) -> None:
    Path("export").mkdir(exist_ok=True)
    Path("export/SnapshotInfo.csv").write_text(HEADER + "".join(f"{line}\n" for line in lines))


def test_lemnatec() -> None:
    """A row a tile, with the snapshot's columns and what the tile's name says, in PlantCV's terms."""
    files("export/snapshot1/VIS_SV_90_z1_h2_g0_e82_117.PNG", "export/snapshot1/NIR_TV_z1_h2_g0_e65_118.png")
    lemnatec(
        '"T, 1",1,P007,12,2014-10-22 17:49:35.187,626.0,-1.0,9.5,true,"a ""b""",,'
        "VIS_SV_90_z1_h2_g0_e82_117;NIR_TV_z1_h2_g0_e65_118;"
    )
    found = table(lemnatec="export")
    assert rows(found, "path") == [
        "snapshot1/VIS_SV_90_z1_h2_g0_e82_117.PNG",
        "snapshot1/NIR_TV_z1_h2_g0_e65_118.png",
    ]
    assert found.frame.iloc[0].to_dict() == {
        "path": "snapshot1/VIS_SV_90_z1_h2_g0_e82_117.PNG",
        "snapshot": 1,
        "experiment": "T, 1",
        "plantbarcode": "P007",
        "cartag": 12,
        "timestamp": "2014-10-22 17:49:35.187",
        "weightbefore": 626.0,
        "weightafter": -1.0,
        "wateramount": 9.5,
        "completed": "true",
        "measurementlabel": 'a "b"',
        "tag": None,
        "imgtype": "VIS",
        "camera": "SV",
        "frame": 90,
        "zoom": 1,
        "lifter": 2,
        "gain": 0,
        "exposure": 82,
        "tile": 117,
    }
    assert rows(found, "camera", "frame")[1] == ("TV", None)
    assert path_problems(found) == []
    assert found.place(1) == "export/SnapshotInfo.csv, row 2"
    assert found.notes == ()
    again = table(lemnatec="export/SnapshotInfo.csv")
    assert again.frame.equals(found.frame)


def test_a_tile_that_two_rows_list() -> None:
    """It is one image, and a note; where the rows contradict each other it is an error, as it was."""
    files("export/snapshot1/a.png", "export/snapshot1/b.png", "export/snapshot1/c.png")
    lemnatec("T,1,P,1,,0,0,0,true,,,a;c;", "T,1,P,1,,0,0,0,true,,,b;c;")
    found = table(lemnatec="export")
    assert rows(found, "path") == ["snapshot1/a.png", "snapshot1/c.png", "snapshot1/b.png"]
    assert notes(found)[0] == (
        "export/SnapshotInfo.csv, row 3: lists a tile that an earlier row lists: c, row 2"
    )
    assert path_problems(found) == []


def test_lemnatec_with_oddities() -> None:
    """Empty lists, repeats, missing and unlisted files: no row without an image, nothing unsaid."""
    files("export/snapshot1/a.png", "export/snapshot1/extra.png", "export/snapshot2/a.png")
    lemnatec(
        "T,1,P,1,,0,0,0,true,,,a;a;gone;",
        "T,5,P,1,,0,0,0,true,,,",
        "T,6,P,1,,0,0,0,true,,,;;",
        "T,1,P,1,,0,0,0,true,,,a;a;gone;",
        "T,2,Q,1,,0,0,0,true,,, a ",
        "T,3,Q,1,,0,0,0,true,,,none",
    )
    found = table(lemnatec="export")
    assert rows(found, "path") == ["snapshot1/a.png", "snapshot1/gone", "snapshot2/a.png", "snapshot3/none"]
    info = "export/SnapshotInfo.csv"
    assert notes(found)[:5] == [
        f"{info}, row 2: lists a tile more than once: a",
        f"{info}, row 3: lists no image",
        f"{info}, row 4: lists no image",
        f"{info}, row 5: repeats an earlier row: row 2",
        "export/snapshot1/extra.png: is not listed in SnapshotInfo.csv",
    ]
    assert counted_notes(found.notes)[-1] == (
        "4 × has a name that is not LemnaTec's: its terms are empty (first: export/snapshot1/a.png)"
    )
    assert "imgtype" not in found.frame.columns
    missing = "there is no such file"
    assert problems(lemnatec="export") == [
        f"{info}, row 2: export/snapshot1/gone: {missing} (`missing: skip` leaves such images out)",
        f"{info}, row 7: export/snapshot3/none: {missing}",
    ]
    left = selected_table(Images.model_validate({"lemnatec": "export", "missing": "skip"}))
    assert rows(left, "path") == ["snapshot1/a.png", "snapshot2/a.png"]
    assert counted_notes(left.notes)[-1] == f"2 × {missing} (first: {info}, row 2)"


@pytest.mark.parametrize(
    ("lines", "keys", "expected"),
    [
        (["T,1,P,1,,0,0,0,true,,,"], {}, "export/SnapshotInfo.csv: lists no image"),
        (
            ["T,1,P,1,,0,0,0,true,,,b"],
            {},
            "export/SnapshotInfo.csv, row 2: the tile b of snapshot 1 is b.jpg and b.png "
            "(say which with `formats`)",
        ),
        (["T,1,P,1,,0,0,0,true,,,b"], {"formats": ["png"]}, ""),
        (["T,,P,1,,0,0,0,true,,,b"], {}, "export/SnapshotInfo.csv, row 2: has tiles, but no id"),
        (
            ["T,1,P,1,,0,0,0,true,,,a"],
            {"template": "{kind}_{n:d}"},
            "export/snapshot1/a.png: does not fit {kind}_{n:d} (`unmatched: skip` leaves such files out)",
        ),
        (
            ["T,1,P,1,,0,0,0,true,,,a"],
            {"template": "{tag}"},
            "export/SnapshotInfo.csv: both SnapshotInfo.csv and the tiles' names say 'tag' "
            "(call the term something else)",
        ),
        (
            ["T,1,P,1,x,0,0,0,true,,,a", "T,1,P,1,y,0,0,0,true,,,a"],
            {},
            "export/SnapshotInfo.csv, row 2: 'x' is no timestamp (e.g. 2024-01-31 or 2024-01-31T17:05:00)",
        ),
        (
            ["T,1,P,1,,0,0,0,true,,,a", "T,1,Q,1,,0,0,0,true,,,a"],
            {},
            "export/SnapshotInfo.csv, row 3: snapshot1/a.png stands in row 2 already (one row an image)",
        ),
        (["T,1,P"], {}, "export/SnapshotInfo.csv, row 2: 3 fields, but the header has 12"),
    ],
)
def test_problems_of_lemnatec(lines: Sequence[str], keys: dict[str, Any], expected: str) -> None:
    """What cannot be one row an image is an error with its row."""
    files("export/snapshot1/a.png", "export/snapshot1/b.png", "export/snapshot1/b.jpg")
    lemnatec(*lines)
    asked = Images.model_validate({"lemnatec": {"path": "export", **keys}})
    found = []
    try:
        found = [str(problem) for problem in path_problems(read_images(asked))]
    except PixmakeError as error:
        found = [str(problem) for problem in error.problems]
    assert found[:1] == ([expected] if expected else [])


def test_lemnatec_that_is_none() -> None:
    """A folder without the table, and a table of other columns."""
    files("export/x.png")
    assert problems(lemnatec="export") == ["export/SnapshotInfo.csv: there is no such file"]
    Path("export/SnapshotInfo.csv").write_text("a,b\n1,2\n")
    assert problems(lemnatec="export") == [
        "export/SnapshotInfo.csv: there is no column 'id' (known: a, b)",
        "export/SnapshotInfo.csv: there is no column 'tiles' (known: a, b)",
    ]


# --- phenodata


def phenodata(**parts: Any) -> None:
    Path("set").mkdir(exist_ok=True)
    Path("set/metadata.json").write_text(json.dumps(parts))


def test_phenodata() -> None:
    """Terms of all images, the environment's by snapshot, the dataset's; numbers are numbers."""
    files("set/d/a.png", "set/d/b.png")
    phenodata(
        dataset={"experiment": "E", "hostname": ""},
        environment={"s1": {"weight": -1.0, "barcode": "P1", "done": True}},
        images={
            "d/a.png": {"snapshot": "s1", "camera": "SV", "barcode": "P1", "zoom": "2500"},
            "d/b.png": {"camera": "TV", "frame": 3, "tags": ["x", "y"]},
        },
    )
    found = table(phenodata="set")
    assert found.columns == [
        "path", "snapshot", "camera", "barcode", "zoom", "frame", "tags", "weight", "done", "experiment"
    ]  # fmt: skip
    assert rows(found, "path", "zoom", "frame", "weight", "done", "experiment", "tags") == [
        ("d/a.png", 2500, None, -1.0, True, "E", None),
        ("d/b.png", None, 3, None, None, "E", '["x", "y"]'),
    ]
    assert path_problems(found) == []
    assert found.notes == ()
    left = selected_table(
        Images.model_validate({"phenodata": "set", "select": {"where": {"zoom": {"min": 1000}}}})
    )
    assert rows(left, "path") == ["d/a.png"]


def test_phenodata_with_oddities() -> None:
    """What the parts say differently, or do not say, is noted; missing images are told one by one."""
    phenodata(
        environment={"s1": {"barcode": "P1"}, "s2": {}},
        images={"a.png": {"snapshot": "s1", "barcode": "P2", "path": "x"}, "b.png": {"snapshot": "s9"}},
    )
    found = table(phenodata="set/metadata.json")
    assert rows(found, "barcode") == ["P2", None]
    assert notes(found) == [
        "set/metadata.json, a.png: has a term 'path', which is left out",
        "set/metadata.json, a.png: the environment has another 'barcode', the image's own counts: "
        "'P1', not 'P2'",
        "set/metadata.json, b.png: is of a snapshot that `environment` does not have: s9",
        "set/metadata.json, s2: a snapshot without images",
    ]
    assert problems(phenodata="set") == [
        "set/metadata.json, a.png: there is no such file (`missing: skip` leaves such images out)",
        "set/metadata.json, b.png: there is no such file",
    ]
    assert problems(phenodata="set", missing="skip") == [
        "set/metadata.json: no image: of 2 files none is there (the first: set/a.png)"
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "set/metadata.json: cannot be read as JSON"),
        ("[]", "set/metadata.json: holds no images"),
        ('{"images": {}}', "set/metadata.json: holds no images"),
        ('{"images": ["a.png"]}', "set/metadata.json: 'images' is no mapping"),
        ('{"images": {"a.png": 1}}', "set/metadata.json: images: 'a.png' has no terms"),
        ('{"images": {"a": {}, "a": {}}}', "set/metadata.json: the key 'a' stands twice in one place"),
        ("[" * 100000, "set/metadata.json: cannot be read as JSON"),
    ],
)
def test_problems_of_phenodata(content: str, expected: str) -> None:
    """A file of another form is told in a sentence."""
    Path("set").mkdir()
    Path("set/metadata.json").write_text(content)
    assert problems(phenodata="set")[0].startswith(expected)
