"""A step tuned from the terminal: seen side by side, and one variant taken."""

from __future__ import annotations

import difflib
import re

import cv2
import numpy as np
import pytest
from tests.conftest import Project

import pixmake
from pixmake.project.tune import stratified
from pixmake.table.groups import Group

CONFIG = """\
# the trial
images:
  table: config/images.csv
  root: images

steps:
  find:
    function: scripts/analysis.py:find # bright spots
    files: {mask: png}
    params: {level: 100}   # from a look at the first day
  count:
    function: scripts/analysis.py:count
    needs: [find]
"""
FUNCTIONS = """\
def find(image, *, level, least=0):
    print("found at", level)
    if level > 250:
        raise ValueError("nothing is so bright")
    return {"mask": image > level}


def count(mask, *, unit=1):
    return {"bright": int((mask > 0).sum()) * unit}
"""

OVER_SEVERAL = """

def total(count, *, unit=1):
    return {"bright": sum(row["bright"] for row in count) * unit}
"""


@pytest.fixture
def spots(project: Project) -> Project:
    """Six pictures of two spots, one brighter; two treatments."""
    rows = []
    for number in range(6):
        pixels = np.full((40, 60), 20, np.uint8)
        cv2.circle(pixels, (15, 20), 6, 150, -1)
        cv2.circle(pixels, (45, 20), 6, 220, -1)
        (project.folder / "images").mkdir(exist_ok=True)
        cv2.imwrite(str(project.folder / f"images/p{number}.png"), pixels)
        rows.append({"path": f"p{number}.png", "treatment": "wet" if number < 4 else "dry"})
    project.list_images(rows)
    project.write("config/config.yaml", CONFIG)
    project.write("scripts/analysis.py", FUNCTIONS)
    return project


def test_tuned_and_taken(spots: Project) -> None:
    """The page has an image and the numbers of each variant; the config then differs in one line."""
    done = spots.pixmake("tune", "count", "--vary", "find.level=180,255", "--images", "2")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "tune_count.html: 3 variants on 2 images; 2 failed"
    page = (spots.folder / "tune_count.html").read_text()
    rows = page.split("<tr><th>")[1:]
    assert len(rows) == 3  # of heads and of images
    wet, dry = rows[1:]
    assert wet.startswith("p")
    for row in (wet, dry):
        as_it_is, taken, failed = row.split("<td>")[1:]
        assert "2 objects" in as_it_is
        assert "1 object," in taken
        assert "ValueError: nothing is so bright" in failed
        assert as_it_is.count("data:image/jpeg;base64,") == 1
        assert "<path" in taken
    assert not (spots.folder / "results").exists()

    assert spots.pixmake("tune", "count", "--take", "1").out.splitlines() == [
        "config/config.yaml: steps.find.params.level is 180 now"
    ]
    after = (spots.folder / "config/config.yaml").read_text()
    differing = [line for line in difflib.ndiff(CONFIG.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert differing == [
        "-     params: {level: 100}   # from a look at the first day",
        "+     params: {level: 180}   # from a look at the first day",
    ]


def test_sliders(spots: Project) -> None:
    """In a notebook: a slider is moved, both results are seen; one is taken, and the config says so."""
    tuning = pixmake.Project(spots.folder / "config/config.yaml").tune(
        "count", {"find.level": (10, 260, 10), "unit": [2, 1]}, images=2
    )
    assert tuning.values == {"find.level": 100, "unit": 1}, "what the config says, and the function"
    assert list(tuning.table["bright"]) == [226, 226, 226, 226]
    box = tuning.widget()
    level, unit, below, shown = box.children
    level.value = 180
    assert shown.value.count("2 objects") == 2
    assert shown.value.count("1 object,") == 2
    assert shown.value.count("data:image/jpeg;base64,") == 4
    unit.value = 2
    assert list(tuning.table["bright"]) == [226, 226, 226, 226], "half of it, twice as much each"
    level.value = 260
    assert list(tuning.table["error"]) == [None, "ValueError: nothing is so bright"] * 2
    level.value = 190
    unit.value = 1
    assert list(tuning.table["variant"]) == [0, 1, 0, 1]
    assert not (spots.folder / "results").exists()
    take, said = below.children
    take.click()
    assert said.value == "config.yaml says find.level = 190, unit = 1 now"
    after = (spots.folder / "config/config.yaml").read_text()
    assert "    params: {level: 190}   # from a look at the first day\n" in after
    assert list(tuning.set({"unit": 2}).table["bright"]) == [113, 226, 113, 226]
    for vary, said in (
        ({"lvl": (1, 2)}, "count has no argument 'lvl'"),
        ({"unit": (2, 1)}, "vary unit: (2, 1) is not understood (write (from, to), or a list of values)"),
        ({}, 'vary: nothing is varied (for example {"min_area": (20, 200)})'),
    ):
        with pytest.raises(pixmake.PixmakeError) as told:
            pixmake.Project(spots.folder / "config/config.yaml").tune("count", vary)
        assert said in str(told.value)


def test_what_is_over_several_images(spots: Project) -> None:
    """A row is what `per` puts together; a param of what it needs changes all of its images."""
    spots.write("scripts/analysis.py", f"{FUNCTIONS}{OVER_SEVERAL}")
    total = "  total:\n    function: scripts/analysis.py:total\n    needs: [count]\n    per: treatment\n"
    spots.write("config/config.yaml", f"{CONFIG}{total}")
    vary = ["--vary", "find.level=180", "--vary", "unit=1,10"]
    done = spots.pixmake("tune", "total", *vary)
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "tune_total.html: 3 variants on 2 of treatment; 0 failed"
    _, *rows = (spots.folder / "tune_total.html").read_text().split("<tr><th>")[1:]
    spot = 113  # pixels
    assert {row.partition("<")[0]: re.findall(r"bright = (\d+)", row) for row in rows} == {
        "wet": [f"{4 * 2 * spot}", f"{4 * spot}", f"{4 * spot * 10}"],
        "dry": [f"{2 * 2 * spot}", f"{2 * spot}", f"{2 * spot * 10}"],
    }
    assert spots.snakemake().code == 0
    assert spots.pixmake("tune", "total", *vary).out == done.out, "with what a run has made at hand"
    tuning = pixmake.Project(spots.folder / "config/config.yaml").tune("total", {"unit": (1, 10)}, images=1)
    assert list(tuning.set({"unit": 3}).table["bright"]) == [4 * 2 * spot, 3 * 4 * 2 * spot]
    many = spots.pixmake("tune", "total", "--vary", f"unit={','.join(map(str, range(2, 62)))}")
    assert many.err == (
        "pixmake: --vary: 61 variants on 6 images are too many to look at "
        "(300 results at most: take fewer values or images)\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fnd", "--vary", "level=1"], "there is no step 'fnd' (did you mean 'find'?)"),
        (["find"], "--vary: nothing is varied (for example: --vary min_area=20,50,100)"),
        (["find", "--vary", "level"], "--vary: 'level' is not understood (write PARAM=VALUE,VALUE)"),
        (["find", "--vary", "count.unit=1"], "--vary count.unit: find does not need this step"),
        (
            ["find", "--vary", "levle=1"],
            "steps.find.params: scripts/analysis.py:find has no argument 'levle' (did you mean 'level'?)",
        ),
        (
            ["find", "--take", "1"],
            "the step 'find' was not tuned here (pixmake tune find --vary PARAM=VALUE,VALUE)",
        ),
    ],
)
def test_what_is_wrong_is_told(spots: Project, words: list[str], said: str) -> None:
    """In words, before anything runs."""
    done = spots.pixmake("tune", *words)
    assert (done.code, done.err) == (1, f"pixmake: {said}\n")


