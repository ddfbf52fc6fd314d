"""A run of a project in a process of its own: `Run`, like a future, and its `Progress`."""

from __future__ import annotations

import atexit
import os
import re
import secrets
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pixmake.api.cell_lines import functions_in_cells, in_cells, last_line
from pixmake.api.frames import Results
from pixmake.base import notebooks
from pixmake.base.errors import PixmakeError, Problem
from pixmake.job.record import FAILURES
from pixmake.plan.plan import Plan
from pixmake.progress.events import EVENTS, read_events

if TYPE_CHECKING:
    import pandas as pd

FOLDER = ".snakemake/pixmake/runs"
"""Where a run's events and what Snakemake said are kept, in a project's folder."""

State = Literal["running", "done", "failed", "cancelled"]

_NOTES = ("Complete log(s)", "Elapsed time", "Using workflow specific profile", "Shutting down, this might")
_UNLOADED = re.compile(r"^pixmake: (.+); see (.+\.load\.log)$", re.MULTILINE)
_AT_ITS_END = re.compile(r"^\d+ of \d+ images done$", re.MULTILINE)
_LINES_OF_A_LOAD = 40
_going: set[Run] = set()


class FailedImagesWarning(UserWarning):
    """Images of a run failed; the table tells which, and why."""


def failures_in_words(results: Results, where: str) -> str:
    """How many images failed, and the reason of most of them; nothing, if none did."""
    failures = results.failures
    if failures.empty:
        return ""
    images, where_in_cells = set(), ""
    for record in results.records():
        images.add(record.id)
        if record.error is not None and not where_in_cells:
            where_in_cells = last_line(results.folder, record.error.traceback)
    where = f"{where_in_cells}; {where}" if where_in_cells else where
    reasons = Counter(zip(failures["error"], failures["message"], strict=True))
    (error, message), count = reasons.most_common(1)[0]
    others = f", and {len(reasons) - 1} other reasons" if len(reasons) > 1 else ""
    of_most = "" if count == len(failures) else f" ({count} of them)"
    reason = f"{error}: {message}{of_most}{others}"
    return f"{failures['id'].nunique()} of {len(images)} images failed: {reason}; {where}"


@dataclass(frozen=True)
class Progress:
    """How far a run is, in images; what was done before is not among them."""

    state: State
    """``running``, ``done``, ``failed`` (its exit status is not 0) or ``cancelled``."""
    done: int
    """Images of which all jobs have ended."""
    total: int
    """Images of this run; 0 as long as Snakemake has not said how many."""
    failed: int
    """Images that failed in this run."""
    seconds: float
    """Since it was started."""
    unit: str = "images"
    """What is counted: ``jobs``, where a run has yet to find its images."""

    def __str__(self) -> str:
        none = f"no {self.unit} yet" if self.state == "running" else "nothing was to do"
        jobs = f"{self.done} of {self.total} {self.unit}" if self.total else none
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.state}: {jobs}{failed}, {self.seconds:.0f} s"

    def _repr_html_(self) -> str:
        from pixmake.api.html import progress_html

        return progress_html(self)


class RunError(Exception):
    """A run that ended with an error; the message says why, ``run`` is what it left."""

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run

    def _render_traceback_(self) -> list[str]:
        return notebooks.shown(self)


