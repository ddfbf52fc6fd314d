"""`pixmake diff OLD NEW --why`: what moved a number, from provenance and by running images again."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.conftest import Project
from tests.planted import EACH, causes_of, forked, interpreter, kinds, steps, write

from pixmake.images.stamp import read_stamp
from pixmake.project.why import why
from pixmake.project.why_text import lines
from pixmake.results.diff import Tolerance

ANALYSIS = """\
import helper

def find(image, *, level):
    return {"mask": image[..., 0] > level}

def measure(image, mask, meta):
    area = float((mask > 0).sum())
    return {"area": area * helper.scale(), "dose": meta["dose"], "mean": float(image.mean())}
"""


def test_causes_are_told_with_the_line_and_how_sure(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thing alone is the cause; of several each is put back, and what has no effect is not blamed."""
    rows = [{"path": f"p{number}.png", "plant": f"P{number}", "dose": 1} for number in range(4)]
    small.list_images(rows)
    small.write("scripts/analysis.py", ANALYSIS)
    small.write("scripts/helper.py", "# of a pixel\n\n\ndef scale():\n    return 2.0\n")
    file, level = "scripts/analysis.py", 60

    def configure() -> None:
        small.configure(
            images={"table": "config/images.csv", "root": "images"},
            steps={
                "find": {"function": f"{file}:find", "params": {"level": level}, "files": {"mask": "png"}},
                "measure": {"function": f"{file}:measure", "needs": ["find"]},
            },
        )

    configure()
    small.snakemake()
    shutil.copytree(small.folder / "results", small.folder / "old")
    said = read_stamp(small.folder / "old/find/p1.mask.png") or {}
    assert (said["id"], said["step"], said["params"]) == ("p1", "find", {"level": 60})
    picture = (small.folder / "images/p1.png").read_bytes()
    assert said["images"] == [{"path": "images/p1.png", "sha256": hashlib.sha256(picture).hexdigest()}]
    level = 86
    configure()
    small.write("scripts/helper.py", "# of a pixel, in mm\n\n\ndef scale():\n    return 2.5\n")
    small.list_images([{**row, "dose": 3 if row["path"] == "p3.png" else 1} for row in rows])
    small.snakemake()
    before = small.tables(), small.started()

    words = ("diff", "old", "results", "--why", "--json", "--budget", "3", "--csv", "changes.csv")
    ended = small.pixmake(*words)
    assert (ended.code, ended.err) == (1, "")
    told = {tuple(kind["ids"]): kind["measurements"] for kind in json.loads(ended.out)["why"]}
    causes = {
        (ids, name): [(each["sure"], [what["kind"] for what in each["what"]]) for each in found["causes"]]
        for ids, measured in told.items()
        for name, found in measured.items()
    }
    assert causes[("p3",), "dose"] == [("shown", ["metadata"])]
    assert causes[("p3",), "area"] == [("shown", ["line"])]  # all of it is brighter than both levels
    (several,) = (ids for ids in told if "p2" in ids)
    assert sorted(causes[several, "area"]) == [("shown", ["line"]), ("shown", ["param"])]
    assert "cause,sure" in (small.folder / "changes.csv").read_text().splitlines()[0]

    monkeypatch.chdir(small.folder)
    text = "\n".join(lines(why(Path("old"), Path("results"), Tolerance(), run=forked)))
    assert "scripts/helper.py, line 5 (shown: without it 1 of 1 images" in text
    assert "was     return 2.0" in text
    assert "is      return 2.5" in text
    assert "parameter level was 60 and is 86, of step find (shown" in text
    none = why(Path("old"), Path("results"), Tolerance(), budget=0, run=forked)
    assert none.runs == 0
    assert "parameter level was 60 and is 86, of step find (likely, not shown)" in "\n".join(lines(none))
    assert before == (small.tables(), small.started())
    assert not (small.folder / ".snakemake/pixmake/why").exists()


