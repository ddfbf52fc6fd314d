"""Whole workflows on a real SLURM: the tables of a laptop, and what becomes of jobs that come to grief."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
from collections.abc import Collection

import pytest
from tests.cluster.conftest import PLUGIN_QUICK, QUICK, jobs_of, queue
from tests.cluster.projects import counted, draw, executions, records, start, wait_for
from tests.cluster.slurm import Cluster
from tests.conftest import REPOSITORY, Project

GENERIC = ("snakemake", "--workflow-profile", "profiles/slurm", *QUICK)
PLUGIN = ("snakemake", "--workflow-profile", "profiles/slurm-plugin", *PLUGIN_QUICK)

WORDS = {"generic": (*GENERIC, "--cores", "2"), "plugin": PLUGIN}


@pytest.mark.parametrize(("words", "count"), [(GENERIC, 24), (PLUGIN, 3)], ids=["generic", "plugin"])
def test_demo_gives_the_tables_of_a_laptop(sent: Project, words: tuple[str, ...], count: int) -> None:
    """The same project gives the same bytes, here and on the cluster; each image's log arrives."""
    for name in ("config", "scripts"):
        shutil.copytree(REPOSITORY / name, sent.folder / name, dirs_exist_ok=True)
    assert sent.run("scripts.draw_trial").code == 0
    table = sent.folder / "config/images.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[: count + 1]))
    with (sent.folder / "config/config.yaml").open("a") as config:
        config.write("executors: {default: {images_per_job: 12, resources: {mem_mb: 1300}}}\n")
    assert sent.snakemake().code == 0
    tables = sent.tables()
    for folder in ("results", "logs"):
        shutil.rmtree(sent.folder / folder)
    ended = sent.run(*words, timeout=300)
    assert ended.code == 0, ended.err
    assert sent.tables() == tables
    with table.open(newline="") as rows:
        assert len(list(csv.DictReader(rows))) == count
    for step in ("segment", "measure"):
        assert len(list((sent.folder / f"logs/{step}").glob("*.log"))) == count
    hosts = {sent.record("measure", row["id"])["run"]["host"] for row in sent.rows()}
    assert hosts <= {"node1", "node2"}
    if words is GENERIC:
        # both steps of twelve images are one cluster job
        assert len(jobs_of(sent)) == 2


ENDS = """\
import mmap
import os
import time


def measure(image, meta):
    plant = meta["plant"]
    if plant == "exits":
        os._exit(3)
    if plant == "greedy":
        taken = mmap.mmap(-1, 3_000_000_000)  # shared memory, which no limit of a process counts
        for start in range(0, len(taken), 4096):
            taken[start] = 1
    if plant in ("slow", "greedy", "cancelled"):
        time.sleep(600)
    return {"mean": float(image.mean())}
"""


def test_why_a_job_ended(pair: dict[str, Project]) -> None:
    """What fails on a cluster is recorded with the true reason, whoever ended it; the rest is done."""
    plants = ["exits", "slow", "greedy", "cancelled", "good"]
    for project in pair.values():
        project.write("scripts/analysis.py", ENDS)
        for number, plant in enumerate(plants):
            project.draw(f"images/{plant}.png", level=30 * number)
        project.list_images([{"path": f"{plant}.png", "plant": plant} for plant in plants])
        measure = {
            "function": "scripts/analysis.py:measure",
            "resources": {"mem_mb": 800, "runtime": 30},
        }
        project.configure(images={"table": "config/images.csv", "root": "images"}, steps={"measure": measure})
    runs = {shape: start(project, *WORDS[shape]) for shape, project in pair.items()}
    ended: dict[tuple[str, str], list[str]] = {}

    def end_some() -> bool:
        """End the jobs of two images each time that they are to do something, one at last by its time."""
        for shape, project in pair.items():
            for job_id, (_, state, _) in queue(project).items():
                rule = works_on(project, job_id)
                jobs = ended.setdefault((shape, rule), [])
                if state != "RUNNING" or rule not in ("measure_slow", "measure_cancelled"):
                    continue
                if job_id in jobs or len(jobs) == 2:
                    continue
                jobs.append(job_id)
                if rule == "measure_slow" and len(jobs) == 2:
                    limit = ["scontrol", "update", f"JobId={job_id}", "TimeLimit=1"]
                    subprocess.run(limit, check=True)
                else:
                    subprocess.run(["scancel", job_id], check=True)
        return all(run.poll() is not None for run in runs.values())

    wait_for(end_some, "the runs end", 500)
    for shape, project in pair.items():
        log = (project.folder / "run.log").read_text()
        assert runs[shape].returncode == 1, log
        assert "4 of 5 images failed: see results/failures.csv" in log
        failures = {row["id"]: (row["error"], row["message"]) for row in project.rows("failures.csv")}
        assert failures["exits"] == ("CrashError", "its process ended by itself with exit status 3")
        expected = {
            "slow": ("TimeoutError", "ran past its `runtime`"),
            "greedy": ("MemoryError", "exceeded its memory (`mem_mb`)"),
            "cancelled": ("CancelledError", "was cancelled"),
        }
        for plant, (kind, reason) in expected.items():
            error, message = failures[plant]
            assert error == kind, (shape, plant, message)
            if plant == "greedy" and message.startswith("needs, with all that it has started, more memory"):
                continue  # pixmake, which watches all of a job's processes, was faster than SLURM
            assert message.startswith("its cluster job (slurm "), message
            assert reason in message
        assert [row["id"] for row in project.rows()] == ["good"]


