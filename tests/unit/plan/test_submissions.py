"""Cluster jobs: which images share one, what a node reads of a plan, and what a lost one leaves behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.conftest import Project

from pixmake.config.models import load_config
from pixmake.job import finished_results as kept
from pixmake.job.run import DONE, FAILED, REPLACED, parse_job, run_job
from pixmake.plan.cluster_groups import (
    UNMEASURED_IMAGES,
    Stage,
    Standing,
    group_names,
    images_per_job,
    stages,
)
from pixmake.plan.executors import Placement
from pixmake.plan.plan import plan_project
from pixmake.rules import submissions
from pixmake.rules.cluster_node import allowed_rules, attempt, enter, leave_plan, read_plan


def placed(executor: str = "default", **keys: object) -> Placement:
    return Placement(executor=executor, **keys)  # type: ignore[arg-type]


def names(steps: list[Standing]) -> dict[str, tuple[str, ...]]:
    return {stage.name: stage.steps for stage in stages(steps)}


def test_steps_of_one_executor_stand_together() -> None:
    """Where another executor comes between, a new group begins: groups never need each other in a circle."""
    default, gpu = placed(), placed("gpu")
    steps = [
        Standing("find", default),
        Standing("deep", gpu, needs=["find"]),
        Standing("size", default, needs=["find"]),
        Standing("measure", default, needs=["deep", "size"]),
    ]
    assert names(steps) == {"default_0": ("find", "size"), "gpu_1": ("deep",), "default_2": ("measure",)}


def test_what_needs_all_images_stands_behind_all_groups() -> None:
    steps = [
        Standing("find", placed()),
        Standing("background", placed(), needs=["find"], over_several=True),
        Standing("subtract", placed(), needs=["find", "background"]),
        Standing("rank", placed(), gathers=["subtract"]),
    ]
    assert names(steps) == {"default_0": ("find",), "default_2": ("subtract",), "default_3": ("rank",)}


def write_record(results: Path, step: str, job_id: str, seconds: float) -> None:
    path = results / step / f"{job_id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"run": {"seconds": seconds}}))


def test_few_images_that_are_left_do_not_lie_scattered(tmp_path: Path) -> None:
    """Of many images that are done the few others share one cluster job."""
    ids = [f"i{number:03}" for number in range(100)]
    for job_id in ids:
        if job_id not in ("i007", "i050", "i099"):
            write_record(tmp_path, "find", job_id, 1)
    stage = Stage("default_0", ("find",), placed(images_per_job=10))
    groups = group_names(stage, ids, str(tmp_path), None)
    assert groups is not None
    assert {groups[job_id] for job_id in ("i007", "i050", "i099")} == {"default_0_0"}
    assert sorted(groups.values()).count("default_0_3") == 10
    assert group_names(Stage("d", ("find",), placed()), ids, str(tmp_path), None) is None


@pytest.mark.parametrize(
    ("cores", "threads", "expected"), [(None, 1, 60), (8, 1, 480), (8, 4, 120), (1, 4, 60)]
)
def test_auto_fills_the_minutes(tmp_path: Path, cores: int | None, threads: int, expected: int) -> None:
    """Images of 5 seconds in both steps: 60 in 10 minutes, on each core that a job has."""
    for number in range(4):
        write_record(tmp_path, "find", f"i{number}", 7.0 if number % 2 else 9.0)
        write_record(tmp_path, "measure", f"i{number}", 2.0)
    placement = placed(images_per_job="auto", job_minutes=10, threads=threads)
    stage = Stage("default_0", ("find", "measure"), placement)
    assert images_per_job(stage, str(tmp_path), cores) == expected
    assert images_per_job(stage, str(tmp_path / "nothing"), cores) == UNMEASURED_IMAGES


@pytest.fixture
def planned(small: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Four images in two groups, in the working directory, with the plan left for the nodes."""
    monkeypatch.chdir(small.folder)
    config = {
        "images": {"table": "config/images.csv", "root": "images"},
        "steps": {"measure": {"function": "scripts/analysis.py:measure"}},
        "executors": {"default": {"images_per_job": 2}},
    }
    small.configure(**config)
    load_config("config/config.yaml")
    leave_plan(plan_project(config, ["config/config.yaml"]))
    return small


def test_node_reads_its_own_jobs(planned: Project) -> None:
    """On a node there are the rules of its cluster job, as they were planned, and no others."""
    config = load_config("config/config.yaml").model_dump(exclude_unset=True)
    whole = {job.rule: job for _, job in plan_project(config, ["config/config.yaml"]).jobs()}
    assert [job.group for job in whole.values()] == ["default_0_0"] * 2 + ["default_0_1"] * 2
    plan = read_plan(["measure_p3", "measure_p1"])
    assert plan is not None
    assert [job for _, job in plan.jobs()] == [whole["measure_p3"], whole["measure_p1"]]
    assert plan.records("measure") == []
    assert read_plan(["measure_p3", "aggregate"]) is None
    (planned.folder / ".snakemake/pixmake/plan.pickle").write_bytes(b"cut")
    assert read_plan(["measure_p3"]) is None


