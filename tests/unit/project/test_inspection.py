"""`pixmake inspect`: what would run and what would not, and why, for every image."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import Project

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images
from pixmake.config.models import parse_config
from pixmake.plan.plan import selected_table
from pixmake.project.inspection import (
    DONE,
    FAILED,
    KEPT,
    Inspection,
    inspect_images,
    inspect_project,
    whole_table,
    write_tables,
)
from pixmake.project.inspection_text import as_text
from pixmake.table.groups import make_groups

STEPS = {"measure": {"function": "scripts/analysis.py:measure"}}


@pytest.fixture
def trial(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two cameras, three plants, two days; one picture is missing, and two files are none of them."""
    monkeypatch.chdir(project.folder)
    (project.folder / "images").mkdir()
    for camera in ("VIS", "NIR"):
        for plant in ("A", "B", "C"):
            for day in ("2024-01-01", "2024-01-02"):
                if (camera, plant, day) != ("NIR", "B", "2024-01-02"):
                    (project.folder / f"images/{camera}_{plant}_{day}.png").write_bytes(b"")
    project.write("images/odd.png", "")
    project.write("images/notes.txt", "")
    return project


def images(**keys: Any) -> Images:
    directory = {"path": "images", "template": "{camera}_{plant}_{timestamp:%Y-%m-%d}", "unmatched": "skip"}
    return Images.model_validate({"directory": directory, **keys})


def statuses(found: Inspection) -> dict[str, str]:
    return dict(zip(*(whole_table(found)[name] for name in ("path", "status")), strict=True))


def test_why_an_image_is_out(trial: Project) -> None:
    """Each file has its reason: a condition, a name that does not fit, a group that is not whole."""
    found = inspect_images(
        images(
            select={"where": {"plant": ["A", "B"]}, "not_match": {"path": "VIS_A_2024-01-02"}},
            group_by=["plant", "timestamp"],
            name_by="camera",
            require=["VIS", "NIR"],
            incomplete="skip",
        )
    )
    assert found.problems == ()
    assert [(step.removed, step.left) for step in found.filters] == [(4, 7), (1, 6)]
    said = statuses(found)
    assert len(said) == 13
    assert said["images/VIS_A_2024-01-01.png"] == KEPT
    assert said["images/VIS_C_2024-01-01.png"] == "removed by where plant is A or B"
    assert said["images/VIS_A_2024-01-02.png"] == "removed by not_match path: VIS_A_2024-01-02"
    assert said["images/VIS_B_2024-01-02.png"] == "incomplete group: no NIR"
    assert said["images/odd.png"].startswith("does not fit {camera}_{plant}_{timestamp:%Y-%m-%d}")
    assert said["images/notes.txt"] == "is of another format (.txt)"
    assert Counter(said.values())[KEPT] == 4
    assert found.sizes == ((2, 2),)
    assert len(found.incomplete) == 2


def test_what_a_run_would_stop_at(trial: Project) -> None:
    """What is an error in a run is told, and the rest is shown all the same."""
    asked = images(group_by=["plant", "timestamp"], name_by="camera", require=["VIS", "NIR"])
    assert asked.directory is not None
    strict = asked.model_copy(update={"directory": asked.directory.model_copy(update={"unmatched": "error"})})
    found = inspect_images(strict)
    assert found.problems[0].where == "images/odd.png"
    assert "has no NIR" in found.problems[1].what
    assert Counter(statuses(found).values())[KEPT] == 10
    unknown = inspect_images(images(select={"where": {"plnat": "A"}}))
    assert len(unknown.problems) == 1
    assert "has no column 'plnat'" in unknown.problems[0].what
    assert set(unknown.status) == {"not decided: the selection or the groups cannot be made"}


