"""Steps over several images: all of them, or those of one plant, and what a failed one does to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from tests.conftest import Project
from tests.pages import follow

Changed = Callable[[Project, Mapping[str, str]], set[str]]

ANALYSIS = '''\
def measure(image, meta, *, shift=0):
    if meta.get("do") == "raise":
        raise ValueError("blurred")
    return {"mean": float(image.mean()) + shift, "flat": image}


def background(flat, measure, missing):
    """Over all: the files of all images, one after another, and what was measured."""
    assert len(flat) == len(measure)
    mean = sum(row["mean"] for row in measure) / len(measure)
    return {"level": mean, "lost": missing, "pixels": sum(picture.size for picture in flat)}


def corrected(image, measure, background):
    """Of each image, with what was computed over all."""
    return {"above": measure["mean"] - background["level"]}


def rank(measure, measurements):
    """Of each image, with the measurements of all."""
    return {"of": len(measurements), "brightest": max(row["mean"] for row in measurements)}


def growth(rows, measure, paths, images, meta):
    """A plant's time series, in the order of time."""
    assert [row["id"] for row in rows] == [row["id"] for row in measure]
    assert len(images) == len(paths) == len(rows)
    assert abs(images[0].mean() - measure[0]["mean"]) < 1e-6
    return {"days": [row["day"] for row in rows], "gain": measure[-1]["mean"] - measure[0]["mean"]}


def relative(image, growth, background):
    """Of each image, with the result of its own plant."""
    return {"share": growth["gain"] / background["level"]}


def summary(growth):
    """Over all plants."""
    return {"plants": len(growth), "gain": sum(row["gain"] for row in growth)}
