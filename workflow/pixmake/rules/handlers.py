"""What happens when a run begins and ends, also where pixmake is a module of another workflow."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixmake.plan.plan import Plan
from pixmake.progress.exit_status import Ended, Outcome, conclude, stopped
from pixmake.progress.log_handler import Run, begin_run
from pixmake.rules import aggregate_rules, checkpoint_rules, image_rules
from pixmake.rules.pacing import pace

Handler = Callable[[str], None]
"""One of Snakemake's ``onstart``, ``onsuccess`` and ``onerror``: a function of the path of its log."""


@dataclass
class Chain:
    """Handlers that are called one after another: a workflow has room for one."""

    theirs: Handler
    """That of the Snakefile."""
    ours: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self, log: str) -> None:
        """Call all; that a run is to end with an error counts once all were called."""
        ends = None
        self.theirs(log)
        for handler in self.ours:
            try:
                handler()
            except SystemExit as wanted:
                ends = wanted
        if ends is not None:
            raise ends


def attend(workflow: Any, plan: Plan) -> None:
    """Have a run's begin and end told, and its exit status say whether images failed.

    Handlers of a module are not heard by Snakemake, and those of a Snakefile that includes ours replace them:
    so these stand beside whatever handlers there are, now or later.
    """
    if not workflow.is_main_process:
        return
    others = [] if hasattr(workflow, _ATTENDED) else [plan]
    setattr(workflow, _ATTENDED, True)
    runs: list[Run] = []

    def start() -> None:
        pace(workflow)
        image_rules.tell_notes(plan)
        image_rules.begin(plan, workflow)
        steps, over_several = image_rules.step_names(plan), image_rules.over_several(plan)
        runs.append(begin_run(workflow, plan.config.results, steps, over_several))

    def success() -> None:
        image_rules.end()
        ended = how_it_ended(workflow, plan, runs[0], others=bool(others))
        conclude(runs[0], ended, outcome_of(plan), plan.config.max_failures, plan.config.log_folder, plan.config.keep)

    def error() -> None:
        if runs:
            page_without_functions(workflow, plan)
            ended = how_it_ended(workflow, plan, runs[0], others=bool(others))
            stopped(runs[0], ended, outcome_of(plan), plan.config.max_failures, plan.config.log_folder)

    for name, handler in (("onstart", start), ("onsuccess", success), ("onerror", error)):
        _chain(workflow, name).ours.append(handler)
