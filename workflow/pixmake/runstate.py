"""The state of a run on disk, for those who look at it from another terminal or another machine."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pixmake.records import written_whole
from pixmake.tally import Progress, Running, StepProgress

STATE = ".snakemake/pixmake/progress.json"

State = Literal["running", "ended"]


@dataclass(frozen=True)
class RunState:
    """What a run last said of itself."""

    state: State
    host: str
    pid: int
    updated: float
    """Seconds since the epoch."""
    progress: Progress


def write_state(progress: Progress, state: State) -> None:
    """Note how far the run of this process is. A disk that is full does not end a run."""
    said = RunState(state, platform.node(), os.getpid(), time.time(), progress)
    try:
        with written_whole(STATE) as temporary:
            temporary.write_text(json.dumps(asdict(said), ensure_ascii=False), encoding="utf-8")
    except OSError:
        return


def read_state() -> RunState | None:
    """What the last run of this project said of itself; nothing if there was none."""
    try:
        content = json.loads(Path(STATE).read_bytes())
        progress = content.pop("progress")
        progress["steps"] = tuple(StepProgress(**step) for step in progress["steps"])
        progress["running"] = tuple(Running(**job) for job in progress["running"])
        return RunState(**content, progress=Progress(**progress))
    except (OSError, ValueError, TypeError, KeyError):
        return None