@pytest.mark.slow
def test_planted_causes_are_found(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of numbers with one planted cause nearly all are told right; of those with two, both of most."""
    pythons = [interpreter(tmp_path / f"python{version}", version) for version in (1, 2)]
    for python, new in zip(pythons, (False, True), strict=True):
        write(project, new=new)
        words = [python, "-m", "snakemake", "--cores", "2"]
        subprocess.run(words, cwd=project.folder, check=True, capture_output=True)
        if not new:
            (project.folder / "results").rename(project.folder / "old")
    (site,) = (tmp_path / "python2" / "lib").glob("python*/site-packages")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(project.folder)
    found = why(Path("old"), Path("results"), Tolerance(), 1000, str(pythons[0]), forked)

    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    wrong = []
    for step in steps():
        for kind in found.kinds:
            if kind.step != step.name:
                continue
            for name, ids in kind.names.items():
                for job_id in ids:
                    planted = causes_of(step, job_id)
                    told = kinds(kind.causes[name])
                    what = " and ".join(sorted(planted))
                    asked[what] += 1
                    good = told == planted if len(planted) == 1 else planted <= told
                    right[what] += good
                    if not good:
                        wrong.append((step.name, job_id, name, sorted(planted), sorted(told), kind.notes))
    with capsys.disabled():
        for what, count in sorted(asked.items()):
            print(f"\n{what}: {right[what]} of {count}", end="")
        print(*wrong[:40], f"{found.runs} runs", sep="\n")
    singles = {what for what in asked if " and " not in what}
    assert singles == {"image", "metadata", "param", "line", "library", "order", "chance"}
    one = sum(right[what] for what in singles), sum(asked[what] for what in singles)
    two = [(right[what], count) for what, count in asked.items() if " and " in what]
    assert all(asked[what] >= EACH for what in singles)
    assert one[0] >= 0.95 * one[1]
    assert sum(good for good, _ in two) >= 0.8 * sum(count for _, count in two)
    assert sys.executable not in map(str, pythons)


SEVERAL = """\
from pathlib import Path

def find(image, *, level):
    return {"part": float((image > level).mean()), "bright": image.max() > level}

def rank(image, find):
    return {"sum": sum(row["part"] for row in find), "first": find[0]["id"]}

def plants(rows, images, find, *, factor):
    first = factor * sum(each["part"] for each in find)
    return {"dose": sum(row["dose"] for row in rows), "first": first, "ids": rows[0]["id"]}

def scored(image, *, model):
    return {"score": float(Path(model).read_text()) + float(image.mean())}
"""


def test_causes_of_several_images_and_of_models(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made of other images, their order, their metadata, and a model file that is another one."""
    file = "scripts/analysis.py"
    small.write(file, SEVERAL)
    small.write("models/a.txt", "1.5")
    small.write("models/b.txt", "2.5")
    for new in (False, True):
        rows = [{"path": f"p{n}.png", "plant": f"P{n % 2}", "dose": n + (new and n == 2)} for n in range(4)]
        small.list_images(rows[::-1] if new else rows)
        small.configure(
            images={"table": "config/images.csv", "root": "images"},
            steps={
                "find": {"function": f"{file}:find", "params": {"level": 86 if new else 60}},
                "rank": {"function": f"{file}:rank", "needs_all": ["find"]},
                "plants": {
                    "function": f"{file}:plants",
                    "needs": ["find"],
                    "per": ["plant"],
                    "params": {"factor": 2},
                },
                "scored": {
                    "function": f"{file}:scored",
                    "params": {"model": f"models/{'b' if new else 'a'}.txt"},
                },
            },
        )
        assert small.snakemake().code == 0
        if not new:
            shutil.copytree(small.folder / "results", small.folder / "old")
    monkeypatch.chdir(small.folder)
    before = sorted(Path(".snakemake/pixmake/members").iterdir())
    found = why(Path("old"), Path("results"), Tolerance(), 20, run=forked)
    told = {
        (kind.step, name): {(key.kind, key.name): each.sure for each in causes for key in each.keys}
        for kind in found.kinds
        for name, causes in kind.causes.items()
        if kind.step != "plants" or "P0" in kind.ids
    }
    assert told["find", "part"] == {("param", "level"): "only"}
    assert told["rank", "sum"] == {("needs", "find"): "shown"}
    assert told["rank", "first"] == {("order", "find"): "shown"}
    assert told["plants", "ids"] == {("order", ""): "shown"}
    assert told["plants", "dose"] == {("metadata", "dose of p2"): "shown"}
    assert told["plants", "first"] == {("needs", "find"): "shown"}
    assert told["scored", "score"] == {("model", "model"): "only"}
    assert not any(kind.notes for kind in found.kinds)
    assert sorted(Path(".snakemake/pixmake/members").iterdir()) == before
