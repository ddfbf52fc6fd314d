"""What stays after a run, and what `pixmake clean` removes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from tests.conftest import Project

Changed = Callable[[Project, Mapping[str, str]], set[str]]

ANALYSIS = """\
def segment(image):
    return {"mask": image > 90, "size": int(image.size)}


def smooth(mask):
    return {"smooth": mask}


def measure(mask, smooth, meta):
    if meta["plant"] == "P1":
        raise ValueError("blurred")
    return {"n": int(mask.sum() + smooth.sum())}


def total(mask, rows):
    return {"n": sum(int(each.sum()) for each in mask)}
"""


def configure(project: Project, keep: str, needs: tuple[str, ...] = ("segment", "smooth")) -> None:
    file = "scripts/analysis.py"
    project.write(file, ANALYSIS)
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "segment": {"function": f"{file}:segment", "files": {"mask": "png"}},
            "smooth": {"function": f"{file}:smooth", "needs": ["segment"], "files": {"smooth": "npy"}},
            "measure": {"function": f"{file}:measure", "needs": list(needs)},
            "total": {"function": f"{file}:total", "needs": ["segment"], "per": "all"},
        },
        keep=keep,
    )


def made(project: Project, folder: str) -> set[str]:
    base = project.folder / folder
    return {str(path.relative_to(base)) for path in base.rglob("*") if path.is_file()}


def logs_of_jobs(project: Project) -> set[str]:
    """Those of tables and the page are beside the folders of the steps."""
    return {name for name in made(project, "logs") if "/" in name}


@pytest.mark.slow
def test_keep_failed_and_clean(small: Project, ran_since: Changed) -> None:
    """Only records, tables and what failed images need stay; `clean` removes that, and no other file."""
    configure(small, "failed")
    ended = small.snakemake()
    assert ended.last_words.startswith("1 of 4 images failed"), ended.err
    assert not [name for name in made(small, "results") if name.endswith((".png", ".npy"))]
    assert logs_of_jobs(small) == {"measure/p1.log", "measure/p1.mask.png", "measure/p1.smooth.npy"}
    assert small.rows()[-1]["n"] != ""

    before = small.started()
    small.write("scripts/analysis.py", ANALYSIS.replace('== "P1"', '== "P9"'))
    ended = small.snakemake()
    assert ended.last_words.startswith("4 of 4 images done"), ended.err
    assert ran_since(small, before) >= {f"measure/p{number}" for number in range(4)}
    assert logs_of_jobs(small) == set()
    assert "Nothing to be done" in small.snakemake().err

    small.write("results/measure/notes.txt", "mine")
    small.write("results/measure/p0.json.bak", "mine, too")
    small.write("logs/segment/p0.log.txt", "and mine")
    asked = small.pixmake("clean")
    assert asked.code == 1
    assert asked.out.endswith("Nothing was removed.\n")
    assert "results/measure: 4 files" in asked.out
    assert "stays: logs/segment/p0.log.txt, results/measure/notes.txt" in asked.out
    assert len(small.rows()) > 4
    cleaned = small.pixmake("clean", "--yes")
    assert cleaned.code == 0, cleaned.err
    assert made(small, "results") == {"measure/notes.txt", "measure/p0.json.bak"}
    assert made(small, "logs") == {"segment/p0.log.txt"}
    assert made(small, "images") == {f"p{number}.png" for number in range(4)}
    assert small.pixmake("clean").out == "There is nothing that a run has made.\n"
    assert small.snakemake().code == 0


def test_keep_results(small: Project) -> None:
    """Files that other steps need go once those are done; files that no step needs, and logs, stay."""
    configure(small, "results", needs=("segment",))
    small.write(
        "scripts/analysis.py",
        ANALYSIS.replace("mask, smooth, meta", "mask, meta").replace(" + smooth.sum()", ""),
    )
    ended = small.snakemake()
    assert ended.last_words.startswith("1 of 4 images failed"), ended.err
    kept = {name for name in made(small, "results") if name.endswith((".png", ".npy"))}
    assert kept == {f"smooth/p{number}.smooth.npy" for number in range(4)}
    assert len(logs_of_jobs(small)) == 13