def test_images_of_all_kinds() -> None:
    """Each treatment and each camera, before there are two of any; what is each image's own says nothing."""
    groups = [
        Group(f"p{n}", (f"p{n}.png",), (), {"treatment": treatment, "camera": camera, "name": n}, "")
        for n, (treatment, camera) in enumerate(
            [*[("wet", "VIS")] * 25, ("dry", "VIS"), ("wet", "NIR"), *[("wet", "VIS")] * 25]
        )
    ]
    assert [group.id for group in stratified(groups, 3)] == ["p0", "p25", "p26"]
    assert len(stratified(groups[:2], 5)) == 2


@pytest.mark.slow
def test_corrected_by_hand(spots: Project) -> None:
    """A mask that was drawn by hand stands in for one image; only what depends on it runs."""
    assert spots.snakemake().code == 0
    spots.write(
        "config/config.yaml", CONFIG.replace("    params: {", "    corrected: by_hand\n    params: {")
    )
    drawn = np.zeros((40, 60), np.uint8)
    drawn[:3, :4] = 255
    (spots.folder / "by_hand").mkdir()
    cv2.imwrite(str(spots.folder / "by_hand/p2.mask.png"), drawn)
    would = spots.snakemake("-n")
    assert "would run: 1 × find, 1 × count, 1 × aggregate" in would.out, would.out
    assert spots.snakemake().code == 0
    areas = {row["id"]: row["bright"] for row in spots.rows() if row["step"] == "count"}
    assert areas == {f"p{number}": "12" if number == 2 else "226" for number in range(6)}
    assert spots.record("find", "p2")["run"]["corrected"] == ["mask"]
    assert (spots.folder / "logs/find/p2.log").read_text() == ""
    assert "Nothing to be done" in spots.snakemake().err
    (spots.folder / "by_hand/p2.mask.png").rename(spots.folder / "by_hand/q2.mask.png")
    refused = spots.pixmake("check")
    assert refused.err == (
        "pixmake: by_hand/q2.mask.png: no job of this step makes a file of this name "
        "(did you mean 'p2.mask.png'?)\n"
    )
    (spots.folder / "by_hand/q2.mask.png").unlink()
    assert spots.snakemake().code == 0
    assert {row["bright"] for row in spots.rows() if row["step"] == "count"} == {"226"}