def works_on(project: Project, job_id: str) -> str:
    """The rule that a running cluster job works on."""
    for path in (project.folder / ".snakemake/pixmake/submissions").glob("*"):
        if f"slurm {job_id}" in path.read_text().splitlines():
            return path.name
    return ""


def test_bad_image_fails_alone(sent: Project) -> None:
    """In a group of images one that crashes is tried again, recorded, and costs the others nothing."""
    counted(sent, 8, seconds=0, images_per_job=8)
    text = (sent.folder / "scripts/analysis.py").read_text()
    crash = "    if meta['plant'] == 'P03':\n        os.abort()\n    time.sleep(seconds)"
    sent.write("scripts/analysis.py", text.replace("    time.sleep(seconds)", crash))
    config = (sent.folder / "config/config.yaml").read_text()
    sent.write("config/config.yaml", config.replace("    function:", "    retries: 1\n    function:"))
    ended = sent.run(*GENERIC, timeout=120)
    assert ended.code == 1
    assert ended.last_words.startswith("1 of 8 images failed")
    assert len(jobs_of(sent)) == 1
    assert {name: len(jobs) for name, jobs in executions(sent).items()} == {
        f"P{number:02}": 2 if number == 3 else 1 for number in range(8)
    }
    # the next run sends the failed one alone; the accounting may hear of a short job after its end
    assert sent.run(*GENERIC, timeout=120).code == 1
    wait_for(lambda: len(jobs_of(sent)) == 2, "the accounting knows both jobs")
    assert {name: len(jobs) for name, jobs in executions(sent).items()} == {
        f"P{number:02}": 4 if number == 3 else 1 for number in range(8)
    }


TOGETHER = """\
import time


def load_model():
    time.sleep(2)  # the images of a job wait for it
    return 2


def measure(batch, path, model):
    with open("batches", "a") as lines:
        lines.write(" ".join(each[-7:-4] for each in path) + "\\n")
    if any("p03" in each for each in path):
        raise ValueError("bad")
    return [{"mean": model * float(image.mean())} for image in batch]
"""


def test_images_of_a_job_are_worked_on_together(sent: Project) -> None:
    """`batch` holds what a cluster job works on at one time, from one model; a bad image fails alone."""
    draw(sent, 8)
    sent.write("scripts/analysis.py", TOGETHER)
    step = {"function": "scripts/analysis.py:measure", "load": {"model": "scripts/analysis.py:load_model"}}
    sent.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {**step, "batch": 4, "load_slots": 1}},
        executors={"default": {"resources": {"mem_mb": 300}, "images_per_job": 8}},
    )
    ended = sent.run(*GENERIC, timeout=120)
    assert ended.code == 1
    assert ended.last_words.startswith("1 of 8 images failed")
    assert len(jobs_of(sent)) == 1
    assert (sent.folder / "logs/measure.load.log").read_text().count("pixmake: loaded in") == 1
    batches = [line.split() for line in (sent.folder / "batches").read_text().splitlines()]
    assert 1 < max(map(len, batches)) <= 4, batches
    assert [row["id"] for row in sent.rows()] == [f"p{number:02}" for number in range(8) if number != 3]
    assert sent.record("measure", "p03")["error"]["message"] == "bad"


