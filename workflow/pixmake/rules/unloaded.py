"""A run whose step cannot load its models ends at once, also where its jobs run on a cluster.

The job that could not load them notes why (`pixmake.job.client`), and the Snakemake that submits looks there:
it would else send that job again, and all others.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

from pixmake.job.client import UNLOADED_NOTE
from pixmake.plan.plan import Plan
from pixmake.rules.snakemake_internals import end_submissions

LOOK_SECONDS = 0.5


def end_when_unloaded(plan: Plan, workflow: Any) -> None:
    """Look for such a note as long as this process lasts, if any step loads models.

    Parameters
    ----------
    workflow
        Snakemake's, in a handler ``onstart``: before that there is no scheduler.
    """
    Path(UNLOADED_NOTE).unlink(missing_ok=True)
    loading = [planned.name for planned in plan.steps if planned.work.get("load")]
    for name in loading:  # one node cannot know whether another one has written there by now
        Path(f"{plan.config.log_folder}/{name}.load.log").unlink(missing_ok=True)
    if loading:
        threading.Thread(target=_watch, args=(workflow,), daemon=True).start()


def why_unloaded() -> str:
    """Why a step's models could not be loaded; nothing as long as no job has said so."""
    with contextlib.suppress(OSError):
        return Path(UNLOADED_NOTE).read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    return ""


def _watch(workflow: Any) -> None:
    while not (why := why_unloaded()):
        time.sleep(LOOK_SECONDS)
    end_submissions(workflow, why)