class Run:
    """A run that goes on in a process of its own; `Project.run` makes one.

    It ends with the Python that started it: wait for it with `result` in a script. Whatever was finished
    by then is kept, and the next run goes on from there. In a notebook it shows how far it is, and at
    the end its results.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        options: Sequence[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.results = Results(plan, folder)
        """What is on disk: `Results.measurements`, `Results.failures`, pictures in a notebook."""
        self.log = _new_log(folder)
        """The file with what Snakemake said."""
        self._events = self.log.with_suffix(".jsonl")
        self._failures_before = _failure_sizes(self.results)
        self._begun = time.monotonic()
        self._seconds: float | None = None
        self._cancelled = False
        self._ended = threading.Event()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pixmake.api.attended", *options],
                cwd=folder,
                env={**_environment(), EVENTS: str(self._events), **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt of a notebook's cell is not for the run
            )
        _going.add(self)
        threading.Thread(target=self._wait, name="pixmake-run", daemon=True).start()

    @property
    def progress(self) -> Progress:
        """How far it is, now."""
        state, told = self.state, read_events(self._events)
        done = told.total if state == "done" else told.done
        seconds = time.monotonic() - self._begun if self._seconds is None else self._seconds
        return Progress(state, done, told.total, self._failed(), seconds, told.unit)

    @property
    def state(self) -> State:
        """``running``, ``done``, ``failed`` or ``cancelled``."""
        if not self._ended.is_set():
            return "running"
        if self._process.returncode == 0:
            return "done"
        return "cancelled" if self._cancelled else "failed"

    @property
    def measurements(self) -> pd.DataFrame:
        """The measurements as far as they are there: one row an image and step."""
        return self.results.measurements

    @property
    def failures(self) -> pd.DataFrame:
        """The failed images with their reasons."""
        return self.results.failures

    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._ended.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, or for so many seconds.

        Returns
        -------
        bool
            Whether it has ended.
        """
        return self._ended.wait(timeout)

    def result(self, timeout: float | None = None, *, strict: bool = False) -> pd.DataFrame:
        """Wait for the end; where images failed, warn of them.

        Parameters
        ----------
        timeout
            Seconds to wait at the most.
        strict
            Raise an error where images failed.

        Returns
        -------
        DataFrame
            The measurements: one row an image and step.

        Raises
        ------
        TimeoutError
            It still runs, and goes on.
        RunError
            It ended before its images were done: a failure ended it (``on_error: stop``), Snakemake failed,
            it was cancelled; or with ``strict`` images failed. What is done is in ``measurements``.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"the run is not done after {timeout:g} s: {self.progress}")
        if self.state != "done" and not self._came_to_its_end():
            raise RunError(self.reason(), self)
        told = failures_in_words(self.results, "see its failures")
        if told and strict:
            raise RunError(told, self)
        if told:
            warnings.warn(told, FailedImagesWarning, stacklevel=2)
        return self.measurements

    def _came_to_its_end(self) -> bool:
        """Whether all images were tried: the tables are written, and the exit status tells what failed."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return self.state == "failed" and _AT_ITS_END.search(text) is not None

    def cancel(self) -> bool:
        """End it as Ctrl-C would, with all of its jobs, and wait for that.

        Returns
        -------
        bool
            False if it had ended already.
        """
        if self._ended.is_set():
            return False
        self._cancelled = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"c")
            self._process.stdin.close()
        except OSError:
            pass  # it has ended by itself in this moment
        self._ended.wait()
        return self.state == "cancelled"

    def reason(self) -> str:
        """Why it ended as it did: the last words of Snakemake, and of the job that ended it."""
        if self.state == "cancelled":
            return f"the run was cancelled: {self.progress}"
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return f"the run ended with exit status {self._process.returncode}"
        if unloaded := _UNLOADED.search(text):
            return self._load_log(*unloaded.groups())
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(_NOTES)]
        told = read_events(self._events)
        # with `on_error: continue` each failed image has its record; a job without one ended the run
        stopped = self._job_log(told.failed_rules[0]) if told.failed_rules else None
        if stopped is not None:
            return stopped
        if any(line.startswith(("LockException", "Another run is at work")) for line in lines):
            return f"another run is at work on the same results in {self.results.folder}"
        said = lines[-1] if lines and " images failed: " in lines[-1] else "\n".join(lines[-20:])
        return said or f"Snakemake ended with exit status {self._process.returncode}; see {self.log}"

    def _load_log(self, why: str, log: str) -> str:
        """Why models could not be loaded, with the end of the log: a folder of `map_images` is gone soon."""
        from pixmake.job.models import NOT_LOADED

        why = functions_in_cells(self.results.folder, why)
        try:
            text = (self.results.folder / log).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return f"{why}; see {log}"
        said = in_cells(self.results.folder, text.rpartition(NOT_LOADED)[0])
        return "\n".join([why, *said.splitlines()[-_LINES_OF_A_LOAD:]])

    def _job_log(self, rule: str) -> str | None:
        """What a job that left no record wrote to its log."""
        for _, job in self.results.plan.jobs():
            if job.rule != rule:
                continue
            if self.results.path(job.record).exists():
                return None
            try:
                log = self.results.path(job.log).read_text(encoding="utf-8", errors="replace").rstrip()
            except OSError:
                log = ""
            log = in_cells(self.results.folder, log)
            return f"{job.task.step} of {job.task.id} failed, and the run stopped there:\n{log}"
        return None

    def _failed(self) -> int:
        now = _failure_sizes(self.results)
        grown = (key for key, size in now.items() if size > self._failures_before.get(key, 0))
        return len({job_id for _, job_id in grown})

    def _wait(self) -> None:
        self._process.wait()
        self._seconds = time.monotonic() - self._begun
        self._ended.set()
        _going.discard(self)

    def __repr__(self) -> str:
        return f"<pixmake.Run {self.progress}>"

    def _repr_html_(self) -> str:
        from pixmake.api.html import run_html

        return run_html(self)

    def _ipython_display_(self) -> None:
        from pixmake.api.html import show_run

        show_run(self)


def _end_with_python() -> None:
    for run in list(_going):
        hint = "wait for it with .result(); the next run goes on from here"
        print(f"pixmake: Python ends, and the run in {run.results.folder} with it ({hint})", file=sys.stderr)
        run.cancel()


atexit.register(_end_with_python)


def _new_log(folder: Path) -> Path:
    runs = folder / FOLDER
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PixmakeError([Problem(f"cannot be written to: {error.strerror}", str(folder))]) from None
    return runs / f"{time.strftime('%Y-%m-%dT%H%M%S')}.{secrets.token_hex(2)}.log"


def _failure_sizes(results: Results) -> dict[tuple[str, str], int]:
    """The size of each file of failures: it grows by a line with each."""
    sizes: dict[tuple[str, str], int] = {}
    plan = results.plan
    steps = plan.steps if plan.containers is None else (*plan.containers.steps, *plan.steps)
    for planned in steps:
        folder = results.folder / plan.config.results / FAILURES / planned.name
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            continue
        sizes.update({(planned.name, entry.name): entry.stat().st_size for entry in entries})
    return sizes


def _environment() -> dict[str, Any]:
    """The environment of this Python, without what a notebook has put there for itself."""
    kept = dict(os.environ)
    if kept.get("MPLBACKEND", "").startswith("module://"):
        del kept["MPLBACKEND"]
    return kept
