"""Whole workflows on a real Grid Engine: its shell, its limits, its books, and jobs that come to grief."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

from tests.cluster.conftest import QUICK
from tests.cluster.gridengine import Cluster
from tests.cluster.projects import counted, draw, executions, records, start, wait_for
from tests.conftest import REPOSITORY, Project
from tests.workflows.test_checkpoint import film

WORDS = ("snakemake", "--workflow-profile", "profiles/sge", *QUICK, "--cores", "2")


def queue() -> dict[str, str]:
    """Jobs that wait or run: id → node."""
    listed = subprocess.run(["qstat"], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    rows = [line.split() for line in listed]
    return {row[0]: row[7].partition("@")[2] if "@" in row[7] else "" for row in rows}


def test_demo_gives_the_tables_of_a_laptop(grid: Project) -> None:
    """Though the queue's own shell is csh; both steps of twelve images are one job."""
    for name in ("config", "scripts"):
        shutil.copytree(REPOSITORY / name, grid.folder / name, dirs_exist_ok=True)
    assert grid.run("scripts.draw_trial").code == 0
    with (grid.folder / "config/config.yaml").open("a") as config:
        config.write("executors: {default: {images_per_job: 12, resources: {mem_mb: 1300}}}\n")
    assert grid.snakemake().code == 0
    tables = grid.tables()
    for folder in ("results", "logs"):
        shutil.rmtree(grid.folder / folder)
    ended = grid.run(*WORDS, timeout=300)
    assert ended.code == 0, ended.err
    assert grid.tables() == tables
    assert len(grid.rows()) == 24
    assert {grid.record("measure", row["id"])["run"]["host"] for row in grid.rows()} <= {"node1", "node2"}
    assert len(list((grid.folder / "logs/cluster").glob("*.log"))) == 2


ENDS = """\
import os
import subprocess
import sys
import time

HOLD = "import time; held = b'x' * 700_000_000; time.sleep(600)"


def measure(image, meta):
    plant = meta["plant"]
    if plant == "exits":
        os._exit(3)
    if plant == "greedy":
        for _ in range(4):  # no single one is refused its memory
            subprocess.Popen([sys.executable, "-c", HOLD])
    if plant in ("greedy", "deleted"):
        time.sleep(600)
    return {"mean": float(image.mean())}


def rest(image, meta):
    time.sleep(600 if meta["plant"] == "good" else 0)
    return {}
"""


def test_why_a_job_ended(grid: Project) -> None:
    """What Grid Engine ended is recorded with the true reason; the rest is done."""
    plants = ["exits", "greedy", "deleted", "good"]
    grid.write("scripts/analysis.py", ENDS)
    for number, plant in enumerate(plants):
        grid.draw(f"images/{plant}.png", level=30 * number)
    grid.list_images([{"path": f"{plant}.png", "plant": plant} for plant in plants])
    grid.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "measure": {"function": "scripts/analysis.py:measure"},
            "rest": {"function": "scripts/analysis.py:rest", "executor": "short"},
        },
        executors={
            "default": {"resources": {"mem_mb": 1400, "runtime": 30}},
            "short": {"resources": {"mem_mb": 1400}, "flags": "-l h_rt=0:0:40"},
        },
    )
    run = start(grid, *WORDS)
    deleted: set[str] = set()

    def delete_some() -> bool:
        for path in (grid.folder / ".snakemake/pixmake/submissions").glob("measure_deleted"):
            for line in path.read_text().splitlines()[:2]:
                job_id = line.split()[1]
                if job_id not in deleted and queue().get(job_id):
                    subprocess.run(["qdel", job_id], check=True, capture_output=True)
                    deleted.add(job_id)
        return run.poll() is not None

    wait_for(delete_some, "the run ends", 400)
    log = (grid.folder / "run.log").read_text()
    assert run.returncode == 1, log
    failures = {(row["step"], row["id"]): (row["error"], row["message"]) for row in grid.rows("failures.csv")}
    assert failures["measure", "exits"] == ("CrashError", "its process ended by itself with exit status 3")
    expected = {
        ("rest", "good"): ("TimeoutError", "ran past its `runtime`"),
        ("measure", "greedy"): ("MemoryError", "exceeded its memory (`mem_mb`)"),
        ("measure", "deleted"): ("CancelledError", "was cancelled"),
    }
    for job, (kind, reason) in expected.items():
        error, message = failures[job]
        assert error == kind, message
        if not message.startswith("its cluster job (sge "):
            # pixmake, which watches all of a job's processes, was faster than Grid Engine
            assert (kind, "mem_mb" in message) == ("MemoryError", True), message
            continue
        assert reason in message
        assert f"its log: logs/cluster/{job[0]}_{job[1]}.log" in message
    assert set(failures) == {("measure", "exits"), *expected}, failures


