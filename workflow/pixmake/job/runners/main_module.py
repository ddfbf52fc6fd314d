"""Runs a Python file as ``__main__`` in this very process, which ends with it."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import hashlib
import os
import random
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from pixmake.job import program
from pixmake.job.runners import Call
from pixmake.job.runners.programs import CommandError, flush, last_words


def run_main(file: str, words: Sequence[str], call: Call, output: Path | None = None) -> None:
    """Run a Python file as ``python FILE WORD…`` would.

    What Python does at its end is done here: threads are waited for, exit handlers run.

    Parameters
    ----------
    output
        Where standard output goes; default: to the job's log, as errors do.

    Raises
    ------
    CommandError
        It ended itself with another exit status than 0.
    """
    settle(call)
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.argv[:] = [file, *words]
    sys.path.insert(0, folder := os.path.dirname(os.path.abspath(file)))
    program.look_in(folder)
    with _printed_to(output), back_afterwards():
        try:
            _run(file)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise CommandError(_said(end, call)) from None
        finally:
            _finish()


def _run(file: str) -> None:
    """Run a file's code as the module ``__main__``."""
    before, main = sys.modules["__main__"], ModuleType("__main__")
    vars(main).update(__file__=file, __cached__=None, __builtins__=builtins)
    sys.modules["__main__"] = main
    try:
        exec(program.code(file), vars(main))
    finally:
        sys.modules["__main__"] = before


def settle(call: Call) -> None:
    """Hold libraries that are loaded to the step's threads, and chance to the image.

    A fork has its parent's random numbers: without this, every image would get the same ones. Those of OpenCV
    are the same in each process that has just loaded it, and are so here, whatever has been done before.
    """
    seed = hashlib.sha256(f"{call.task.step}/{call.task.id}".encode()).digest()
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(int.from_bytes(seed[:4], "big"))
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(call.threads if call.threads > 1 else 0)
        sys.modules["cv2"].setRNGSeed(0)


@contextlib.contextmanager
def back_afterwards() -> Iterator[None]:
    """Be where one was, wherever an analysis has gone: the paths of records and files begin there."""
    folder = os.getcwd()
    try:
        yield
    finally:
        os.chdir(folder)


def _said(end: SystemExit, call: Call) -> str:
    flush()
    if isinstance(end.code, int):
        return f"the script ended with exit status {end.code}{last_words(call.log)}"
    return f"the script ended itself: {end.code}"


def _finish() -> None:
    # a process would do both; a fork ends without them
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()


@contextlib.contextmanager
def _printed_to(output: Path | None) -> Iterator[None]:
    """Send file descriptor 1 to a file, so that what C libraries print goes there, too."""
    if output is None:
        yield
        return
    flush()
    before = os.dup(1)
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(handle, 1)
    os.close(handle)
    try:
        yield
    finally:
        flush()
        os.dup2(before, 1)
        os.close(before)