'''


def configure(project: Project, shift: int = 0, **keys: object) -> None:
    file = "scripts/analysis.py"
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "measure": {"function": f"{file}:measure", "files": {"flat": "png"}, "params": {"shift": shift}},
            "background": {"function": f"{file}:background", "needs": ["measure"], "per": "all"},
            "corrected": {"function": f"{file}:corrected", "needs": ["measure", "background"]},
            "rank": {"function": f"{file}:rank", "needs_all": ["measure"]},
            "growth": {"function": f"{file}:growth", "needs": ["measure"], "per": "plant"},
            "relative": {"function": f"{file}:relative", "needs": ["growth", "background"]},
            "listed": {
                "shell": "cat {measurements} > {files.list}; "
                "printf '{{\"n\": %s}}' $(echo {needs.flat} | wc -w) > {result}",
                "needs": ["measure"],
                "per": "plant",
                "files": {"list": "txt"},
            },
            "summary": {"function": f"{file}:summary", "needs": ["growth"], "per": "all"},
        },
        **keys,
    )


@pytest.fixture
def trial(project: Project) -> Project:
    """Two plants on three days each, listed from the last day to the first."""
    project.write("scripts/analysis.py", ANALYSIS)
    configure(project)
    write_table(project)
    return project


def write_table(project: Project, broken: tuple[str, ...] = ()) -> None:
    rows = []
    for number, plant in enumerate(("P1", "P2")):
        for day in (3, 2, 1):
            name = f"{plant}d{day}.png"
            if not (project.folder / "images" / name).exists():
                project.draw(f"images/{name}", level=40 * (number + 1) * day)
            rows.append(
                {
                    "path": name,
                    "plant": plant,
                    "day": day,
                    "timestamp": f"2024-01-0{day}",
                    "treatment": "dry" if number else "wet",
                    "do": "raise" if name in broken else "",
                }
            )
    project.list_images(rows)


def values(project: Project, step: str) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in project.rows() if row["step"] == step}


def test_steps_over_several_images(trial: Project, ran_since: Changed) -> None:
    """Over all, per plant by time, back to each image; and again only what a change touches."""
    ended = trial.snakemake()
    assert ended.code == 0, ended.err
    assert ended.last_words == "6 of 6 images done"
    means = {job: float(row["mean"]) for job, row in values(trial, "measure").items()}
    (all_images,) = values(trial, "background").values()
    assert all_images["id"] == "all"
    assert float(all_images["level"]) == pytest.approx(sum(means.values()) / 6)
    assert float(values(trial, "corrected")["P1d1"]["above"]) == pytest.approx(
        means["P1d1"] - sum(means.values()) / 6
    )
    assert float(values(trial, "rank")["P2d2"]["brightest"]) == max(means.values())
    growth = values(trial, "growth")
    assert growth["P1"]["days"] == "[1, 2, 3]"
    assert float(growth["P2"]["gain"]) == pytest.approx(means["P2d3"] - means["P2d1"])
    assert [growth[plant]["treatment"] for plant in ("P1", "P2")] == ["wet", "dry"]
    assert growth["P1"]["day"] == "" and "missing_images" not in growth["P1"]
    assert values(trial, "summary")["all"]["plants"] == "2"
    assert values(trial, "listed")["P1"]["n"] == "3"
    assert "id,step,day,path,plant" in (trial.folder / "results/listed/P2.list.txt").read_text()
    assert len(trial.pixmake("status").out.splitlines()) == 9
    assert "growth" in trial.pixmake("compile").out
    assert "Nothing to be done" in trial.snakemake().err

    before = trial.started()
    write_table(trial, broken=("P1d2.png",))
    trial.draw("images/P1d2.png", level=77)
    ended = trial.snakemake()
    assert ended.code == 1
    assert ended.last_words.startswith("1 of 6 images failed: see results/failures.csv.")
    ran = ran_since(trial, before)
    assert {job for job in ran if job.startswith("growth")} == {"growth/P1"}
    assert not {job for job in ran if job.startswith("measure")} - {"measure/P1d2"}
    growth = values(trial, "growth")
    assert (growth["P1"]["days"], growth["P1"]["missing_images"]) == ("[1, 3]", "1")
    assert values(trial, "background")["all"]["lost"] == '["P1d2"]'
    assert values(trial, "rank")["P2d1"]["of"] == "5"
    assert "P1d2" not in values(trial, "corrected")
    assert "without P1d2" in (trial.folder / "logs/growth/P1.log").read_text()
    assert len(trial.rows("failures.csv")) == 1
    status = {line.split()[0]: line.split()[1:] for line in trial.pixmake("status").out.splitlines()}
    assert status["measure"] == ["5", "1", "0"]
    assert status["growth"] == ["2", "0", "0"]
    assert status["corrected"] == ["5", "1", "0"]


def test_nothing_left_to_work_on(trial: Project) -> None:
    """A plant whose images all failed has no growth, nor do its images; a failed plant is counted."""
    write_table(trial, broken=tuple(f"P1d{day}.png" for day in (1, 2, 3)))
    trial.write(
        "scripts/analysis.py",
        ANALYSIS.replace("    assert len(images)", "    raise ValueError('flat')\n    assert len(images)"),
    )
    ended = trial.snakemake()
    assert ended.last_words.startswith("3 of 6 images and 1 of 2 jobs of growth failed: see")
    assert trial.record("growth", "P1")["error"]["message"] == (
        "step measure failed for all 3 images of this job"
    )
    assert trial.record("relative", "P1d1")["error"]["message"] == "step growth failed for P1"
    assert trial.record("summary", "all")["error"]["type"] == "PrerequisiteFailed"
    assert [row["id"] for row in trial.rows("failures.csv")] == ["P1d3", "P1d2", "P1d1", "P2"]
    assert "P2 " not in trial.pixmake("status").out
    assert trial.pixmake("retry", "P2").out == "1 image will run again in the next run\n"


def test_example_of_the_page(trial: Project) -> None:
    """What docs/dependencies.md shows runs as it stands there."""
    follow("dependencies.md", trial)
    ended = trial.snakemake()
    assert ended.code == 0, ended.err
    growth = values(trial, "growth")
    assert growth["P1"]["from"].startswith("2024-01-01")
    assert growth["P1"]["treatment"] == "wet"
    assert values(trial, "relative")["P1d3"]["of_gain"] == growth["P1"]["gain"]
