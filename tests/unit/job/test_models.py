"""What a step loads once: which process has it, and what becomes of that process."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from pixmake.job import client, models, warm_server
from pixmake.job.record import Record, read_record
from pixmake.job.task import Task

CELLS = """\
import importlib, os, subprocess, sys, threading, time

def load(device, threads):
    return {"device": device, "threads": threads, "pid": os.getpid()}

def load_torch():
    importlib.import_module("torch")  # no import statement: nobody can know it before
    return {"pid": os.getpid()}

def load_beside():
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return {"pid": os.getpid()}

def load_slowly(count="loads.txt"):
    with open(count, "a") as file:
        file.write(".")
    if not os.path.exists("in no time"):
        time.sleep(1)
    return {"pid": os.getpid()}

def load_nothing():
    os._exit(7)

def load_too_much():
    with open("loads.txt", "a") as file:
        file.write(".")
    os.kill(os.getpid(), 9)

def load_for_ever():
    with open("loads.txt", "a") as file:
        file.write(".")
    while True:
        time.sleep(0.1)

def measure(image, model, seconds=0):
    time.sleep(seconds)
    subprocess.Popen(["sleep", "947"], start_new_session=True)
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return {"own": os.getpid(), "devices": devices, **{f"of_{key}": value for key, value in model.items()}}

def together(image, model, folder):
    os.makedirs(folder, exist_ok=True)
    open(f"{folder}/{os.getpid()}", "w").close()
    while len(os.listdir(folder)) < 2:
        time.sleep(0.01)
    return measure(image, model)

def pile(batch, path, model):
    if path == ["held.png"]:
        open("begun", "w").close()
        while not os.path.exists("all are there"):
            time.sleep(0.01)
        return [{}]
    with open("calls.txt", "a") as file:
        file.write(" ".join(name[:-4] for name in path) + "\\n")
    if "bad.png" in path:
        raise ValueError("bad")
    if "crash.png" in path:
        os.abort()
    return [{"own": os.getpid()} for _ in batch]

def swap(image, model):
    seen = {"folder": os.getcwd(), "mark": os.environ.get("MARK", ""), "out": sys.stdout is sys.__stdout__}
    os.environ["MARK"] = "x"; os.umask(0o077); sys.path.insert(0, "/x"); sys.stdout = sys.stderr
    return {**seen, "own": os.getpid(), "paths": len(sys.path)}
