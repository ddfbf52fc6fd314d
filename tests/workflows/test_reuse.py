"""Several images in one process (`images_per_process`), as apart as in one each."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from typing import Any

import psutil
import pytest
from tests.conftest import Project

COUNT = 8

ANALYSIS = """\
import os
import signal
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import tally
from mine import deep

seen = []


def measure(image, path):
    found = {
        "pid": os.getpid(),
        "nth": tally.count(),
        "own": len(seen),
        "deep": deep.count(),
        "folder": os.getcwd(),
        "mark": os.environ.get("MARK", ""),
        "threads": os.environ["OMP_NUM_THREADS"],
        "umask": os.umask(0o077),
        "words": len(sys.path),
        "signal": str(signal.getsignal(signal.SIGUSR1)),
        "alarm": signal.setitimer(signal.ITIMER_REAL, 600)[0],
        "showing": sys.stdout is sys.__stdout__,
        "chance": int(cv2.randu(np.zeros(1, np.int32), 0, 1_000_000).ravel()[0]),
        "numpy": str([np.geterr()["divide"], np.get_printoptions()["precision"], np.array([1 / 3])]),
    }
    warnings.warn("a warning of the library's", stacklevel=1)
    print("here is", Path(path).stem)
    seen.append(1)
    os.environ["MARK"] = path
    del os.environ["OMP_NUM_THREADS"]
    os.chdir("/")
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.path.insert(0, "/nowhere")
    sys.stdout = sys.stderr
    np.seterr(divide="ignore")
    np.set_printoptions(precision=2)
    warnings.simplefilter("ignore")
    %s
    return found