def test_a_table_with_faults(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows without a file, without a path, and twice the same, each by itself."""
    monkeypatch.chdir(project.folder)
    project.draw("images/a.png")
    project.write("config/images.csv", "path,id,status\na.png,1,x\nb.png,2,x\n,3,x\na.png,4,x\n")
    found = inspect_images(Images.model_validate({"table": "config/images.csv", "root": "images"}))
    assert whole_table(found)["pixmake_status"].tolist() == [
        KEPT,
        "there is no such file",
        "the path is empty",
        "a.png stands in row 2 already",
    ]
    assert whole_table(found)["id"].tolist() == [1, 2, 3, 4]
    assert len(found.problems) == 3


def test_what_was_done_before(trial: Project) -> None:
    """Jobs with a record are done, jobs whose record says so have failed, by whatever step."""
    images_keys = images().model_dump(exclude_unset=True)
    steps = {**STEPS, "more": {**STEPS["measure"], "per": "plant", "needs": ["measure"]}}
    config = parse_config({"images": images_keys, "steps": steps})

    def leave(step: str, job: str, status: str) -> None:
        error = {"type": "E", "message": "m"} if status == "failed" else None
        record = {"id": job, "step": step, "status": status, "error": error}
        record |= {"metadata": {}, "measurements": {}, "files": {}}
        trial.write(f"results/{step}/{job}.json", json.dumps(record))

    for plant in ("A", "B", "C"):
        for day in ("2024-01-01", "2024-01-02"):
            leave("measure", f"VIS_{plant}_{day}", "ok")
    leave("more", "A", "ok")
    leave("more", "B", "failed")
    trial.write("results/.failures/more/B", "why\n")
    said = statuses(inspect_images(config.images, config))
    assert said["images/VIS_A_2024-01-01.png"] == DONE
    assert said["images/NIR_A_2024-01-01.png"] == KEPT
    assert said["images/VIS_B_2024-01-02.png"] == FAILED
    assert said["images/NIR_B_2024-01-01.png"] == FAILED
    assert said["images/VIS_C_2024-01-01.png"] == KEPT


def test_terms(trial: Project) -> None:
    """Of each term: how many values there are, how many of them are left, and which."""
    found = inspect_images(images(select={"where": {"camera": "VIS"}, "start": "2024-01-02"}))
    told = {term.name: (term.values, term.kept, term.empty, term.examples) for term in found.terms}
    assert told == {
        "camera": (2, 1, 0, ("VIS",)),
        "plant": (3, 3, 0, ("A", "B", "C")),
        "timestamp": (2, 1, 0, ("2024-01-02",)),
    }


def test_text(trial: Project) -> None:
    """The whole of what a person reads."""
    found = inspect_images(
        images(
            select={"where": {"plant": ["A", "B"]}},
            group_by=["plant", "timestamp"],
            name_by="camera",
            require=["VIS", "NIR"],
            incomplete="skip",
        )
    )
    assert list(as_text(found)) == [
        "images: 11 images (11 .png)",
        "  1 × does not fit {camera}_{plant}_{timestamp:%Y-%m-%d} (first: images/odd.png)",
        "  1 × is of another format (.txt) (first: images/notes.txt)",
        "  removed  by                     left",
        "        4  where plant is A or B  7",
        "        1  incomplete groups      6",
        "6 images in 3 groups in the run: 6 to run",
        "",
        "term       values  in the run  empty  for example",
        "camera     2       2           0      NIR, VIS",
        "plant      3       2           0      A, B",
        "timestamp  2       2           0      2024-01-01, 2024-01-02",
        "",
        "groups",
        "  3  of 2 images",
        "1 incomplete group",
        "  B_2024-01-02T00-00-00: no NIR",
        "",
        "the first 5 of 6 images in the run",
        "  path                         camera  plant  timestamp",
        "  images/NIR_A_2024-01-01.png  NIR     A      2024-01-01",
        "  images/NIR_A_2024-01-02.png  NIR     A      2024-01-02",
        "  images/NIR_B_2024-01-01.png  NIR     B      2024-01-01",
        "  images/VIS_A_2024-01-01.png  VIS     A      2024-01-01",
        "  images/VIS_A_2024-01-02.png  VIS     A      2024-01-02",
    ]


def test_text_stays_short(tmp_path: Path) -> None:
    """A thousand terms, groups and reasons are no thousand lines; a control character does no harm."""
    columns = {f"c{number}": [f"{number}\x1b[2J" + "x" * 200] * 3 for number in range(1000)}
    frame = pd.DataFrame({"path": [f"{number}.png" for number in range(3)], **columns})
    frame.to_csv(tmp_path / "images.csv", index=False)
    found = inspect_images(Images.model_validate({"table": str(tmp_path / "images.csv")}))
    lines = list(as_text(found, 100))
    assert len(lines) < 60
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)


def test_csv(trial: Project) -> None:
    """`--csv` writes every image with its status, and it reads back."""
    trial.configure(images=images().model_dump(exclude_unset=True), steps=STEPS)
    done = trial.pixmake("inspect", "--csv", "seen")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-3:] == [f"wrote seen/{name}.csv" for name in ("images", "filters", "terms")]
    with open("seen/images.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert Counter(row["status"] for row in rows)["kept"] == 11
    assert rows[0] == {
        "path": "images/NIR_A_2024-01-01.png",
        "camera": "NIR",
        "plant": "A",
        "timestamp": "2024-01-01",
        "id": "NIR_A_2024-01-01",
        "status": "kept",
    }
    trial.write("file", "")
    assert trial.pixmake("inspect", "--csv", "file").err.startswith("pixmake: file: cannot be written")


def test_a_config_with_other_problems(trial: Project) -> None:
    """A wrong step does not keep anyone from looking at the images."""
    trial.configure(images=images().model_dump(exclude_unset=True), steps={"measure": {"funktion": "x"}})
    found = inspect_project("config/config.yaml")
    assert found.read == 11
    assert any("unknown key steps.measure.funktion" in problem.what for problem in found.problems)
    trial.configure(images={"tabel": "x"}, steps=STEPS)
    with pytest.raises(PixmakeError, match="tabel"):
        inspect_project("config/config.yaml")


CELLS = st.sampled_from(["A", "B", "1", ""])
ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=12)


@settings(deadline=None)
@given(
    ROWS,
    st.dictionaries(st.sampled_from(["x", "y"]), CELLS, max_size=2),
    st.sampled_from([[], ["x"], ["x", "y"]]),
    st.none() | st.integers(1, 4),
)
def test_no_image_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    where: dict[str, str],
    group_by: list[str],
    first: int | None,
) -> None:
    """Every row has one status; those that are kept are exactly what a run would take."""
    folder = tmp_path_factory.mktemp("table")
    lines = ["path,x,y", *(f"{number}.png,{x},{y}" for number, (x, y) in enumerate(rows))]
    (folder / "images.csv").write_text("\n".join(lines))
    for number in range(len(rows)):
        (folder / f"{number}.png").touch()
    asked = Images.model_validate(
        {
            "table": str(folder / "images.csv"),
            "root": str(folder),
            "select": {"where": where, "first": first},
            "group_by": group_by,
            "empty_group": "own",
        }
    )
    found = inspect_images(asked)
    table = whole_table(found)
    assert len(table) == len(rows) == found.read
    assert table["status"].notna().all()
    kept = table["path"][table["status"] == KEPT]
    try:
        groups = make_groups(selected_table(asked), asked)
    except PixmakeError:
        assert kept.empty
    else:
        assert sorted(kept) == sorted(path for group in groups for path in group.paths)
    assert sum(step.removed for step in found.filters) + len(kept) == len(rows)
    assert list(as_text(found))


def test_ids_of_two_images(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images that would get one id are told before a run stops at them."""
    monkeypatch.chdir(project.folder)
    for name in ("a.png", "a.jpg"):
        project.draw(f"images/{name}")
    config = parse_config({"images": {"directory": "images"}, "steps": STEPS})
    found = inspect_images(config.images, config)
    assert [problem.what for problem in found.problems] == ["images/a.jpg and images/a.png get one id, 'a'"]
    # either way out of the hint is one
    assert 'images.id to "{path}"' in found.problems[0].hint
    assert 'images.select.match: {path: "[.]png$"}' in found.problems[0].hint
    for way, ids in (
        ({"id": "{path}"}, ["a.jpg", "a.png"]),
        ({"select": {"match": {"path": "[.]png$"}}}, [None, "a"]),
    ):
        config = parse_config({"images": {"directory": "images", **way}, "steps": STEPS})
        found = inspect_images(config.images, config)
        assert (found.problems, list(found.ids)) == ((), ids)


def test_written_tables_hold_what_pandas_reads(trial: Project) -> None:
    """Filters and terms are tables, too."""
    found = inspect_images(images(select={"where": {"camera": "VIS"}}))
    write_tables(found, "seen")
    assert pd.read_csv("seen/filters.csv").to_dict("list") == {
        "filter": ["where camera is VIS"],
        "removed": [5],
        "left": [6],
    }
    assert np.array_equal(pd.read_csv("seen/terms.csv")["values_kept"], [1, 3, 2])


def test_images_that_a_run_finds(project: Project) -> None:
    """Before a run its files are looked at, after it the images that were in them."""
    for name in ("a", "b"):
        project.draw(f"stacks/{name}.tif")
    project.configure(images={"directory": "stacks", "checkpoint": {"pages": {}}}, steps=STEPS)
    before = project.pixmake("inspect")
    assert (before.code, before.out.splitlines()[0]) == (0, "stacks: 2 images (2 .tif)")
    assert "no image is known before a run" in project.pixmake("check", "--read").out
    for page in range(3):
        project.draw(f"results/pages/{page}.png")
    rows = [{"path": f"results/pages/{page}.png", "page": page, "id": f"a_{page}"} for page in range(3)]
    project.list_images(rows, "results/images.csv")
    after = project.pixmake("inspect")
    assert after.out.splitlines()[0] == "results/images.csv: 3 images (3 .png)"