"""

Run = Callable[..., Any]

SEND = client.send


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with an image, and a library `torch` that does nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("logs/s", "results/s", "scripts"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "scripts/cells.py").write_text(CELLS)
    (tmp_path / "scripts/torch.py").write_text("def set_num_threads(count): pass\n")
    cv2.imwrite("a.png", np.full((4, 4, 3), 9, np.uint8))
    return tmp_path


@pytest.fixture
def run_job(folder: Path) -> Run:
    """Runs a job of a step with `load`: its record, or why there is none."""

    def run(
        loader: str, job_id: str = "a", function: str = "measure", params: Any = None, **limits: Any
    ) -> Record | str:
        image = f"{job_id}.png" if "batch" in limits else "a.png"
        load = {"model": {"function": f"scripts/cells.py:{loader}"}}
        work = {"function": f"scripts/cells.py:{function}", "load": load}
        task = Task("s", job_id, "function", work, "-", {}, images=(image,), params=params or {})
        own = hashlib.sha256(f"{folder}{loader}{limits}".encode()).hexdigest()[:12]
        given = json.dumps({"holder": own, **limits}, separators=(",", ":"))
        files = f"logs/s/{job_id}.log", f"results/s/{job_id}.json"
        words = [task.as_json(), given, "-", "1", *files]
        connection = client.connect(os.getpid(), "-", dict(os.environ), client.holder_of(words))
        assert connection is not None
        reply = client.ask(connection, words, dict(os.environ)) or client.died_loading(words)
        connection.close()
        why = client.why_not_loaded(reply, words)
        if not why:
            client.settle(os.getpid(), words, reply, lambda: warm_server.explain(words, reply))
        return why or read_record(files[1])

    return run  # the process that holds the model ends with this one


def value(record: Record, name: str) -> Any:
    return record.measurements[name]["value"]


def test_by_fork_each_image_has_a_process_of_its_own(run_job: Run) -> None:
    records = [run_job("load", load_in="fork") for _ in range(3)]
    assert len({value(each, "of_pid") for each in records}) == 1
    assert len({value(each, "own") for each in records}) == 3


@pytest.mark.parametrize("loader", ["load_torch", "load_beside"])
def test_what_does_not_cross_a_fork_is_served(run_job: Run, loader: str) -> None:
    """Once it is seen that `torch` is there, or a thread that goes on, images are no forks any more."""
    records = [run_job(loader) for _ in range(3)]
    assert len({value(each, "own") for each in records}) == 1
    assert value(records[0], "own") == value(records[0], "of_pid")


def test_an_image_finds_what_the_first_one_found(run_job: Run, tmp_path: Path) -> None:
    """Folder, variables, streams and paths; and what it started has ended."""
    found = [run_job("load", function="swap", load_in="process").measurements for _ in range(3)]
    assert found[0] == found[1] == found[2]
    run_job("load", load_in="process")
    now = (each.info for each in psutil.process_iter(["cmdline", "cwd"]))
    assert [
        each for each in now if each["cmdline"] == ["sleep", "947"] and each["cwd"] == str(tmp_path)
    ] == []


def test_a_serving_process_that_is_killed_is_started_again(run_job: Run) -> None:
    """Between images nobody notices, at work that image alone fails, while it loads it is tried again."""
    quick = Path("in no time")
    quick.touch()
    first = value(run_job("load_slowly", load_in="process"), "own")
    os.kill(first, signal.SIGKILL)
    second = value(run_job("load_slowly", load_in="process"), "own")
    assert second != first
    threading.Timer(1, os.kill, (second, signal.SIGKILL)).start()
    failed = run_job("load_slowly", load_in="process", params={"seconds": 30})
    assert failed.error is not None
    assert failed.error.message == "its process was killed by SIGKILL (signal 9)"
    loads = Path("loads.txt").stat().st_size
    quick.unlink()

    def kill_while_it_loads() -> None:
        while Path("loads.txt").stat().st_size == loads:
            time.sleep(0.01)
        for each in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # some end meanwhile
                parent = each.parent()
                if parent is not None and "hold" in each.cmdline() and "hold" in parent.cmdline():
                    each.kill()
        quick.touch()

    killer = threading.Thread(target=kill_while_it_loads)
    killer.start()
    # of other limits: a holder of its own
    assert run_job("load_slowly", load_in="process", load_slots=1).status == "ok"
    killer.join()
    assert Path("loads.txt").stat().st_size == loads + 2


@pytest.mark.parametrize("load_in", ["fork", "process"])
def test_a_load_that_ends_its_process_is_told(run_job: Run, load_in: str) -> None:
    said = run_job("load_nothing", load_in=load_in)
    assert "the process that load" in said
    assert said.endswith("; see logs/s.load.log")
    assert run_job("load_nothing", load_in=load_in) == said


def test_a_serving_process_that_is_killed_again_is_told(run_job: Run) -> None:
    """As when memory does not suffice: the second time it is no accident."""
    what = "the process that loads was killed by signal 9, as the system does where memory is short"
    assert run_job("load_too_much", load_in="process") == f"steps.s.load: {what}; see logs/s.load.log"
    assert Path("loads.txt").stat().st_size == 2


def test_serving_processes_share_what_is_loaded_before(run_job: Run) -> None:
    """On Linux they are forks of one process, which has no model itself."""
    own = value(run_job("load", load_in="process"), "own")
    parent = psutil.Process(own).parent()
    assert parent is not None
    forked = psutil.Process(own).cmdline() == parent.cmdline()
    assert forked == (sys.platform == "linux")


def test_nodes_of_a_cluster_leave_what_others_say_of_a_load(
    run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They begin at the same time, and each of them looks there for why its load failed."""
    log = Path("logs/s.load.log")
    log.write_text("of another node\n")
    monkeypatch.setenv("PIXMAKE_SUBMISSION", "")
    run_job("load", load_in="process")
    assert log.read_text().startswith("of another node\n")
    assert "pixmake: loaded in" in log.read_text()
    monkeypatch.delenv("PIXMAKE_SUBMISSION")
    run_job("load", load_in="process", load_slots=1)  # of other limits: a holder of its own
    assert "of another node" not in log.read_text()


@pytest.mark.parametrize("load_in", ["fork", "process"])
def test_a_load_that_never_ends(run_job: Run, load_in: str) -> None:
    """It is ended, and not begun again."""
    begun = time.monotonic()
    what = "steps.s.load: took longer than the 1 s that `load_timeout` allows; see logs/s.load.log"
    assert run_job("load_for_ever", load_in=load_in, load_timeout=1) == what
    assert time.monotonic() - begun < 30  # most of it, on a machine that is busy, is until the load begins
    assert Path("loads.txt").stat().st_size == 1


def test_an_image_that_is_tried_alone_says_why_nothing_was_loaded(folder: Path) -> None:
    """As `pixmake try` has it: its process loads for itself."""
    load = {"model": {"function": "scripts/cells.py:load_missing"}}
    work = {"function": "scripts/cells.py:measure", "load": load}
    task = Task("s", "a", "function", work, "-", {}, images=("a.png",))
    words = [task.as_json(), '{"holder":"x"}', "-", "1", "logs/s/a.log", "results/s/a.json"]
    reply = warm_server.run_plain(words, os.getppid())
    assert not client.is_ours(int(reply.split()[0]), words)
    warm_server.explain(words, reply)
    error = read_record("results/s/a.json").error
    assert error is not None
    what = "scripts/cells.py:load_missing: AttributeError: module 'cells' has no attribute 'load_missing'"
    assert (error.type, error.message) == ("LoadError", f"steps.s.load.model: {what}; see logs/s.load.log")


