"""Images that are found during the run: frames of a video, pages, members of an archive, one's own."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from tests.conftest import Project
from tests.pages import follow

import pixmake
from pixmake.progress.display import one_line
from pixmake.progress.follow import run_progress
from pixmake.progress.run_state import read_plan
from pixmake.progress.tally import Progress

Changed = Callable[[Project, Mapping[str, str]], set[str]]


def film(path: Path, frames: int, level: int = 0) -> None:
    """A video of 10 frames a second, each brighter than the last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(np.full((48, 64, 3), level + 5 * number, np.uint8))
    writer.release()


def configure(project: Project, checkpoint: dict[str, Any], **images: Any) -> None:
    file = "scripts/analysis.py"
    project.write(
        file,
        "def measure(image, *, scale=1):\n    return {'mean': round(float(image.mean()), 1) * scale}\n\n\n"
        "def course(measure, rows):\n    return {'means': [row['mean'] for row in measure]}\n",
    )
    project.configure(
        images={"table": "config/images.csv", "root": "data", "checkpoint": checkpoint, **images},
        steps={
            "measure": {"function": f"{file}:measure"},
            "course": {"function": f"{file}:course", "needs": ["measure"], "per": "plant"},
        },
    )


def explained(project: Project, job_id: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(project.pixmake("explain", job_id, "--json").out)
    return told


def values(project: Project, step: str) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in project.rows() if row["step"] == step}


@pytest.mark.slow
def test_frames_of_videos(project: Project, ran_since: Changed) -> None:
    """One job a frame, with the video's metadata; a bad video fails alone; other frames are found again."""
    film(project.folder / "data/a.avi", 20)
    film(project.folder / "data/b.avi", 10, level=100)
    project.write("data/c.avi", b"no video")
    project.list_images([{"path": f"{name}.avi", "plant": name.upper()} for name in "abc"])
    configure(project, {"frames": {"every": 5}})
    assert "A run will look for images in 3 files; steps: measure, course" in project.pixmake("check").out

    ended = project.snakemake()
    assert ended.code == 1
    assert ended.last_words.startswith("1 of 3 jobs of split failed: see results/failures.csv"), ended.err
    frames = values(project, "measure")
    assert list(frames) == [f"a_frame{n:06}" for n in (0, 5, 10, 15)] + [f"b_frame{n:06}" for n in (0, 5)]
    assert frames["a_frame000015"]["plant"] == "A"
    assert (frames["a_frame000015"]["frame"], frames["a_frame000015"]["seconds"]) == ("15", "1.5")
    assert float(frames["b_frame000005"]["mean"]) == pytest.approx(125, abs=2)
    assert values(project, "course")["A"]["means"].count(",") == 3
    (failed,) = project.rows("failures.csv")
    assert failed["message"] == "data/c.avi: is not a video that OpenCV can decode"
    assert "split" in project.pixmake("status").out

    project.list_images([{"path": f"{name}.avi", "plant": name.upper()} for name in "ab"])
    assert project.snakemake().last_words.startswith("6 of 6 images done")
    before = project.started()
    table = (project.folder / "results/measurements.csv").stat().st_mtime_ns
    for again in (project.snakemake("-n"), project.snakemake()):
        assert "Nothing to be done" in again.out + again.err
    assert ran_since(project, before) == set()
    assert (project.folder / "results/measurements.csv").stat().st_mtime_ns == table
    (told,) = explained(project, "a_frame000005")
    assert (told["status"], told["up_to_date"], told["rule"]) == ("ok", True, "measure_any")
    assert [each["step"] for each in explained(project, "a")] == ["split"]
    assert "pixmake: no image has the id 'a_frame5'" in project.pixmake("explain", "a_frame5").err
    configure(project, {"frames": {"seconds": 0.25}})
    assert explained(project, "a_frame000005")[0]["reasons"] == [
        "a, which it was found in, is looked through again"
    ]
    ended = project.snakemake()
    assert ended.last_words.startswith("12 of 12 images done"), ended.err
    ran = {job.partition("/")[0] for job in ran_since(project, before)}
    assert ran == {"split", "measure", "course"}
    assert list(values(project, "measure"))[:3] == [f"a_frame{n:06}" for n in (0, 3, 5)]
    assert "measure/a_frame000005" not in ran_since(project, before), "a frame that is the same stays"