def test_node_is_lost(cluster: Cluster, pair: dict[str, Project]) -> None:
    """A node's end costs the images that were running there; the finished ones are not run again."""
    counts = {"generic": 16, "plugin": 4}
    counted(pair["generic"], 16, seconds=1.5, images_per_job=16)
    counted(pair["plugin"], 4, seconds=15, resources={"mem_mb": 1000})
    runs = {shape: start(project, *WORDS[shape]) for shape, project in pair.items()}
    wait_for(lambda: records(pair["generic"]) >= 5, "some images are done")
    ((_, _, node),) = queue(pair["generic"]).values()
    there = (pair["plugin"].folder / "executed").exists
    wait_for(
        lambda: there() and node in {place for _, _, place in queue(pair["plugin"]).values()}, "others run"
    )
    cluster.power_cut(node)
    finished = {shape: records(project) for shape, project in pair.items()}
    try:
        for shape, run in runs.items():
            assert run.wait(200) == 0, (pair[shape].folder / "run.log").read_text()
    finally:
        cluster.power_on(node)
    for shape, project in pair.items():
        assert len(project.rows()) == counts[shape]
        times = [len(jobs) for jobs in executions(project).values()]
        assert sum(times) <= counts[shape] + 2, "only what was running is run again"
        assert times.count(1) >= finished[shape]
        assert [state.split("|")[1].split()[0] for state in jobs_of(project)][-1] == "COMPLETED"
    states = [line.split("|")[1] for line in jobs_of(pair["plugin"])]
    assert states.count("COMPLETED") == 4
    assert "NODE_FAIL" in states


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_killed_snakemake_starts_again(sent: Project, number: signal.Signals) -> None:
    """Nothing is lost, nothing that had finished runs again, and no orphan works beside its replacement."""
    counted(sent, 24, seconds=0.3, images_per_job=12)
    hold = sent.write("hold", "after some images, so that the others run for as long as the test likes")
    run = start(sent, *GENERIC, "--cores", "2")
    wait_for(lambda: records(sent) >= 4 and len(queue(sent)) == 2, "some images are done")
    os.kill(run.pid, number)
    if number == signal.SIGTERM:
        hold.unlink()
    run.wait(120)
    before = executions(sent)
    orphans = set(queue(sent))
    assert len(orphans) == (2 if number == signal.SIGKILL else 0)
    again = start(sent, "pixmake", "run", *GENERIC[1:], "--cores", "2")
    wait_for(lambda: not orphans & set(queue(sent)), "the orphans are ended")
    hold.unlink(missing_ok=True)
    assert again.wait(180) == 0, (sent.folder / "run.log").read_text()
    assert len(sent.rows()) == 24
    after = executions(sent)
    # what had finished, and what had not begun, ran once; what two jobs of two cores had in hand, twice
    assert sum(map(len, after.values())) <= 24 + 4, after
    states = dict(line.split("|") for line in jobs_of(sent))
    assert {job_id for job_id, state in states.items() if state.startswith("CANCELLED")} == orphans
    begun_later = [jobs[-1] for name, jobs in after.items() if jobs != before.get(name)]
    assert not orphans & set(begun_later), "an orphan worked on"
    assert not (sent.folder / ".snakemake/pixmake/kept").exists()


HELD = """\
import os
import platform
import time
from pathlib import Path


def note(plant, what):
    with Path(f"log-{plant}").open("a") as lines:
        lines.write(f"{what} {os.environ['SLURM_JOB_ID']}\\n")


def measure(image, meta, *, free):
    note(meta["plant"], "begun")
    hold = Path(f"hold-{platform.node()}")
    while hold.exists() and len(list(Path("results/measure").glob("*.json"))) >= free:
        time.sleep(0.1)
    note(meta["plant"], "ended")
    return {"mean": float(image.mean())}
"""


