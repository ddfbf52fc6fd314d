"""What a run notes on disk for those who look at it from another terminal or another machine.

Two files: what the run is to do, written once, and what runs now, written every two seconds. Both are
gone when the run has ended; where one was killed, they stay and its process is not there.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.job.client import started
from pixmake.progress.tally import Progress, Running, StepProgress

FOLDER = ".snakemake/pixmake"
PLAN, NOW = f"{FOLDER}/run.json", f"{FOLDER}/now.json"


@dataclass(frozen=True)
class RunPlan:
    """What a run is to do."""

    begun: float
    """Seconds since the epoch."""
    results: str
    to_run: Mapping[str, Sequence[str]]
    """Of each step the ids of its jobs."""
    done_before: Mapping[str, Sequence[str]]
    host: str
    pid: int
    started: str
    """When the process started, so that a number that is used again is told apart."""
    over_several: Sequence[str] = ()
    """Steps whose jobs are not one for each image."""
    finds: bool = False
    """Whether the images are those that the run has found so far."""
    submits: bool = False
    """Whether jobs go to a cluster: the run alone knows when a group of them has ended."""

    @property
    def may_run(self) -> bool:
        """Whether its process is there; of another host it cannot be told, and counts as there."""
        if self.host != platform.node():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # another user's
        return started(self.pid) == self.started


def note_plan(
    begun: float,
    results: str,
    to_run: Mapping[str, Sequence[str]],
    done_before: Mapping[str, Sequence[str]],
    **more: Any,
) -> None:
    """Note what the run of this process is to do. A disk that is full does not end a run."""
    pid = os.getpid()
    plan = RunPlan(begun, results, to_run, done_before, platform.node(), pid, started(pid), **more)
    _write(PLAN, asdict(plan))


def note_now(progress: Progress) -> None:
    """Note how far the run of this process is, and what it does now."""
    _write(NOW, asdict(progress))


def forget_run() -> None:
    """Remove both notes: the run has ended."""
    for path in (NOW, PLAN):
        Path(path).unlink(missing_ok=True)


def read_plan() -> RunPlan | None:
    """What the run of this project is to do; nothing if none runs."""
    try:
        plan = RunPlan(**json.loads(Path(PLAN).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return plan if plan.may_run else None


def read_now() -> Progress | None:
    """What the run last said of itself."""
    try:
        content = json.loads(Path(NOW).read_bytes())
        content["steps"] = tuple(StepProgress(**step) for step in content["steps"])
        content["running"] = tuple(Running(**job) for job in content["running"])
        return Progress(**content)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(path: str, content: object) -> None:
    try:
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    except OSError:
        return