@pytest.mark.slow
def test_example_of_the_page(project: Project) -> None:
    """What docs/checkpoints.md shows runs as it stands there; two images of one name are told."""
    follow("checkpoints.md", project)
    for number in range(2):
        project.draw(f"images/t{number}.png", level=60 * (number + 1))
    rows = [{"path": f"t{number}.png", "treatment": "wet"} for number in range(2)]
    project.list_images(rows, "config/trays.csv")
    ended = project.snakemake()
    assert ended.last_words == "6 of 6 images done", ended.err
    pots = values(project, "measure")
    assert pots["t1_pot3"]["column"] == "3"
    mean = sum(float(row["green"]) for row in pots.values()) / 6
    assert float(values(project, "mean")["wet"]["green"]) == pytest.approx(mean)
    assert "measure ok" in project.pixmake("try", "t1_pot3", "--step", "measure").out
    assert "rule measure_t1_pot3:" in project.pixmake("compile").out

    content = (project.folder / "config/config.yaml").read_text()
    project.write("config/config.yaml", content.replace("  root:", '  id: "{image}"\n  root:'))
    ended = project.snakemake()
    assert ended.code == 1
    assert (
        "results/split/t0.images/pot1.png and results/split/t1.images/pot1.png get one id, 'pot1'"
        in ended.err
    )
    project.write("config/config.yaml", content)
    assert project.snakemake().code == 0


@pytest.mark.slow
def test_config_of_another_name_reaches_the_nodes(project: Project) -> None:
    """On a node, too, a config that stands in place of the project's is the one that counts."""
    film(project.folder / "data/a.avi", 2)
    project.list_images([{"path": "a.avi", "plant": "A"}])
    configure(project, {"frames": {"every": 1}})
    other = yaml.safe_load((project.folder / "config/config.yaml").read_text())
    wrong = copy.deepcopy(other)
    other["steps"] = {"measure": other["steps"]["measure"]}
    wrong["steps"]["measure"]["params"] = {"scale": 100}
    project.write("trial.yaml", yaml.safe_dump(other))
    project.write("config/config.yaml", yaml.safe_dump(wrong))
    project.write("submit.sh", 'sh "$1" > "$1.log" 2>&1 &\necho $!\n')
    words = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh submit.sh"]
    words += ["--jobs", "3", "--seconds-between-status-checks", "1", "--latency-wait", "10"]
    words += ["--configfile", "trial.yaml", "--replace-workflow-config"]
    ended = project.snakemake(*words, timeout=400)
    assert ended.last_words == "2 of 2 images done", ended.err
    means = [float(row["mean"]) for row in values(project, "measure").values()]
    assert means == pytest.approx([0, 5], abs=2), "the other config has a hundred times as much"


def test_killed_run_goes_on(project: Project) -> None:
    """After SIGKILL in the middle of the found images, the next run does the others."""
    film(project.folder / "data/a.avi", 8)
    project.list_images([{"path": "a.avi", "plant": "A"}])
    configure(project, {"frames": {}})
    analysis = (project.folder / "scripts/analysis.py").read_text()
    project.write(
        "scripts/analysis.py",
        "import time\n" + analysis.replace("    return", "    time.sleep(0.7)\n    return", 1),
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    process = subprocess.Popen(command, cwd=project.folder, stderr=subprocess.DEVNULL)
    folder, end = project.folder / "results/measure", time.monotonic() + 60
    while len(list(folder.glob("*.json"))) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    process.wait()
    before = project.started()
    ended = project.pixmake("run", "--cores", "2")
    assert ended.last_words.startswith("8 of 8 images done"), ended.err
    again = [job for job, started in before.items() if project.started()[job] != started]
    assert len(again) <= 2
    assert len(before) >= 4
    dry = project.snakemake("-n")
    assert "Nothing to be done" in dry.out, dry.out


def test_how_far_it_is(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is told as such, also from another terminal and from Python; it is all that is left."""
    film(project.folder / "data/a.avi", 14)
    project.list_images([{"path": "a.avi", "plant": "A"}])
    configure(project, {"frames": {}})
    analysis = (project.folder / "scripts/analysis.py").read_text()
    project.write(
        "scripts/analysis.py",
        "import time\n" + analysis.replace("    return", "    time.sleep(0.4)\n    return", 1),
    )
    monkeypatch.chdir(project.folder)
    run = pixmake.Project("config/config.yaml").run(cores=2)
    looks, told = list[Progress](), list[pixmake.Progress]()
    end = time.monotonic() + 60
    while not run.wait(0.2) and time.monotonic() < end:
        if (plan := read_plan()) is not None:
            looks.append(run_progress(plan))
            told.append(run.progress)
    assert len(run.result()) == 15
    assert all(look.left is None for look in looks if not look.images)
    found = [look for look in looks if look.images]
    assert {look.images for look in found} == {14}
    assert one_line(found[0]).startswith("14 found, ")
    assert found[-1].done > found[0].done
    assert (told[-1].unit, told[-1].total) == ("images", 14)
    assert (run.progress.done, run.progress.total) == (14, 14)
