"""However a job's process ends: its record says what happened, and nothing of it is left."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from pixmake.job import client, warm_server
from pixmake.job.record import Record, read_record
from pixmake.job.task import Task

ANALYSIS = """\
import mmap, multiprocessing, os, subprocess, sys, threading, time
import numpy as np

class Silent(Exception):
    def __str__(self): raise RuntimeError("no text")
    @property
    def told(self): raise KeyError("no")

class Odd(Exception):
    def __getattr__(self, name): raise KeyboardInterrupt
    def __str__(self): return 5

def half_a_letter(image):
    raise ValueError("no such file: caf\\udce9.txt")

def silent(image):
    raise Silent()

def odd(image):
    raise Odd()

def odd_exit(image):
    sys.exit(Silent())

def no_streams(image):
    sys.stdout = sys.stderr = None
    raise ValueError("said without streams")

def closed_streams(image):
    sys.stdout.close(); sys.stderr.close()
    raise ValueError("said with closed streams")

def work_without_streams(image):
    sys.stdout = sys.stderr = None
    return {"v": 1}

def half_letters(image):
    return {"v\\udce9": "t\\udce9"}

def forked(image):
    if os.fork() == 0:
        raise ValueError("of the child")
    os.wait()
    return {"v": 1}

def forked_beside_a_thread(image):
    over = threading.Event()
    threading.Thread(target=over.wait).start()
    worker = os.fork()
    if not worker:
        os._exit(threading.active_count())
    _, status = os.waitpid(worker, 0)
    over.set()
    return {"v": os.waitstatus_to_exitcode(status)}

def many(image):
    return {f"m{number}": 1 for number in range(10_001)}

def strays(image):
    if os.fork() == 0:  # it keeps all that it has inherited, in a session of its own, and its parent ends
        os.setsid()
        if os.fork() == 0:
            time.sleep(943)
        os._exit(0)
    subprocess.Popen(["sleep", "943"], start_new_session=True)
    time.sleep(0.1)
    return {"v": 1}

def filled(_):
    held = np.ones(20_000_000)
    time.sleep(20)

def workers(image):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.map(filled, range(3))

def shared(image):
    held = np.ones(12_000_000)
    workers = []
    for _ in range(4):
        workers.append(os.fork())
        if not workers[-1]:
            held.sum(); time.sleep(1.5); os._exit(0)
    for each in workers:
        os.waitpid(each, 0)
    return {"v": 1}
"""

EXITS = "\n".join(f"def exit_{status}(image): os._exit({status})" for status in (0, 64, 65, 66, 67, 70))

RunJob = Callable[..., Record]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with an image."""
    monkeypatch.chdir(tmp_path)
    for name in ("logs/s", "results/s", "scripts"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "scripts/ends.py").write_text(f"{ANALYSIS}\n{EXITS}\n")
    cv2.imwrite("a.png", np.full((4, 4, 3), 9, np.uint8))
    return tmp_path


@pytest.fixture(params=["warm", "plain"])
def run_job(request: pytest.FixtureRequest, folder: Path) -> RunJob:
    """Runs a function for the image, in a fork of a warm process or in a process of its own: its record."""
    owner = os.getpid()

    def run(function: str, **limits: Any) -> Record:
        function_of = {"function": f"scripts/ends.py:{function}"}
        task = Task("s", "a", "function", function_of, "-", {}, images=("a.png",))
        words = [task.as_json(), json.dumps(limits), "-", "1", "logs/s/a.log", "results/s/a.json"]
        if request.param == "warm":
            connection = client.connect(owner, "-", dict(os.environ))
            assert connection is not None
            reply = client.ask(connection, words, dict(os.environ))
            connection.close()
        else:
            reply = warm_server.run_plain(words, os.getppid())
        assert client.settle(owner, words, reply, lambda: warm_server.explain(words, reply)) == 0
        return read_record("results/s/a.json")

    return run  # the warm process ends with this one


@pytest.mark.parametrize(
    ("function", "type_", "message"),
    [
        ("half_a_letter", "ValueError", "no such file: caf\\udce9.txt"),
        ("silent", "Silent", "(its text cannot be had: RuntimeError)"),
        ("odd", "Odd", "(its text cannot be had: TypeError)"),
        (
            "odd_exit",
            "SystemExit",
            "the analysis ended itself: sys.exit(Silent())",
        ),
        ("no_streams", "ValueError", "said without streams"),
        ("closed_streams", "ValueError", "said with closed streams"),
        *(
            (f"exit_{status}", "CrashError", f"its process ended by itself with exit status {status}")
            for status in (0, 64, 65, 66, 67, 70)
        ),
        (
            "many",
            "ValueError",
            "10,001 measurements of one image; 10,000 at most: make a list of those that belong together, "
            "or a file of a table",
        ),
    ],
)
def test_the_record_says_what_happened(run_job: RunJob, function: str, type_: str, message: str) -> None:
    error = run_job(function).error
    assert error is not None
    assert (error.type, error.message) == (type_, message)
    if not function.startswith("exit_"):
        assert message.split("\\", 1)[0] in Path("logs/s/a.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ("work_without_streams", {"v": {"value": 1}}),
        ("half_letters", {"v\\udce9": {"value": "t\\udce9"}}),
        ("forked", {"v": {"value": 1}}),
        ("forked_beside_a_thread", {"v": {"value": 1}}),
    ],
)
def test_what_was_measured_is_kept(run_job: RunJob, function: str, found: dict[str, Any]) -> None:
    record = run_job(function)
    assert record.status == "ok"
    assert record.measurements == found


def test_strays_end_with_their_image(run_job: RunJob) -> None:
    """Neither keeps what it holds of the image's process the next image waiting, nor is it left."""
    begun = time.monotonic()
    for _ in range(3):
        assert run_job("strays").status == "ok"
    assert time.monotonic() - begun < 60
    left = [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "943"]]
    assert left == []


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux alone tells it")
def test_memory_is_that_of_all_processes(run_job: RunJob) -> None:
    """Three workers of 160 MB are more than 300 MB; what five processes share is counted once."""
    error = run_job("workers", mem_mb=300).error
    assert error is not None
    what = "needs, with all that it has started, more memory than resources.mem_mb allows (300 MB)"
    assert (error.type, error.message) == ("MemoryError", what)
    assert run_job("shared", mem_mb=300).error is None
