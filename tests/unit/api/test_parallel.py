"""`Parallel` and `Task`: order, failures, retries, crashes, and that nothing is left running."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import pickle
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import psutil
import pytest

from pixmake import Failed, Parallel, Task, TaskError
from pixmake.api import parallel

both = pytest.mark.parametrize("threading", [True, False], ids=["threads", "processes"])


class OddError(Exception):
    """An exception that pickle writes but cannot read."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(name)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "BACK_OFF", 0.01)


def nap_and_return(number: int) -> int:
    time.sleep(0.02 * (5 - number))
    return number


def left_over() -> list[psutil.Process]:
    """Children of this process that run (zombies are no longer running, but have not been waited for)."""
    return psutil.Process().children(recursive=True)


@both
def test_results_have_the_order_of_the_tasks(threading: bool) -> None:
    """Also where the last one ends first."""
    tasks = [Task(nap_and_return, number) for number in range(5)]
    assert Parallel(tasks, max_threads=5, threading=threading).run() == [0, 1, 2, 3, 4]
    assert left_over() == []


@both
@pytest.mark.parametrize("at_once", [0, -1, 1, 100])
def test_any_number_of_threads(threading: bool, at_once: int) -> None:
    tasks = [Task(pow, number, 2) for number in range(6)]
    assert Parallel(tasks, max_threads=at_once, threading=threading).run() == [0, 1, 4, 9, 16, 25]


@both
def test_no_tasks_no_results(threading: bool) -> None:
    assert Parallel([], threading=threading).run() == []


@both
def test_24_tasks_side_by_side(threading: bool) -> None:
    """24 tasks of a second on 24 threads take about a second."""
    begun = time.monotonic()
    Parallel([Task(time.sleep, 1)] * 24, max_threads=24, threading=threading).run()
    assert time.monotonic() - begun < 3


@both
def test_closures_and_plain_functions(threading: bool) -> None:
    """What a notebook holds: a lambda, a function inside a function, an array that it closes over."""
    array = np.arange(4)
    results = Parallel([lambda: int(array.sum()), array.max], threading=threading).run()
    assert results == [6, 3]


def test_not_callable() -> None:
    with pytest.raises(TypeError, match=r"tasks\[1\] is no task: 7 cannot be called"):
        Parallel([len, 7])
    with pytest.raises(TypeError, match="needs a function"):
        Task("7")


