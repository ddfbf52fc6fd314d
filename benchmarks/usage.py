"""What a command costs: wall time, CPU time and peak memory of it and of all that it starts.

The command runs under a small process of its own (this file as a program), which becomes the parent of
whatever loses its parent: a process that detaches itself is counted, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SAMPLED_SECONDS = 0.25
REST = 50
"""How many times as long as a sample of memory took nothing is sampled. The kernel walks over all pages for
it, 30 ms for Snakemake and its jobs, in which they cannot fork: four times a second a tenth of the time."""
PATIENCE_SECONDS = 15
"""How long is waited for what the command left running; then it is killed."""


class CommandFailed(RuntimeError):
    """A contestant's command ended with an error: nothing was measured."""


def usage(
    words: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Run a command in a folder and say what it cost.

    Returns
    -------
    dict
        ``seconds`` until the command ended, ``cpu_seconds`` of it and of all that it started, ``peak_mb``:
        the most memory (MB) that they held at one time. It is sampled at most four times a second and
        for a fiftieth of the time, and what processes share is counted once (Linux's proportional set size).

    Raises
    ------
    CommandFailed
        If the exit status is not 0, with what was printed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        found, said = Path(scratch, "found"), Path(scratch, "said")
        with said.open("wb") as output:
            subprocess.run(
                [sys.executable, "-IS", __file__, str(found), *map(str, words)],
                cwd=folder,
                env=_clean(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=True,
            )
        figures = json.loads(found.read_text())
        if figures.pop("status"):
            text = said.read_text(errors="replace")[-4000:]
            raise CommandFailed(f"{' '.join(map(str, words))} in {folder}:\n{text}")
    return dict(figures)


def environment_of(python: Path, **more: str) -> dict[str, str]:
    """This environment, with the programs of a Python's virtual environment first."""
    return {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}", **more}


def _clean(environment: Mapping[str, str] | None) -> dict[str, str]:
    kept = dict(os.environ if environment is None else environment)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"):
        kept.pop(name, None)
    return kept


def _watch(found: str, words: list[str]) -> None:
    """Run the command, and write what it cost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
    peak = [0.0]
    ended = threading.Event()
    sampler = threading.Thread(target=_sample, args=(peak, ended))
    start = time.perf_counter()
    pid = os.posix_spawnp(words[0], words, os.environ)
    sampler.start()
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - start
    left = _outwait()
    ended.set()
    sampler.join()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu_seconds": spent.ru_utime + spent.ru_stime,
    }
    if peak[0]:
        figures["peak_mb"] = peak[0]
    if left:
        figures["left_running"] = left
    Path(found).write_text(json.dumps(figures))


def _outwait() -> int:
    """Wait for all other processes, so that their CPU time is counted; kill those that stay."""
    end = time.monotonic() + PATIENCE_SECONDS
    left = 0
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return left
        if pid == 0:
            if time.monotonic() > end:
                own = set(_descendants(os.getpid()))
                left = max(left, len(own))
                for one in own:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)
            time.sleep(0.01)


def _sample(peak: list[float], ended: threading.Event) -> None:
    pause = SAMPLED_SECONDS
    while not ended.wait(pause):
        start = time.perf_counter()
        peak[0] = max(peak[0], sum(map(_held_mb, _descendants(os.getpid()))))
        pause = max(SAMPLED_SECONDS, REST * (time.perf_counter() - start))


def _descendants(root: int) -> list[int]:
    """The processes below one."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as children:
                    below = [int(child) for child in children.read().split()]
                    found += below
                    waiting += below
    return found


def _held_mb(pid: int) -> float:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as lines:
        for line in lines:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    return 0.0


if __name__ == "__main__":
    _watch(sys.argv[1], sys.argv[2:])
