"""A run whose jobs its cluster refuses ends, before it has offered all of them."""

from __future__ import annotations

from typing import Any

from pixmake.rules.snakemake_internals import submit_while
from pixmake.rules.submissions import refusals
from pixmake.rules.unloaded import why_unloaded

MOST = 2
"""So many submissions that no other can mend, and none is tried any more."""


def end_when_refused(workflow: Any) -> None:
    """End a run when its scheduler has refused jobs for what stands in a profile or a config.

    By itself Snakemake submits all jobs that are ready, and again those that failed.

    Parameters
    ----------
    workflow
        Snakemake's, in a handler ``onstart``: before that there is no scheduler.
    """
    if not workflow.local_exec and workflow.executor_plugin.name == "cluster-generic":
        submit_while(workflow, _why_not)


def _why_not() -> str:
    """Why no more jobs are to be sent; nothing if they are. What the scheduler said has been told."""
    if why := why_unloaded():
        return why
    return (
        "no more jobs are sent, since the cluster refuses them: see above" if len(refusals()) >= MOST else ""
    )