def noted(project: Project, what: str) -> dict[str, set[str]]:
    """The cluster jobs that have begun, or ended, each image."""
    found: dict[str, set[str]] = {}
    for path in project.folder.glob("log-*"):
        pairs = [line.split() for line in path.read_text().splitlines()]
        found[path.name.removeprefix("log-").lower()] = {job_id for word, job_id in pairs if word == what}
    return found


def written(project: Project) -> dict[str, tuple[bytes, int]]:
    """The records, and when each was written."""
    paths = (project.folder / "results/measure").glob("*.json")
    return {path.stem: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def test_orphans_that_cannot_be_ended(cluster: Cluster, pair: dict[str, Project]) -> None:
    """Jobs of a killed Snakemake go on where nobody reaches them: they write nothing that others do again."""
    counts, free = {"generic": 12, "plugin": 2}, {"generic": 4, "plugin": 0}
    for shape, project in pair.items():
        project.write("scripts/analysis.py", HELD)
        draw(project, counts[shape])
        resources = {"mem_mb": 300 if shape == "generic" else 1000, "runtime": 10}
        project.configure(
            images={"table": "config/images.csv", "root": "images"},
            steps={"measure": {"function": "scripts/analysis.py:measure", "params": {"free": free[shape]}}},
            executors={"default": {"images_per_job": 6 if shape == "generic" else 1, "resources": resources}},
        )
        for node in cluster.nodes:
            project.write(f"hold-{node}", "")
    # all of it has room on one node
    words = {"generic": (*GENERIC, "--cores", "1"), "plugin": PLUGIN}
    runs = []
    for shape, project in pair.items():
        runs.append(start(project, *words[shape]))
        # one after the other, so that each node gets a job of each shape
        wait_for(lambda there=project: running(there) == 2, "two jobs run")
    wait_for(lambda: [in_hand(project) for project in pair.values()] == [2, 2], "all are held", 150)
    orphans = {shape: queue(project) for shape, project in pair.items()}
    before = {shape: written(project) for shape, project in pair.items()}
    assert {shape: len(records) for shape, records in before.items()} == free
    for run in runs:
        run.kill()
        run.wait()
    cluster.cut_off("node1")
    lost = {shape: [job for job in jobs if jobs[job][2] == "node1"] for shape, jobs in orphans.items()}
    assert all(lost.values()), orphans
    runs = [start(project, "pixmake", "run", *words[shape][1:]) for shape, project in pair.items()]
    wait_for(lambda: all(newly_begun(pair[shape], orphans[shape]) for shape in pair), "others begin", 150)
    for shape, project in pair.items():
        assert not set(queue(project)) & set(orphans[shape])
    # one wakes while others work on its images, the other one when they have done so
    release(cluster, pair["generic"], lost["generic"])
    assert written(pair["generic"]) == before["generic"]
    for project in pair.values():
        (project.folder / "hold-node2").unlink()
    for project, run in zip(pair.values(), runs, strict=True):
        assert run.wait(180) == 0, (project.folder / "run.log").read_text()
    after = {shape: written(project) for shape, project in pair.items()}
    release(cluster, pair["plugin"], lost["plugin"])
    cluster.reconnect("node1")
    for shape, project in pair.items():
        assert written(project) == after[shape]
        assert len(project.rows()) == counts[shape]
        again = set(after[shape]) - set(before[shape])
        assert {project.record("measure", name)["run"]["host"] for name in again} == {"node2"}


def running(project: Project) -> int:
    return [state for _, state, _ in queue(project).values()].count("RUNNING")


def in_hand(project: Project) -> int:
    """How many images are begun and not ended."""
    ended = noted(project, "ended")
    return sum(len(jobs - ended[name]) for name, jobs in noted(project, "begun").items())


def newly_begun(project: Project, orphans: Collection[str]) -> bool:
    """Whether a cluster job other than these works."""
    return any(jobs - set(orphans) for jobs in noted(project, "begun").values())


def release(cluster: Cluster, project: Project, jobs: Collection[str]) -> None:
    """Let the orphans of the first node end what they have in hand, and see that they do not go on."""
    (project.folder / "hold-node1").unlink()
    wait_for(lambda: set(jobs) <= set().union(*noted(project, "ended").values()), "they end their images")
    wait_for(lambda: str(project.folder) not in "".join(cluster.at_work("node1")), "they are gone")
