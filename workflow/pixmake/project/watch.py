"""Runs a project again and again, as its images arrive."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.images import Images
from pixmake.config.models import load_config
from pixmake.images.remote.objects import configure
from pixmake.images.remote.uris import is_remote
from pixmake.project.folder import unlock
from pixmake.rules import attached
from pixmake.rules.lock import is_running
from pixmake.table.arrivals import ENVIRONMENT, Arrivals, look, write_arrived
from pixmake.table.sources import read_source
from pixmake.table.table import PATH, located

ARRIVED = ".snakemake/pixmake/arrived.json"
LOCK = ".snakemake/pixmake/watch.lock"
"""Held by the one that watches a project."""


@dataclass(frozen=True)
class Watching:
    """How a project is watched; times in seconds."""

    every: float = 10
    """Between two looks."""
    settle: float = 10
    """A file is whole once it has not changed for so long."""
    idle: float | None = None
    """The end, once nothing has come for so long."""
    until: str | None = None
    """A file whose being there means that no more images come."""
    options: Sequence[str] = ()
    """Of Snakemake."""


def watch(config: str, how: Watching) -> int:
    """Run each batch of images as it comes, until nothing more is to come.

    Each run is an ordinary one, so whatever ends this, a new start goes on where it was.

    Returns
    -------
    int
        The exit status of the last run, which also tries the failed images once more.

    Raises
    ------
    PixmakeError
        The config has problems at the start, or someone else watches this project.
    """
    load_config(config)
    with _only_one(), _Runs(how.options) as runs:
        return _watch(config, how, runs)


def _watch(config: str, how: Watching, runs: _Runs) -> int:
    arrivals, source, done, told = Arrivals(), _Source(), "", ""
    content, paths, table = "", list[str](), ""
    last_news = time.monotonic()
    while not runs.ended_by:
        closing = how.until is not None and Path(how.until).exists()
        before = {path: stamp for path, (stamp, _) in arrivals.seen.items()}
        try:
            project = load_config(config)
            configure(project.storage.given())
            content, paths, table = source.expected(project.images)
            arrivals = look(arrivals, [*paths, table], time.monotonic(), how.settle)
            told = ""
        except PixmakeError as error:
            # a table that is being written, a folder with no image yet: it is told, and looked at again
            if str(error) != told:
                told = str(error)
                _say(f"waiting: {told}")
        if {path: stamp for path, (stamp, _) in arrivals.seen.items()} != before:
            last_news = time.monotonic()
        arrived = [path for path in paths if is_remote(path) or path in arrivals.whole]
        state = _digest(content, arrived, arrivals)
        if arrived and state != done and not told and table not in arrivals.waiting:
            left = len(paths) - len(arrived)
            here = f"{counted(len(arrived), 'image')} {'is' if len(arrived) == 1 else 'are'} here"
            _say(here + (f", {left} not yet, or not whole" if left else ""))
            runs.run(arrived, again=False)
            done, last_news = state, time.monotonic()
            continue
        quiet = time.monotonic() - last_news
        enough = (closing and quiet >= how.settle) or (how.idle is not None and quiet >= how.idle)
        if enough and not (arrivals.waiting and not told):
            return _finish(arrived, paths, runs)
        runs.wait(how.every)
    return 128 + runs.ended_by


def _finish(arrived: list[str], paths: list[str], runs: _Runs) -> int:
    missing = [path for path in paths if path not in set(arrived)]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        _say(f"never came: {', '.join(missing[:5])}{more}")
    if not arrived:
        _say("no image came")
        return 1
    _say("no more images come: the last run, which tries failed ones again")
    return runs.run(arrived, again=True)


class _Source:
    """The source of images, look by look: a table is read again once its file is another one."""

    def __init__(self) -> None:
        self._of: object = None
        self._found: tuple[str, list[str], str] = "", [], ""

    def expected(self, images: Images) -> tuple[str, list[str], str]:
        """What it says, in short, the files that it names, and the file that says so, if it is one."""
        stamp, file = None, images.table
        if file is not None:
            with suppress(OSError):  # whoever reads it says so
                status = os.stat(file.path)
                stamp = (images, status.st_size, status.st_mtime_ns)
        if stamp is None or stamp != self._of:
            table = read_source(images)
            paths = [located(path, table.root) for path in table.cells[PATH] if path is not None]
            told = str(table.frame.to_csv()), list(dict.fromkeys(paths)), file.path if file else ""
            self._of, self._found = stamp, told
        return self._found


def _digest(content: str, arrived: Sequence[str], arrivals: Arrivals) -> str:
    stamps = [f"{path}\0{arrivals.whole.get(path)}" for path in arrived]
    return hashlib.sha256("\0".join([content, *stamps]).encode("utf-8", "surrogateescape")).hexdigest()


class _Runs:
    """Runs of Snakemake, one at a time, that end with whoever watches."""

    def __init__(self, options: Sequence[str]) -> None:
        self.options = list(options)
        self.process: subprocess.Popen[bytes] | None = None
        self.ended_by = 0
        """The signal that is to end it all, if there was one."""

    def __enter__(self) -> _Runs:
        self.before = {each: signal.signal(each, self._end) for each in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self.before.items():
            signal.signal(each, handler)

    def _end(self, number: int, _: Any) -> None:
        self.ended_by = number
        if self.process is not None and number == signal.SIGTERM:
            self.process.terminate()  # a SIGINT of the terminal has reached it, too

    def run(self, arrived: Sequence[str], *, again: bool) -> int:
        """Run Snakemake for the images that have arrived; its exit status."""
        write_arrived(ARRIVED, arrived, again=again)
        self._wait_for_others()
        if self.ended_by:
            return 128 + self.ended_by
        unlock()
        command = attached.command(*self.options)
        with subprocess.Popen(command, env={**os.environ, ENVIRONMENT: ARRIVED}) as self.process:
            status = self.process.wait()
        self.process = None
        return status

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until a signal comes."""
        end = time.monotonic() + seconds
        while not self.ended_by and time.monotonic() < end:
            time.sleep(min(0.2, seconds))

    def _wait_for_others(self) -> None:
        """A run that a watch has left behind when it was killed is left to end."""
        if is_running():
            _say("waiting for another run in this folder to end")
        while is_running() and not self.ended_by:
            self.wait(1)


@contextmanager
def _only_one() -> Iterator[None]:
    Path(LOCK).parent.mkdir(parents=True, exist_ok=True)
    with Path(LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PixmakeError([Problem("another pixmake watch is at work in this folder")]) from None
        except OSError:
            pass  # a file system without locks
        yield


def _say(line: str) -> None:
    print(f"pixmake watch: {line}", file=sys.stderr, flush=True)
