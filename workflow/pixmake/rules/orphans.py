"""Cluster jobs that a killed Snakemake left behind: they are ended before their work is sent again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from pixmake.rules.schedulers import SCHEDULERS, own_job, state
from pixmake.rules.submissions import SUBMISSIONS, submissions

WAIT_SECONDS = 90.0
_OURS = re.compile(r"pixmake-|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
"""What jobs of ours are called: by `pixmake scheduler`, and by Snakemake's plugin for SLURM."""


def cancel_orphans() -> list[str]:
    """Cancel the cluster jobs of earlier runs in this folder, and wait until they have ended.

    To be called while no other Snakemake works here. What they had finished is kept; see
    `pixmake.job.finished_results`.

    Returns
    -------
    list of str
        Their ids.
    """
    found = {"slurm": _in_slurm_queue()}
    for path in Path(SUBMISSIONS).glob("*"):
        for name, job_id in submissions(path.name)[-1:]:
            if name in SCHEDULERS and name != "slurm" and state(name, job_id).phase == "running":
                found.setdefault(name, []).append(job_id)
    cancelled = []
    for name, ids in found.items():
        ids = [job_id for job_id in ids if (name, job_id) != own_job()]
        if ids:
            print(f"pixmake: ending {len(ids)} cluster jobs of a run that was killed", file=sys.stderr)
            subprocess.run([SCHEDULERS[name].cancel, *ids], check=False, capture_output=True)
            _wait_until_gone(name, ids)
            cancelled += ids
    return cancelled


def _wait_until_gone(name: str, ids: list[str]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        there = (
            _in_slurm_queue() if name == "slurm" else [i for i in ids if state(name, i).phase == "running"]
        )
        if not set(ids) & set(there):
            return
        time.sleep(0.5)


def _in_slurm_queue() -> list[str]:
    """Jobs of this user that were sent from this folder, and have not ended to the last process."""
    try:
        listed = subprocess.run(
            ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    here = os.path.realpath(".")
    rows = [line.split("|", 2) for line in listed.splitlines() if line.count("|") >= 2]
    return [job_id for job_id, name, folder in rows if _OURS.match(name) and os.path.realpath(folder) == here]