"""

TALLY = "seen = []\n\n\ndef count():\n    seen.append(1)\n    return len(seen)\n"


def set_up(project: Project, more: str = "pass", **step: Any) -> None:
    project.write("scripts/analysis.py", ANALYSIS % more)
    project.write("scripts/tally.py", TALLY)
    project.write("scripts/mine/deep.py", TALLY)  # in a folder without `__init__.py`
    for number in range(COUNT):
        project.draw(f"images/p{number}.png", level=20 * number)
    project.list_images([{"path": f"p{number}.png"} for number in range(COUNT)])
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure", "images_per_process": 3, **step}},
    )


def found(project: Project, name: str) -> list[Any]:
    records = [project.record("measure", f"p{number}") for number in range(COUNT)]
    return [each["measurements"][name]["value"] for each in records if each["status"] == "ok"]


def test_each_image_finds_what_the_first_one_found(project: Project) -> None:
    """Its own modules anew, folder, variables, streams; its log and its warnings are its own."""
    set_up(project)
    ended = project.snakemake("--cores", "1")
    assert ended.code == 0, ended.err
    # the first image, of which the warm process learns, has one of its own
    assert sorted(Counter(found(project, "pid")).values()) == [1, 1, 3, 3]
    assert found(project, "nth") == [1] * COUNT
    assert found(project, "deep") == [1] * COUNT
    assert found(project, "own") == [0] * COUNT
    assert found(project, "folder") == [str(project.folder)] * COUNT
    assert found(project, "mark") == [""] * COUNT
    assert found(project, "threads") == ["1"] * COUNT
    assert found(project, "showing") == [True] * COUNT
    assert found(project, "alarm") == [0] * COUNT
    for name in ("umask", "words", "chance", "numpy", "signal"):
        assert len(set(found(project, name))) == 1, name
    for number in range(COUNT):
        log = (project.folder / f"logs/measure/p{number}.log").read_text()
        assert log.count("here is") == 1
        assert f"here is p{number}" in log
        assert log.count("UserWarning") == 1


def test_one_process_each_if_nobody_asks(project: Project) -> None:
    set_up(project, images_per_process=1)
    assert project.snakemake("--cores", "1").code == 0
    assert len(set(found(project, "pid"))) == COUNT


def test_two_at_a_time(project: Project) -> None:
    set_up(project, images_per_process=100)
    assert project.snakemake("--cores", "2").code == 0
    assert len(set(found(project, "pid"))) <= 5
    assert found(project, "nth") == [1] * COUNT


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ("assert 'p2' not in path", "AssertionError"),
        ("if 'p2' in path: os.abort()", "CrashError"),
        ("if 'p2' in path: import time; time.sleep(60)", "TimeoutError"),
        ("if 'p2' in path: bytearray(2_000_000_000)", "MemoryError"),
    ],
)
def test_a_failed_image_takes_no_other_along(project: Project, more: str, kind: str) -> None:
    """The next one has a process of its own again, and the one before it has its result."""
    set_up(project, more, timeout=5, resources={"mem_mb": 500}, images_per_process=100)
    ended = project.snakemake("--cores", "1")
    assert ended.code == 1
    assert project.record("measure", "p2")["error"]["type"] == kind
    records = [project.record("measure", f"p{number}") for number in range(COUNT)]
    when = records[2]["run"]["started"]
    before, after = (
        {
            each["measurements"]["pid"]["value"]
            for each in records
            if each["status"] == "ok" and (each["run"]["started"] > when) is later
        }
        for later in (False, True)
    )
    assert len(found(project, "pid")) == COUNT - 1
    assert not before & after
    assert len(before | after) <= 3
    [failed] = project.rows("failures.csv")
    assert failed["id"] == "p2"


@pytest.mark.parametrize(
    "more",
    [
        "import subprocess; subprocess.Popen(['sleep', '986'])",
        "import threading, time; threading.Thread(target=time.sleep, args=(986,)).start()",
        "import builtins; builtins.kept = [*getattr(builtins, 'kept', []), b'1' * 60_000_000]",
        "os.closerange(3, 100)",
    ],
)
def test_what_an_image_leaves_behind_ends_with_it(project: Project, more: str) -> None:
    """What goes on beside it, much memory, and whatever else it has done to its process."""
    set_up(project, more, resources={"mem_mb": 400})
    assert project.snakemake("--cores", "1").code == 0
    assert len(set(found(project, "pid"))) == COUNT
    assert not [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "986"]]


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is the process's elsewhere")
def test_each_image_has_its_own_time_and_memory(project: Project) -> None:
    more = "if 'p1' in path: x = b'1' * 300_000_000; sum(range(30_000_000))"
    set_up(project, more, images_per_process=100)
    assert project.snakemake("--cores", "1").code == 0
    runs = [project.record("measure", f"p{number}")["run"] for number in range(COUNT)]
    heavy, *others = runs[1:]
    assert all(each["max_rss_mb"] < heavy["max_rss_mb"] - 200 for each in others)
    assert all(each["cpu_seconds"] < heavy["cpu_seconds"] / 2 for each in others)


def test_steps_take_turns(project: Project) -> None:
    """A step's processes end when another step's images need the place."""
    set_up(project)
    step = {"function": "scripts/analysis.py:measure", "images_per_process": 100}
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": step, "second": {**step, "needs": ["measure"], "resources": {"mem_mb": 900}}},
    )
    assert project.snakemake("--cores", "2").code == 0
    assert found(project, "nth") == [1] * COUNT
    assert len(project.rows()) == 2 * COUNT


def test_no_process_outlives_its_run(project: Project) -> None:
    """Neither those that work nor those that wait, also when Snakemake is killed."""
    set_up(project, "import time; time.sleep(0.5)", images_per_process=100)
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"], cwd=project.folder, stderr=subprocess.DEVNULL
    )
    results, end = project.folder / "results/measure", time.monotonic() + 60
    while len(list(results.glob("*.json"))) < 5 and time.monotonic() < end:
        time.sleep(0.05)
    run.kill()
    run.wait()

    def here() -> list[int]:
        return [each.pid for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(project.folder)]

    while here() and time.monotonic() < end:
        time.sleep(0.1)
    assert not here()
    assert len(list(results.glob("*.json"))) < COUNT


def test_a_change_of_the_number_runs_nothing_again(project: Project) -> None:
    set_up(project)
    assert project.snakemake("--cores", "2").code == 0
    before = project.started()
    set_up(project, images_per_process=50)
    assert project.snakemake("--cores", "2").code == 0
    assert project.started() == before


def test_only_functions_take_it(project: Project) -> None:
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"shell": "true {image}", "images_per_process": 3}},
    )
    project.list_images([{"path": "p0.png"}])
    project.draw("images/p0.png")
    ended = project.pixmake("check")
    assert ended.code != 0
    assert "images_per_process has no meaning for a step of kind shell (it belongs to: function)" in ended.err
