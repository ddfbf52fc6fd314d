"""What a project's folder knows of cluster jobs: which works on what, where its log is, what was refused.

`pixmake scheduler submit` is a process of its own for each job, as is the Snakemake on a node, so that files
are what they know of each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

SUBMISSIONS = ".snakemake/pixmake/submissions"
"""A file for each cluster job, see `submission_of`: a line with scheduler and id for each submission."""

GIVEN_UP = ("-", "-")
"""Stands for a cluster job behind those of a run that was killed: none of them is to write any more."""

CLUSTER_LOGS = ".snakemake/pixmake/cluster_logs"
"""A file for each submission, called as its id, that names its log."""

REFUSED = ".snakemake/pixmake/refused"
"""A line for each submission of a run that was refused for what all that are alike say."""

SETTLE_SECONDS = 30.0
"""How long a job may be unknown to its scheduler after it was submitted."""


def jobs_named(words: Sequence[str]) -> list[str]:
    """The jobs that a command line of Snakemake's on a node names: by their rules, or with their wildcards.

    Of images that a run finds all jobs of a step have one rule, so that a rule alone tells none.
    """
    targets = words_after("--target-jobs", words)
    if any(not target.endswith(":") for target in targets):
        return targets
    return words_after("--allowed-rules", words) or [target.removesuffix(":") for target in targets]


def words_after(option: str, words: Sequence[str]) -> list[str]:
    """The values of an option of a command line, up to the next option."""
    if option not in words:
        return []
    rest = words[words.index(option) + 1 :]
    end = next((number for number, word in enumerate(rest) if word.startswith("-")), len(rest))
    return list(rest[:end])


def submission_of(jobs: Sequence[str]) -> str:
    """What the file of a cluster job is called: by one of its jobs, the same at each attempt.

    Not its group: without `group-components` Snakemake makes several cluster jobs of one group.
    """
    name = min(jobs)
    if re.fullmatch(r"\w+", name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9_=-]+', '_', name)[:80]}_{digest}"


def note_submission(name: str, scheduler: str, job_id: str, log: str = "") -> None:
    """Keep which cluster job it is that works on some images from now on, and where its log is."""
    if log:
        note = Path(CLUSTER_LOGS) / job_id
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(log, encoding="utf-8")
    path = Path(SUBMISSIONS) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, f"{scheduler} {job_id}\n".encode())
    finally:
        os.close(handle)


def give_up_submissions() -> None:
    """Have no cluster job that was sent so far write anything, wherever it goes on.

    The next run packs its images anew, so that the file of a job's images need not be that of the job
    which replaces it.
    """
    for path in Path(SUBMISSIONS).glob("*"):
        if submissions(path.name)[-1:] != [GIVEN_UP]:
            note_submission(path.name, *GIVEN_UP)


def submissions(name: str) -> list[tuple[str, str]]:
    """The cluster jobs that worked on some images, as scheduler and id, the latest at the end."""
    try:
        lines = (Path(SUBMISSIONS) / name).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [(scheduler, job_id) for scheduler, _, job_id in (line.partition(" ") for line in lines)]


def log_of_job(job_id: str) -> str:
    """Where a scheduler writes what a cluster job prints; nothing if that is not known."""
    try:
        return (Path(CLUSTER_LOGS) / job_id).read_text(encoding="utf-8")
    except OSError:
        return ""


def note_refusal(said: str) -> None:
    """Keep that a scheduler will take no job of this kind."""
    Path(REFUSED).parent.mkdir(parents=True, exist_ok=True)
    with Path(REFUSED).open("a", encoding="utf-8") as lines:
        lines.write(" ".join(said.split()) + "\n")


def refusals() -> list[str]:
    """What a scheduler has said in this run to jobs that it will not take."""
    try:
        return Path(REFUSED).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def forget_refusals() -> None:
    """At the begin of a run."""
    Path(REFUSED).unlink(missing_ok=True)


def is_recent(job_id: str) -> bool:
    """Whether a job was submitted a moment ago, so that not every query need know it yet."""
    for path in Path(SUBMISSIONS).glob("*"):
        with contextlib.suppress(OSError):
            recent = time.time() - path.stat().st_mtime < SETTLE_SECONDS
            if recent and any(known == job_id for _, known in submissions(path.name)):
                return True
    return False