def test_there_are_no_more_serving_processes_than_slots(run_job: Run) -> None:
    """Of four images at one time two are worked on; each serving process sees one device of two."""
    os.environ["CUDA_VISIBLE_DEVICES"] = "0,1"
    try:
        for limits, most in (({"load_slots": 2, "timeout": 20}, 2), ({"gpu": 1}, 2)):
            found: list[Record] = []

            def work(job_id: str, found: list[Record] = found, limits: Any = limits) -> None:
                params = {"folder": f"of {len(limits)}"}
                found.append(run_job("load", job_id, "together", load_in="process", params=params, **limits))

            threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            assert len({value(each, "own") for each in found}) == most
            devices = {(value(each, "devices"), value(each, "of_device")) for each in found}
            assert devices == ({("0", "cuda"), ("1", "cuda")} if "gpu" in limits else {("0,1", "cpu")})
            assert {each.run.get("device") for each in found} == {"cuda" if "gpu" in limits else None}
    finally:
        del os.environ["CUDA_VISIBLE_DEVICES"]


def together(run_job: Run, names: list[str], batch: int) -> tuple[dict[str, Record], list[set[str]]]:
    """The records of jobs that wait together, behind an image that holds the only process up meanwhile.

    And which of them were worked on together.
    """
    found: dict[str, Record] = {}
    sent = threading.Semaphore(0)

    def work(name: str) -> None:
        cv2.imwrite(f"{name}.png", np.zeros((4, 4), np.uint8))
        found[name] = run_job("load", name, "pile", batch=batch, load_in="process", load_slots=1)

    def send(*arguments: Any, **named: Any) -> bool:
        well = SEND(*arguments, **named)
        sent.release()
        return well

    marks = Path("begun"), Path("all are there")
    for mark in marks:
        mark.unlink(missing_ok=True)
    threads = [threading.Thread(target=work, args=(name,)) for name in ("held", *names)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "send", send)
        threads[0].start()
        end = time.monotonic() + 60
        while not marks[0].exists() and time.monotonic() < end:
            time.sleep(0.01)
        for each in threads[1:]:
            each.start()
        for _ in threads:
            assert sent.acquire(timeout=60)
        time.sleep(0.3)  # what was sent is still to be read
        marks[1].touch()
        for each in threads:
            each.join()
    del found["held"]
    return found, [set(line.split()) for line in Path("calls.txt").read_text().splitlines()]


def test_a_bad_image_is_found_by_halving(run_job: Run) -> None:
    """Eight images are worked on together; with a bad one there are six calls more."""
    together(run_job, ["first"], 8)  # the model is loaded
    names = [f"p{number}" for number in range(8)]
    found, calls = together(run_job, names, 8)
    assert calls[1:] == [set(names)]
    assert {each.status for each in found.values()} == {"ok"}
    assert len({value(each, "own") for each in found.values()}) == 1
    found, calls = together(run_job, [*names[1:], "bad"], 8)
    assert [len(call) for call in calls[2:]].count(1) == 2 and len(calls) == 2 + 7, calls
    assert {name for name, each in found.items() if each.status == "failed"} == {"bad"}
    error = found["bad"].error
    assert error is not None and (error.type, error.message) == ("ValueError", "bad")
    assert found["p1"].run["attempt"] == 1


def test_an_image_that_ends_the_process_of_its_batch(run_job: Run) -> None:
    """It fails alone, and one whose file is gone before the others are worked on."""
    found, _ = together(run_job, ["p0", "p1", "crash", "p3"], 4)
    assert {name for name, each in found.items() if each.status == "failed"} == {"crash"}
    error = found["crash"].error
    assert error is not None and error.message == "its process was killed by SIGABRT (signal 6)"
    assert Path("logs/s/p3.log").read_bytes() == b""


def test_the_cpu_works_in_place_of_a_gpu_only_if_it_may(
    run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    what = "the step asks for 1 GPU, and 0 can be seen here; `cpu_fallback: true` lets the CPU do the work"
    assert run_job("load", gpu=1) == f"steps.s.load: {what}; see logs/s.load.log"
    record = run_job("load", gpu=1, cpu_fallback=True)
    assert value(record, "of_device") == record.run["device"] == "cpu"


def test_what_is_no_file_of_a_user_is_told_as_a_whole(tmp_path: Path) -> None:
    """Where no line of the user's own had a part in it, the log has all that there is."""
    log = tmp_path / "s.load.log"
    try:
        models._see_unchanged(str(tmp_path / "none.onnx"), "")
    except OSError as error:
        told = models.LoadError("none")
        told.__cause__ = error
    # without the frame of this file
    told.__cause__.__traceback__ = told.__cause__.__traceback__.tb_next  # type: ignore[union-attr]
    models.tell(str(log), told)
    text = log.read_text()
    assert "in _see_unchanged" in text
    assert text.endswith("pixmake: not loaded: none\n")
