"""How far a project is, while it runs on this machine or on a cluster: from what is on disk."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, replace

from pixmake.config.models import Config
from pixmake.job.record import FAILURES
from pixmake.progress.display import LiveDisplay, one_line
from pixmake.progress.run_state import RunPlan, read_now, read_plan
from pixmake.progress.status import Count, project_status
from pixmake.progress.tally import Progress, StepProgress

SECONDS = 2.0
"""Between two looks; longer where a look takes long, so that a file server is not kept busy."""


def follow(config: Config, as_json: bool) -> None:
    """Show a run until it ends; without one, wait for it.

    On a terminal it is one display, elsewhere a line for each look at which something has changed.
    """
    display: LiveDisplay | None = None
    looks: deque[Progress] = deque(maxlen=1)
    told: object = None
    try:
        while True:
            looked = time.monotonic()
            plan = read_plan()
            if plan is None and looks:
                break
            if plan is not None:
                looks.append(run_progress(plan))
                latest = looks[-1]
                line = status_json(project_status(config), latest) if as_json else one_line(latest)
                if not as_json and sys.stdout.isatty():
                    display = display or LiveDisplay(lambda: looks[-1], sys.stdout)
                elif told != (latest.failed, latest.steps):
                    print(line, flush=True)
                told = latest.failed, latest.steps
            elif told is None:
                told = plan, ()
                print("no run is going on here; waiting for one", file=sys.stderr, flush=True)
            time.sleep(max(SECONDS, 5 * (time.monotonic() - looked)))
    except KeyboardInterrupt:
        return
    finally:
        if display is not None:
            display.stop()
    counts = project_status(config)
    if as_json:
        print(status_json(counts))
    else:
        print("\n".join(["The run has ended.", *status_table(counts)]))


def status_json(counts: Mapping[str, Count], run: Progress | None = None) -> str:
    """The counts of each step, and the run if there is one, as a line of JSON."""
    steps = {step: asdict(count) for step, count in counts.items()}
    return json.dumps({"steps": steps, "run": asdict(run) if run else None}, ensure_ascii=False)


def status_table(counts: Mapping[str, Count]) -> list[str]:
    """The counts of each step as lines of a table."""
    width = max(len("step"), *(len(step) for step in counts))
    lines = [f"{'step':<{width}}  {'done':>8}  {'failed':>8}  {'to do':>8}"]
    for step, count in counts.items():
        lines.append(f"{step:<{width}}  {count.done:>8}  {count.failed:>8}  {count.to_do:>8}")
    for step, count in counts.items():
        if count.empty:
            lines.append(f"{step}: {count.empty} of {count.done} measured nothing")
    return lines


def run_progress(plan: RunPlan) -> Progress:
    """How far a run is: a job is done when its record is newer than the run.

    So the images of a cluster job count while it still runs. What runs now, and the last failure, are as
    the run has last noted them.
    """
    steps: list[StepProgress] = []
    open_images: set[str] = set()
    lost: set[str] = set()
    asked: set[str] = set()
    to_do: set[str] = set()
    ended = jobs = 0
    for step in {**plan.done_before, **plan.to_run}:
        before, to_run = plan.done_before.get(step, ()), set(plan.to_run.get(step, ()))
        fresh = _newer(f"{plan.results}/{step}", ".json", plan.begun) & to_run
        failed = _newer(f"{plan.results}/{FAILURES}/{step}", "", plan.begun) & fresh
        jobs += len(to_run)
        ended += len(fresh)
        # a record of a job whose needed step failed is fresh, too: it says that there is nothing
        skipped = len((fresh - failed) & lost)
        if step not in plan.over_several:
            asked |= to_run.union(before)
            to_do |= to_run
            lost |= failed
            open_images |= to_run - fresh
        total = len(to_run) + len(before)
        steps.append(
            StepProgress(step, total, len(before) + len(fresh) - len(failed) - skipped, len(failed), skipped)
        )
    seconds = max(time.time() - plan.begun, 1e-3)
    now = read_now()
    rate = ended / seconds * len(to_do) / jobs if ended else None
    left = (jobs - ended) * seconds / ended if ended else None
    if (plan.finds and not asked) or (plan.submits and (now is None or now.left is None)):
        rate = left = None  # what has ended says nothing of what is to come
    progress = Progress(
        images=len(asked),
        done=len(asked - open_images - lost),
        failed=len(lost),
        before=len(asked - to_do),
        steps=tuple(steps),
        running=(),
        running_jobs=0,
        seconds=seconds,
        rate=rate,
        left=left,
        last_failure=None,
        finds=plan.finds,
    )
    if now is None:
        return progress
    return replace(
        progress, running=now.running, running_jobs=now.running_jobs, last_failure=now.last_failure
    )


def _newer(folder: str, suffix: str, than: float) -> set[str]:
    """The names of the files of a folder, without their suffix, that were written since a time."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return set()
    found = set()
    for entry in entries:
        if entry.name.endswith(suffix) and not entry.name.startswith("."):
            try:
                if entry.stat().st_mtime >= than:
                    found.add(entry.name.removesuffix(suffix))
            except FileNotFoundError:
                continue  # written under another name in this moment
    return found
