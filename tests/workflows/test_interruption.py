"""A run that is killed loses nothing that was finished, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.conftest import Project

from pixmake.job import client

SLOW = """\
import subprocess
import time


def measure(image):
    subprocess.Popen(["sleep", "987"])  # left behind on purpose, in its own group too
    subprocess.Popen(["sleep", "988"], start_new_session=True)
    time.sleep(1.2)
    return {"mean": float(image.mean())}
"""


@pytest.fixture
def slow(project: Project) -> Project:
    """Eight images of more than half a second each."""
    project.write("scripts/analysis.py", SLOW)
    for number in range(8):
        project.draw(f"images/p{number}.png", level=30 * number)
    project.list_images([{"path": f"p{number}.png"} for number in range(8)])
    return project


def start(project: Project, *words: str) -> subprocess.Popen[bytes]:
    """Start a run, and wait until it is in the middle: some images are done, two run."""
    process = subprocess.Popen(
        [sys.executable, "-m", *(words or ("snakemake",)), "--cores", "2"],
        cwd=project.folder,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while len(records(project)) < 4 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    assert len(records(project)) >= 4
    return process


def records(project: Project) -> list[Path]:
    return list((project.folder / "results/measure").glob("*.json"))


def left_over(project: Project, owner: int) -> list[str]:
    """Processes that work in the project's folder or were started from there, and sockets of the run."""
    found = [path.name for path in Path(client.folder()).glob(f"{owner}.*")]
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        try:
            inside = Path(process.cwd()) == project.folder
        except psutil.Error:
            continue
        if inside or (str(owner) in words and "serve" in words):
            found.append(" ".join(words))
    return found


def wait_until_gone(project: Project, owner: int) -> list[str]:
    """What is left over after a moment's grace."""
    end = time.monotonic() + 10
    while left_over(project, owner) and time.monotonic() < end:
        time.sleep(0.1)
    return left_over(project, owner)


def undisturbed(project: Project) -> tuple[bytes, bytes]:
    """The tables of a run that nothing disturbs."""
    for path in records(project):
        path.unlink()
    assert project.snakemake().code == 0
    return project.tables()


@pytest.mark.slow
def test_killed_run_goes_on(slow: Project) -> None:
    """After SIGKILL nothing runs on; `pixmake run` removes the lock and finishes what was not done."""
    process = start(slow)
    process.kill()
    process.wait()
    assert wait_until_gone(slow, process.pid) == []
    finished = {path.name: path.read_bytes() for path in records(slow)}
    assert 4 <= len(finished) < 8

    refused = slow.snakemake()
    assert refused.code == 1
    assert "--unlock" in refused.err
    ended = slow.pixmake("run", "--cores", "2")
    assert ended.code == 0, ended.err
    results = slow.folder / "results/measure"
    again = [name for name, content in finished.items() if (results / name).read_bytes() != content]
    assert len(again) <= 2, "at most the images that had just ended, one a core, are done again"
    tables = slow.tables()
    assert tables == undisturbed(slow)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_run_leaves_nothing(slow: Project, how: signal.Signals) -> None:
    """These signals end a run with all of its processes within seconds; the next run needs no unlocking.

    With SIGTERM and SIGHUP the images that run are done, none that waits for its turn begins.
    """
    process = start(slow)
    before = len(records(slow))
    os.killpg(process.pid, how) if how == signal.SIGINT else process.send_signal(how)
    told = time.monotonic()
    assert process.wait(timeout=60) != 0
    assert time.monotonic() - told < 5
    assert wait_until_gone(slow, process.pid) == []
    assert len(records(slow)) <= before + 2
    ended = slow.snakemake()
    assert ended.code == 0, ended.err
    assert len(slow.rows()) == 8


def test_snakemake_ends_with_its_pixmake_run(slow: Project) -> None:
    """A second run is told which one is at work; one whose `pixmake run` was killed gives its lock back."""
    process = start(slow, "pixmake", "run")
    (snakemake,) = psutil.Process(process.pid).children()
    refused = slow.pixmake("run", "--cores", "1")
    if snakemake.is_running():  # it may be done by now on a slow machine
        assert refused.code == 1
        assert f"Another run is at work on the same results: process {snakemake.pid} on " in refused.err
        assert "unlock" not in refused.err
    process.kill()
    process.wait()
    assert wait_until_gone(slow, snakemake.pid) == []
    assert not list((slow.folder / ".snakemake").glob("locks/*"))
    ended = slow.snakemake()
    assert ended.code == 0, ended.err
    assert len(slow.rows()) == 8


@pytest.mark.parametrize("seconds", [0, 1])
def test_an_early_interrupt_says_no_more_than_that(slow: Project, seconds: float) -> None:
    """While Snakemake's Python starts, or imports, or the DAG is made: no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pixmake", "run", "--cores", "2"],
        cwd=slow.folder,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    while process.poll() is None and not psutil.Process(process.pid).children():
        time.sleep(0.001)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode not in (0, None)
    assert "Traceback" not in said


def test_warm_process_killed(slow: Project) -> None:
    """If the warm process itself is killed, its images are done all the same."""
    process = start(slow)
    served = [each for each in psutil.process_iter(["cmdline"]) if f"serve {process.pid}" in signature(each)]
    (warm,) = [each for each in served if each.ppid() not in {other.pid for other in served}]
    warm.kill()
    assert process.wait(timeout=60) == 0
    assert len(slow.rows()) == 8
    left = wait_until_gone(slow, process.pid)
    # what its images had started is nobody's child any more
    assert set(left) <= {"sleep 987", "sleep 988"}
    for each in psutil.process_iter(["cmdline"]):
        if each.info["cmdline"] in (["sleep", "987"], ["sleep", "988"]):
            each.kill()


def signature(process: psutil.Process) -> str:
    """``serve OWNER`` of a warm process or of one of its forks."""
    words = process.info["cmdline"] or [""]
    return f"serve {words[-1]}" if "serve" in words else ""
