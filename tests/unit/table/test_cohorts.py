"""Steps over several images: whose images they get, and what is wrong with a config that asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pixmake.base.errors import PixmakeError
from pixmake.plan.plan import plan_project

FILE = "analysis.py"
FUNCTIONS = """\
def measure(image): ...
def over(rows, measure, paths): ...
def each(image, over): ...
def of_all(measurements): ...
def alone(rows): ...
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).write_text(FUNCTIONS)
    lines = ["path,plant,day,timestamp,treatment"]
    for plant, treatment in (("B", "wet"), ("A", "dry")):
        for day in (2, 1):
            (tmp_path / f"{plant}{day}.png").touch()
            lines.append(f"{plant}{day}.png,{plant},{day},2024-01-0{day},{treatment}")
    (tmp_path / "images.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def plan(steps: dict[str, Any], **images: Any) -> Any:
    content = {
        "images": {"table": "images.csv", **images},
        "steps": {name: {"function": f"{FILE}:{name}", **step} for name, step in steps.items()},
    }
    Path("config.yaml").write_text(yaml.safe_dump(content))
    return plan_project(content, ["config.yaml"])


def problems(steps: dict[str, Any], **images: Any) -> list[str]:
    with pytest.raises(PixmakeError) as raised:
        plan(steps, **images)
    return [str(problem) for problem in raised.value.problems]


def test_jobs_of_each_step() -> None:
    """A plant's job has its images by time; an image's job depends on its plant's, not on all."""
    made = plan({"measure": {}, "over": {"needs": ["measure"], "per": "plant"}, "each": {"needs": ["over"]}})
    jobs = {(planned.name, job.task.id): job for planned, job in made.jobs()}
    assert [key for key in jobs if key[0] == "over"] == [("over", "B"), ("over", "A")]
    over = jobs["over", "A"]
    assert over.task.metadata == {"plant": "A", "treatment": "dry"}
    assert 0 < over.members.index("A1.png") < over.members.index("A2.png")
    assert "B1.png" not in over.members
    assert over.members.index("A1.png") < over.members.index("A2.png")
    assert "B1.png" not in over.members
    assert over.gathered == ("results/measure/A1.json", "results/measure/A2.json")
    assert over.needed == ()
    assert jobs["each", "B2"].needed == ("results/over/B.json",)


def test_needs_all_is_one_dependency() -> None:
    """However many images there are, a job depends on one file with the results of all."""
    made = plan({"measure": {}, "of_all": {"needs_all": ["measure"]}})
    jobs = [job for planned, job in made.jobs() if planned.name == "of_all"]
    assert {job.needed for job in jobs} == {("results/.gathered/measure",)}
    assert made.gathered_steps() == ["measure"]


def test_coarser_and_finer() -> None:
    """A step over all gets each day's job once; a step per plant and day gets that of its plant."""
    made = plan(
        {
            "measure": {},
            "over": {"needs": ["measure"], "per": ["plant", "day"]},
            "of_all": {"needs": ["over"], "per": "all"},
        }
    )
    (job,) = [job for planned, job in made.jobs() if planned.name == "of_all"]
    assert job.gathered == tuple(f"results/over/{name}.json" for name in ("B_1", "A_1", "B_2", "A_2"))
    assert job.task.id == "all"


@pytest.mark.parametrize(
    ("steps", "images", "expected"),
    [
        (
            {"measure": {}, "of_all": {"needs_all": ["mesure"]}},
            {},
            "config.yaml:8: there is no step 'mesure' (did you mean 'measure'?)",
        ),
        (
            {"measure": {}, "of_all": {"needs": ["measure"], "needs_all": ["measure"]}},
            {},
            "config.yaml:10: a step stands twice, or in needs, too",
        ),
        (
            {"measure": {}, "over": {"needs": ["measure"], "per": "plnt"}},
            {},
            "steps.over.per: the table has no column 'plnt' (did you mean 'plant'?)",
        ),
        (
            {"alone": {}},
            {},
            "steps.alone: analysis.py:alone needs the argument 'rows' "
            "(a step over several images needs `per`)",
        ),
        (
            {"measure": {"per": "all"}},
            {},
            "steps.measure: analysis.py:measure needs the argument 'image' "
            "(a step with `per` has several: `images` or `paths`)",
        ),
        (
            {"of_all": {}},
            {},
            "steps.of_all: analysis.py:of_all needs the argument 'measurements' "
            "(name the steps that measure under needs or needs_all)",
        ),
        (
            {"alone": {"per": "day"}},
            {"group_by": ["plant"]},
            "images.csv, row 2, steps.alone.per: the images of B have several values of 'day' "
            "(add it to images.group_by)",
        ),
    ],
)
def test_wrong_steps(steps: dict[str, Any], images: dict[str, Any], expected: str) -> None:
    """Names that are not there and arguments that nothing gives are told before anything runs."""
    assert expected in problems(steps, **images)


def test_groups_apart(project: Path) -> None:
    """The term of `name_by` in `per`: a job for each name; a group gets those of its names."""
    grouped: dict[str, Any] = {"group_by": ["plant"], "name_by": "day"}
    (project / FILE).write_text(
        "def light(rows, images): ...\ndef whole(images, light): ...\ndef again(rows, light): ...\n"
        "def of_all(light): ...\n"
    )
    made = plan(
        {
            "light": {"per": ["day", "treatment"]},
            "whole": {"needs": ["light"]},
            "again": {"needs": ["light", "whole"], "per": "day"},
            "of_all": {"needs": ["light"], "per": "all"},
        },
        **grouped,
    )
    jobs = {(planned.name, job.task.id): job for planned, job in made.jobs()}
    assert [key for key in jobs if key[0] == "light"] == [
        ("light", f"{day}_{treatment}") for treatment in ("wet", "dry") for day in (2, 1)
    ]
    assert "B2.png" in jobs["light", "2_wet"].members
    assert "B1.png" not in jobs["light", "2_wet"].members
    whole = jobs["whole", "A"]
    assert whole.needed == ("results/light/2_dry.json", "results/light/1_dry.json")
    assert (whole.task.needs_named, whole.task.names) == ({"light": ("2", "1")}, ("2", "1"))
    again = jobs["again", "2"]
    assert again.gathered == (
        *("results/light/2_wet.json", "results/light/2_dry.json"),
        *("results/whole/B.json", "results/whole/A.json"),
    )
    assert len(jobs["of_all", "all"].gathered) == 4
    with pytest.raises(PixmakeError) as raised:
        plan_project(
            {
                "images": {"table": "images.csv", **grouped},
                "steps": {
                    "light": {"function": f"{FILE}:light", "per": "day"},
                    "whole": {"shell": "true {images}", "needs": ["light"]},
                },
            },
            ["config.yaml"],
        )
    assert [str(problem) for problem in raised.value.problems] == [
        "steps.whole.needs: 'light' has a job for each day, so a group gets several results of it "
        "(a `function` gets them by the names of its images)"
    ]


def test_empty_term(project: Path) -> None:
    """An image without a plant is told, or is a job of its own."""
    table = project / "images.csv"
    table.write_text(table.read_text().replace("A2.png,A,", "A2.png,,"))
    steps = {"alone": {"per": "plant"}}
    (found,) = problems(steps)
    assert found.startswith("images.csv, row 4, steps.alone.per: the column 'plant' is empty")
    made = plan(steps, empty_group="own")
    assert [job.task.id for _, job in made.jobs()] == ["B", "A2", "A"]


def test_a_circle_through_all(project: Path) -> None:
    """needs and needs_all make one circle together."""
    found = problems({"measure": {"needs_all": ["of_all"]}, "of_all": {"needs": ["measure"]}})
    assert any("steps need each other: measure → of_all → measure" in problem for problem in found)