def test_jobs_that_are_refused_or_can_never_start(grid: Project) -> None:
    """The run ends with the scheduler's reason, told once; nothing is left in the queue."""
    counted(grid, 6, seconds=0, partition="nope.q", resources={"mem_mb": 1300})
    ended = grid.run(*WORDS, timeout=120)
    assert ended.code == 1
    assert ended.err.count('job requests unknown queue "nope.q"') == 1, ended.err
    assert "no more jobs are sent" in ended.err
    assert "failed; its log" not in ended.err
    counted(grid, 1, seconds=0, flags="-o /nowhere/x.log", resources={"mem_mb": 1300})
    ended = grid.run(*WORDS, timeout=120)
    assert ended.code == 1
    assert "can never start" in ended.err
    assert 'can\'t open output file "/nowhere/x.log"' in ended.err
    wait_for(lambda: not queue(), "its jobs are deleted")


def test_killed_snakemake_starts_again(grid: Project) -> None:
    """Nothing that had finished runs again, and no orphan works beside its replacement."""
    counted(grid, 24, seconds=0.3, images_per_job=12, resources={"mem_mb": 1300})
    hold = grid.write("hold", "after some images, so that the others run for as long as the test likes")
    run = start(grid, *WORDS)
    wait_for(lambda: records(grid) >= 4 and len(queue()) == 2, "some images are done")
    os.kill(run.pid, signal.SIGKILL)
    run.wait(60)
    orphans = set(queue())
    assert len(orphans) == 2
    again = start(grid, "pixmake", "run", *WORDS[1:])
    wait_for(lambda: not orphans & set(queue()), "the orphans are ended")
    hold.unlink()
    assert again.wait(180) == 0, (grid.folder / "run.log").read_text()
    assert len(grid.rows()) == 24
    assert sum(map(len, executions(grid).values())) <= 24 + 4


def test_node_that_says_nothing_more(grid_engine: Cluster, grid: Project) -> None:
    """Its daemon is ended, its job goes on unseen: that is sent again elsewhere, and writes nothing."""
    draw(grid, 6)
    counted(grid, 6, seconds=0, images_per_job=6, resources={"mem_mb": 1300})
    hold = grid.write("hold", "after four images")
    run = start(grid, *WORDS)
    wait_for(lambda: records(grid) >= 4, "some images are done")
    ((first, node),) = queue().items()
    grid_engine.end_daemon(node)
    try:
        wait_for(lambda: set(queue().values()) - {node, ""}, "another node works on it", 150)
        hold.unlink()
        assert run.wait(120) == 0, (grid.folder / "run.log").read_text()
    finally:
        grid_engine.power_cut(node)
        grid_engine.power_on(node)
    assert f"the cluster job sge {first} lost its node" in (grid.folder / "run.log").read_text()
    assert len(grid.rows()) == 6
    assert [len(jobs) for jobs in executions(grid).values()].count(1) >= 2
    wait_for(lambda: not queue(), "the lost one is gone")


FOUND = """\
import os
import time
from pathlib import Path


def measure(image):
    if image.mean() > 20:
        Path(f"slow-{os.environ['JOB_ID']}").touch()
        time.sleep(600)
    return {"mean": float(image.mean())}
"""


def test_images_that_a_run_finds(grid: Project) -> None:
    """One rule serves all of them, yet each job is known: a deleted one has its reason and its log."""
    film(grid.folder / "images/a.avi", 20)
    grid.list_images([{"path": "a.avi", "plant": "A"}])
    grid.write("scripts/analysis.py", FOUND)
    grid.configure(
        images={"table": "config/images.csv", "root": "images", "checkpoint": {"frames": {"every": 10}}},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        executors={"default": {"resources": {"mem_mb": 1400, "runtime": 10}}},
    )
    run = start(grid, *WORDS)

    def delete_slow() -> bool:
        for path in grid.folder.glob("slow-*"):
            subprocess.run(["qdel", path.name.removeprefix("slow-")], check=False, capture_output=True)
            path.unlink()
        return run.poll() is not None

    wait_for(delete_slow, "the run ends", 400)
    assert run.returncode == 1, (grid.folder / "run.log").read_text()
    (failed,) = grid.rows("failures.csv")
    assert failed["error"] == "CancelledError", failed
    assert failed["message"].startswith("its cluster job (sge ")
    assert f"its log: logs/cluster/measure_any_{failed['id']}.log" in failed["message"]
    assert [row["step"] for row in grid.rows()] == ["split", "measure"]