@both
def test_failed_slot_is_no_result(threading: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """With pass_fail_job the others go on; what failed cannot be taken for a value."""
    tasks = [Task(int, "7"), Task(int, "x"), Task(int, "9")]
    first, failed, last = Parallel(tasks, pass_fail_job=True, threading=threading, max_retries=2).run()
    assert (first, last) == (7, 9)
    assert isinstance(failed, Failed)
    assert isinstance(failed.exception, ValueError)
    assert "invalid literal" in failed.traceback
    assert failed.attempts == 3
    assert failed.task is tasks[1]
    with pytest.raises(TypeError, match="isinstance"):
        bool(failed)
    said = capsys.readouterr().err
    assert "Task(int, 'x') failed, attempt 1 of 3: ValueError: invalid literal" in said
    assert "again in 0.01 s" in said


@both
def test_quiet(threading: bool, capsys: pytest.CaptureFixture[str]) -> None:
    Parallel([Task(int, "x")], pass_fail_job=True, verbose=False, threading=threading, max_retries=1).run()
    assert capsys.readouterr().err == ""


@both
def test_first_failure_in_time_is_raised_at_once(threading: bool) -> None:
    """Not the first of the list; and the rest is stopped."""

    def early() -> None:
        time.sleep(0.2)
        raise KeyError("early")

    def late() -> None:
        for _ in range(200):
            time.sleep(0.05)
        raise KeyError("late")

    begun = time.monotonic()
    with pytest.raises(KeyError, match="early") as caught:
        Parallel([late, late, early], threading=threading, verbose=False).run()
    assert time.monotonic() - begun < 3
    shown = "".join(traceback.format_exception(caught.value))
    assert ", in early" in shown
    assert left_over() == []


@both
def test_retried_until_it_succeeds(threading: bool, tmp_path: Path) -> None:
    """max_retries=2 allows three attempts."""

    def third_time_lucky() -> str:
        with (tmp_path / "attempts").open("a") as lines:
            lines.write("x")
        if (tmp_path / "attempts").stat().st_size < 3:
            raise OSError("not yet")
        return "done"

    assert Parallel([third_time_lucky], max_retries=2, threading=threading, verbose=False).run() == ["done"]
    assert (tmp_path / "attempts").read_text() == "xxx"


@both
def test_an_exception_that_is_returned_is_a_result(threading: bool) -> None:
    (result,) = Parallel([Task(ValueError, "fine")], threading=threading).run()
    assert isinstance(result, ValueError)


@both
def test_a_task_cannot_end_python(threading: bool) -> None:
    (failed,) = Parallel([Task(sys.exit, 3)], pass_fail_job=True, threading=threading, verbose=False).run()
    assert isinstance(failed, Failed)
    assert str(failed.exception) == "the task ended itself with SystemExit: 3"


def test_a_crash_is_the_failure_of_its_task() -> None:
    """With the reason: an exit status, or the signal."""

    def crash() -> None:
        faulthandler.disable()  # pytest's would print where
        signal.raise_signal(signal.SIGSEGV)

    tasks = [Task(os._exit, 3), crash, Task(abs, -1)]
    exited, crashed, fine = Parallel(tasks, pass_fail_job=True, threading=False, verbose=False).run()
    assert fine == 1
    assert "exited with status 3" in str(exited.exception)
    assert "SIGSEGV" in str(crashed.exception)
    with pytest.raises(TaskError, match="exited with status 3"):
        Parallel(tasks[:1], threading=False, verbose=False).run()


def test_what_a_process_cannot_hand_over() -> None:
    """A result that cannot be pickled is a failure that says so; an exception keeps its traceback."""

    def odd() -> None:
        raise OddError("odd", 1)

    tasks = [Task(lambda: lambda: 1), odd, lambda: np.zeros((2000, 2000))]
    strange, failed, large = Parallel(tasks, pass_fail_job=True, threading=False, verbose=False).run()
    assert "of type function, cannot be handed over" in str(strange.exception)
    assert str(failed.exception) == "OddError: odd"
    assert ", in odd" in failed.traceback
    assert large.shape == (2000, 2000)
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(OddError("odd", 1)))


def test_processes_do_not_share_chance() -> None:
    """Each draws its own random numbers, though all were forked from one state."""
    draws = Parallel([np.random.random] * 4, threading=False).run()
    assert len(set(draws)) == 4


def test_what_a_process_started_ends_with_it() -> None:
    process = Parallel([lambda: subprocess.Popen(["sleep", "60"]).pid], threading=False).run()[0]
    end = time.monotonic() + 5
    while psutil.pid_exists(process) and time.monotonic() < end:
        if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.02)
    assert not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE


def test_opencv_after_a_fork() -> None:
    """OpenCV's threads, which a fork does not have, are not waited for."""
    import cv2

    image = np.random.default_rng(1).integers(0, 255, (600, 600, 3), np.uint8)
    cv2.GaussianBlur(image, (0, 0), 3)
    before = cv2.getNumThreads()
    tasks = [Task(cv2.GaussianBlur, image, (0, 0), 3)] * 2
    results = Parallel(tasks, threading=False).run()
    assert np.array_equal(results[0], cv2.GaussianBlur(image, (0, 0), 3))
    assert cv2.getNumThreads() == before


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    Parallel([Task(abs, -1)] * 3).run(progress_bar=True)
    said = capsys.readouterr().err
    assert "3/3" in said
    assert "0task" not in said


INTERRUPTED = r"""
import os, sys, time
from pixmake import Parallel, Task

def slow():
    os.write(1, b"begun\n")
    for _ in range(600):
        time.sleep(0.1)

Parallel([slow] * 3, threading=sys.argv[1] == "True").run()
"""


@both
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running(threading: bool, how: signal.Signals) -> None:
    """Ctrl-C ends it as Python's own; and whatever ends Python ends its tasks."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(threading)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == b"begun\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == (0 if threading else 3)
    os.killpg(process.pid, how)  # as a terminal does: the group, in which the tasks are not
    _, said = process.communicate(timeout=10)
    assert process.returncode == -how
    if how == signal.SIGINT:
        assert b"KeyboardInterrupt" in said
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


@pytest.mark.parametrize("threading", [True, False])
def test_coroutine_functions_are_awaited(threading: bool) -> None:
    """What an ``async def`` gives is its result, not a coroutine; what it raises is its error."""

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    assert Parallel([Task(double, n) for n in range(3)], threading=threading).run() == [0, 2, 4]
