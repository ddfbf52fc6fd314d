"""`pixmake status` says of each job what its record says, whatever has happened to a project since."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.conftest import Project

from pixmake.config.models import load_config
from pixmake.progress.status import project_status

ANALYSIS = """\
from pathlib import Path


def segment(image, meta):
    if Path(f"broken/segment_{meta['name']}").exists():
        raise ValueError("no plant in this picture")
    return {"level": float(image.mean())}


def measure(image, meta):
    if Path(f"broken/measure_{meta['name']}").exists():
        raise ValueError("out of focus")
    return {"mean": float(image.mean())}


def compare(meta):
    if Path("broken/compare").exists():
        raise ValueError("too few")
    return {"n": 1}
"""

STEPS: Mapping[str, Any] = {
    "segment": {"function": "scripts/analysis.py:segment"},
    "measure": {"function": "scripts/analysis.py:measure", "needs": ["segment"]},
    "compare": {"function": "scripts/analysis.py:compare", "per": "plate", "needs": ["segment"]},
}


class Case(NamedTuple):
    """What happens to a project after its first run, and what is done, failed and to do of each step then."""

    change: Callable[[Project], object]
    segment: tuple[int, int, int] = (3, 1, 0)
    measure: tuple[int, int, int] = (2, 2, 0)
    compare: tuple[int, int, int] = (0, 1, 0)
    without_record: Mapping[str, int] = {}
    """Of each step how many failed jobs left no record, since they ended the run."""


def configure(project: Project, steps: Mapping[str, Any] = STEPS, **keys: object) -> None:
    project.configure(
        **{"images": {"table": "config/images.csv", "root": "images"}, "steps": dict(steps), **keys}
    )


def mend(project: Project) -> None:
    shutil.rmtree(project.folder / "broken")


def nothing(project: Project) -> None:
    pass


def without_the_list_of_failures(project: Project) -> None:
    shutil.rmtree(project.folder / "results/.failures")


def without_snakemakes_notes(project: Project) -> None:
    shutil.rmtree(project.folder / ".snakemake")


def needs_nothing_any_more(project: Project) -> None:
    configure(project, {**STEPS, "measure": {"function": "scripts/analysis.py:measure"}})


def mended_up_to_segment(project: Project) -> None:
    mend(project)
    assert project.snakemake("--until", "segment").code == 0


def mended(project: Project) -> None:
    mend(project)
    assert project.snakemake().last_words == "4 of 4 images done"


def mended_after_the_list_was_lost(project: Project) -> None:
    without_the_list_of_failures(project)
    mend(project)
    assert "1 × measure: failed before" in project.snakemake("-n").out
    assert project.snakemake().last_words == "4 of 4 images done"


def failed_again_after_the_list_was_lost(project: Project) -> None:
    without_the_list_of_failures(project)
    ended = project.snakemake()
    assert (ended.code, "2 of 4 images and 1 of 1 jobs of compare failed" in ended.err) == (1, True)


def stopped(project: Project) -> None:
    configure(project, on_error="stop")
    assert project.snakemake("--until", "segment").code == 1


def stopped_and_mended(project: Project) -> None:
    stopped(project)
    mend(project)
    assert project.snakemake().last_words == "4 of 4 images done"
    assert "Nothing to be done" in project.snakemake("-n").out


def stopped_mended_and_removed(project: Project) -> None:
    stopped_and_mended(project)
    (project.folder / "results/segment/b.json").unlink()


def stopped_and_cleaned(project: Project) -> None:
    stopped(project)
    shutil.rmtree(project.folder / "results/segment")
    shutil.rmtree(project.folder / "results/.failures")


def another_image_fails(project: Project) -> None:
    project.write("broken/measure_a", "")
    project.draw("images/a.png", level=90)
    assert project.snakemake().code == 1


CASES = {
    "as the run left it": Case(nothing),
    "a copy without hidden files": Case(without_the_list_of_failures),
    "a copy without Snakemake's folder": Case(without_snakemakes_notes),
    "a step that needs nothing any more": Case(needs_nothing_any_more),
    "what failed is mended, and run alone": Case(mended_up_to_segment, segment=(4, 0, 0)),
    "mended": Case(mended, (4, 0, 0), (4, 0, 0), (1, 0, 0)),
    "mended in a copy without hidden files": Case(
        mended_after_the_list_was_lost, (4, 0, 0), (4, 0, 0), (1, 0, 0)
    ),
    "fails again in a copy without hidden files": Case(failed_again_after_the_list_was_lost),
    "a failure ends the run": Case(stopped, segment=(3, 1, 0), without_record={"segment": 1}),
    "a failure ended the run, and is mended": Case(stopped_and_mended, (4, 0, 0), (4, 0, 0), (1, 0, 0)),
    "and its record is lost later": Case(stopped_mended_and_removed, (3, 0, 1), (4, 0, 0), (1, 0, 0)),
    "its log alone says that it failed": Case(stopped_and_cleaned, segment=(0, 0, 4)),
    "one that was done fails": Case(another_image_fails, measure=(1, 3, 0)),
}


@pytest.fixture(scope="module")
def after_a_run(tmp_path_factory: pytest.TempPathFactory, make_project: Callable[[Path], Project]) -> Project:
    """Four images of a plate: the second fails in the first step, the third in the second."""
    project = make_project(tmp_path_factory.mktemp("status"))
    project.write("scripts/analysis.py", ANALYSIS)
    for number, name in enumerate("abcd"):
        project.draw(f"images/{name}.png", level=20 * number)
    project.list_images([{"path": f"{name}.png", "name": name, "plate": "P1"} for name in "abcd"])
    for name in ("segment_b", "measure_c", "compare"):
        project.write(f"broken/{name}", "")
    configure(project)
    assert project.snakemake().code == 1
    return project


@pytest.mark.parametrize("name", CASES)
def test_status_says_what_the_records_say(name: str, after_a_run: Project, tmp_path: Path) -> None:
    """And once a run has written tables these, too: none calls done what failed."""
    case = CASES[name]
    project = Project(shutil.copytree(after_a_run.folder, tmp_path / "project"))
    case.change(project)
    expected = {step: getattr(case, step) for step in STEPS}
    assert of_records(project) == {
        step: (done, failed - case.without_record.get(step, 0))
        for step, (done, failed, _) in expected.items()
    }
    with contextlib.chdir(project.folder):
        told = project_status(load_config("config/config.yaml"))
    assert {step: (count.done, count.failed, count.to_do) for step, count in told.items()} == expected
    if case.change in (nothing, mended, mended_after_the_list_was_lost, another_image_fails):
        rows = [row["step"] for row in project.rows()]
        assert {step: rows.count(step) for step in STEPS} == {
            step: case[0] for step, case in expected.items()
        }


def test_both_forms_of_status_say_the_same(after_a_run: Project) -> None:
    """The table for people, and the JSON for programs."""
    told = json.loads(after_a_run.pixmake("status", "--json").out)["steps"]
    lines = [line.split() for line in after_a_run.pixmake("status").out.splitlines()[1:]]
    assert lines == [[step, *(str(told[step][key]) for key in ("done", "failed", "to_do"))] for step in STEPS]
    assert lines[1] == ["measure", "2", "2", "0"]


def of_records(project: Project) -> dict[str, tuple[int, int]]:
    """Of each step how many records say that all went well, and how many that it did not."""
    found = {}
    for step in STEPS:
        paths = (project.folder / "results" / step).glob("*.json")
        states = [json.loads(path.read_bytes())["status"] for path in paths]
        found[step] = states.count("ok"), states.count("failed")
    return found
