"""How often Snakemake's scheduler looks for jobs to start."""

from __future__ import annotations

from typing import Any

DEFAULT = (100, 1)
"""Snakemake's own limit: so many starts of jobs in so many seconds."""


def pace(workflow: Any) -> None:
    """Take Snakemake's default limit of job starts from a run on this machine.

    With a limit each round of the scheduler asks for one more a second later, whether or not a job had to
    wait for that. So their number a second grows with each job that ended, for as long as a run lasts, until
    they need a core of their own (docs/upstream.md). The limit is meant for clusters, but none of
    Snakemake's options turns it off. A limit that is not the default one stays, and so does a cluster's.

    Those rounds had one use: where ``scheduler-subsample`` is smaller than the number of cores, one round
    cannot fill them all. So it is made as large as that.

    Parameters
    ----------
    workflow
        Snakemake's, in a handler ``onstart``: before that there is no scheduler, nor any of its settings.
    """
    scheduler, cores = workflow.scheduler, workflow.resource_settings.cores
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if not workflow.local_exec or scheduler.job_rate_limiter is None or cores is None:
        return
    if (limit.max_jobs, limit.timespan) != DEFAULT:
        return
    scheduler.job_rate_limiter = None
    if scheduler.subsample is not None:
        scheduler.subsample = max(scheduler.subsample, cores)
