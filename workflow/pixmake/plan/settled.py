"""Which jobs are settled: made of exactly what they would be made of now, so that no run would do them again.

Ten thousand jobs that have nothing to do cost Snakemake more than one that has. So those that are settled get
no rule. That is decided by what their records say, of which one index is kept, and by the dates of files. It
is never more generous than Snakemake, which decides on all others.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from pixmake.job.task import task_digest
from pixmake.plan.file_states import Stamps, made_of, state_of
from pixmake.plan.plan import Job, Plan, gathered_path, gathering_rule

INCOMPLETE = Path(".snakemake/incomplete")
"""Where Snakemake notes the files of jobs that it has begun and not seen end."""


@dataclass(frozen=True)
class Standing:
    """What a run would find: which jobs are settled, and the files as they are."""

    settled: Mapping[str, frozenset[str]]
    """By step the ids of its jobs that are settled."""
    stamps: Stamps = field(default_factory=Stamps)

    def is_settled(self, step: str, job_id: str) -> bool:
        """Whether a job has nothing to do."""
        return job_id in self.settled.get(step, ())


NOTHING = Standing({})
"""Where nothing is settled: all jobs have rules."""


def standing(plan: Plan) -> Standing:
    """Which jobs of a plan are settled.

    A job is settled if its record says that it went well, by exactly this task, of exactly these needed
    files, by exactly this rule; if all that it needs is settled and not newer than what it has made; and if
    all that it has made is there.
    """
    stamps = Stamps()
    if plan.containers is not None or any(planned.temporary for planned in plan.steps):
        return Standing({}, stamps)
    needed = {need for each in plan.steps for need in (*each.step.needs, *each.step.needs_all)}
    incomplete = _incomplete()
    settled: dict[str, set[str]] = {}
    dates: dict[str, int] = {}
    for step, jobs in groupby(plan.jobs(), key=lambda pair: pair[0].name):
        known, found = plan.known.get(step, {}), set[str]()
        for planned, job in jobs:
            record = known.get(job.task.id)
            if record is None or record.status != "ok":
                continue
            stamps.known[job.record] = (record.size, record.mtime_ns)
            made = _made(job, stamps)
            if made is None or not incomplete.isdisjoint(made):
                continue
            oldest = min(made.values())
            of = (*job.needed, *job.gathered)
            if any(dates.get(path, oldest + 1) > oldest for path in of):
                continue
            if record.task == task_digest(job.task.as_json(), of, planned.rule):
                found.add(job.task.id)
                if step in needed:
                    dates |= made
        settled[step] = found
        if step in plan.gathered_steps():
            dates |= _gathered(plan, step, found, stamps)
    return Standing({step: frozenset(ids) for step, ids in settled.items()}, stamps)


def _made(job: Job, stamps: Stamps) -> dict[str, int] | None:
    """The dates of what a job has made; nothing if any of it is missing."""
    made = {}
    for path in (job.record, *job.files):
        stamp = stamps.of(path)
        if stamp is None:
            return None
        made[path] = stamp[1]
    return made


def _gathered(plan: Plan, step: str, settled: Container[str], stamps: Stamps) -> dict[str, int]:
    """The date of a step's gathered results, if they are those of its jobs, of which all are settled."""
    results = plan.config.results
    path = gathered_path(results, step)
    stamp = stamps.of(path)
    if stamp is None or not all(group.id in settled for group in plan.levels.of(step)):
        return {}
    state = state_of([*plan.records(step), *plan.files(step)], stamps)
    return {path: stamp[1]} if state == made_of(results, gathering_rule(step)) else {}


def _incomplete() -> set[str]:
    """The files whose jobs Snakemake has begun and not seen end."""
    found = set()
    for folder, _, names in os.walk(INCOMPLETE):
        parts = [part.removeprefix("@") for part in Path(folder).relative_to(INCOMPLETE).parts]
        for name in names:
            encoded = "".join([*parts, name])
            found.add(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode(errors="replace"))
    return found
