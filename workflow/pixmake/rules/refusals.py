"""A run whose jobs its cluster refuses ends, before it has offered all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pixmake.rules.submissions import refusals

MOST = 2
"""So many submissions that no other can mend, and none is tried any more."""


def end_when_refused(workflow: Any) -> None:
    """End a run when its scheduler has refused jobs for what stands in a profile or a config.

    By itself Snakemake submits all jobs that are ready, and those that failed again.

    Parameters
    ----------
    workflow
        Snakemake's, in a handler ``onstart``: before that there is no scheduler.
    """
    if workflow.local_exec or workflow.executor_plugin.name != "cluster-generic":
        return
    from snakemake_interface_common.exceptions import WorkflowError

    scheduler = workflow.scheduler
    executor = scheduler._executor
    run_jobs = executor.run_jobs

    def run_until_refused(jobs: Sequence[Any]) -> None:
        for job in jobs:
            said = refusals()
            if len(said) >= MOST:
                if executor.active_jobs:
                    executor.cancel_jobs(list(executor.active_jobs))
                told = f"The cluster refuses the jobs of this run, so no more are sent: {said[-1]}"
                scheduler.executor_error_callback(WorkflowError(told))
                return
            run_jobs([job])

    executor.run_jobs = run_until_refused