def test_words_of_snakemake_on_a_node() -> None:
    words = [
        "snakemake",
        "--allowed-rules",
        "a_1",
        "a_2",
        "--cores",
        "4",
        "--attempt",
        "3",
        "--mode",
        "remote",
    ]
    assert (allowed_rules(words), attempt(words)) == (["a_1", "a_2"], 3)
    assert allowed_rules(["snakemake", "--cores", "4"]) == []
    assert allowed_rules([*words[:-1], "subprocess"]) == []


def words_of(project: Project, job_id: str, attempt_number: int = 1, *, times: str = "") -> list[str]:
    """The words of a job's command; the analysis notes each call in a file."""
    project.write(
        "scripts/analysis.py",
        "def measure(image):\n    open('calls', 'a').write('x')\n"
        f"    {times or 'pass'}\n    return {{'mean': float(image.mean())}}\n",
    )
    config = load_config("config/config.yaml").model_dump(exclude_unset=True)
    (job,) = [job for _, job in plan_project(config, ["config/config.yaml"]).jobs() if job.task.id == job_id]
    limits = json.dumps({"attempts": 1, "keep_going": True})
    for path in (job.log, job.record):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    return [
        job.task.as_json(),
        limits,
        "-",
        str(attempt_number),
        job.log,
        job.record,
        *job.files,
        *job.images,
    ]


def on_node(monkeypatch: pytest.MonkeyPatch, own: str, latest: str) -> None:
    Path("submission").write_text(f"slurm 1\n{latest}\n")
    monkeypatch.setenv(kept.SUBMISSION, f"{os.path.abspath('submission')}\n{own}")


def test_finished_image_of_a_lost_job_is_not_run_again(
    planned: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files come back from where they were kept; a changed image is measured anew."""
    on_node(monkeypatch, "slurm 2", "slurm 2")
    words = words_of(planned, "p1")
    assert run_job(parse_job(words)) == DONE
    record = planned.record("measure", "p1")
    Path(words[5]).unlink()
    on_node(monkeypatch, "slurm 3", "slurm 3")
    assert run_job(parse_job(words)) == DONE
    assert Path("calls").read_text() == "x"
    assert planned.record("measure", "p1") == record
    planned.draw("images/p1.png", level=77)
    assert run_job(parse_job(words)) == DONE
    assert Path("calls").read_text() == "xx"


def test_replaced_job_writes_nothing(planned: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster job that was given up, and goes on, does not write beside the one that replaces it."""
    on_node(monkeypatch, "slurm 1", "slurm 2")
    words = words_of(planned, "p1")
    assert run_job(parse_job(words)) == REPLACED
    assert not Path("calls").exists()
    # replaced while it works
    on_node(monkeypatch, "slurm 2", "slurm 2")
    words = words_of(planned, "p1", times="open('submission', 'a').write('slurm 3\\n')")
    assert run_job(parse_job(words)) == REPLACED
    assert Path("calls").exists()
    assert not Path(words[5]).exists()
    # replaced while it fails
    on_node(monkeypatch, "slurm 3", "slurm 3")
    words = words_of(planned, "p1", times="open('submission', 'a').write('slurm 4\\n') / 0")
    assert run_job(parse_job(words)) == REPLACED
    assert not Path(words[5]).exists()
    # the run that had sent it, or another one, has done all by now
    on_node(monkeypatch, "slurm 4", "slurm 4")
    words = words_of(planned, "p1", times="__import__('os').remove('submission')")
    assert run_job(parse_job(words)) == REPLACED
    assert not Path(words[5]).exists()


def test_jobs_of_a_killed_run_are_given_up(planned: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run packs its images anew, so the replacing job may be known by another name."""
    plan = read_plan(["measure_p1", "measure_p2"])
    assert plan is not None
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv(kept.SUBMISSION, "")  # which is set below, and is to be as it was in the end
    submissions.note_submission("measure_p1", "slurm", "7")
    enter(plan, 1)
    assert not kept.replaced()
    submissions.give_up_submissions()
    submissions.note_submission("measure_p2", "slurm", "8")
    assert kept.replaced()
    with pytest.raises(SystemExit):
        enter(plan, 1)  # one that waited in the queue until now


def test_last_attempt_says_why_the_others_left_nothing(
    planned: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_node(monkeypatch, "slurm 4", "slurm 4")
    monkeypatch.setenv(
        kept.LOST, json.dumps(["TimeoutError", "its cluster job (slurm 3) ran past its `runtime`"])
    )
    words = words_of(planned, "p1", attempt_number=3)
    assert run_job(parse_job(words)) == FAILED
    assert not Path("calls").exists()
    error = planned.record("measure", "p1")["error"]
    assert (error["type"], error["message"]) == (
        "TimeoutError",
        "its cluster job (slurm 3) ran past its `runtime`",
    )
