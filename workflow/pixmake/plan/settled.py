"""Which jobs are settled: made of exactly what they would be made of now, so that no run would do them again.

Ten thousand jobs that have nothing to do cost Snakemake more than one that has. So those that are settled get
no rule. That is decided by what their records say, of which one index is kept, and by the dates of files. It
is never more generous than Snakemake, which decides on all others.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pixmake.job.task import task_digest
from pixmake.plan.file_states import Stamps, made_of, state_of
from pixmake.plan.plan import Job, Plan, PlannedStep, gathered_path, gathering_rule
from pixmake.plan.record_index import Known
from pixmake.plan.same_tasks import SameTasks
from pixmake.table.arrivals import failures_to_retry

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
    all that it has made is there, but for files that are removed once they have been used, unless they are
    needed again.
    """
    stamps = Stamps()
    if plan.containers is not None:
        return Standing({}, stamps)
    needed = {need for each in plan.steps for need in (*each.step.needs, *each.step.needs_all)}
    incomplete = _incomplete()
    settled: dict[str, set[str]] = {}
    dates: dict[str, int] = {}
    removed = _Removed()
    for planned in plan.steps:
        step, found = planned.name, set[str]()
        for job_id, made, of, same in _finished(plan, planned, stamps):
            if not incomplete.isdisjoint(made):
                continue
            oldest = min(made.values())
            if any(dates.get(path, oldest + 1) > oldest for path in of if path not in removed.files):
                continue
            if same():
                found.add(job_id)
                if step in needed:
                    dates |= made
                if _is_removed(planned):
                    removed.files.update(dict.fromkeys(plan.results_of(step, job_id)[1:], (step, job_id)))
        settled[step] = found
        if step in plan.gathered_steps():
            dates |= _gathered(plan, step, found, stamps)
    if removed.files:
        _with_what_they_need(plan, settled, removed)
    return Standing({step: frozenset(ids) for step, ids in settled.items()}, stamps)


@dataclass
class _Removed:
    """Files that were removed once all jobs that need them were done; see ``keep``."""

    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By path the step and the id of the settled job that had made it."""


def _is_removed(planned: PlannedStep) -> bool:
    return planned.temporary and bool(planned.step.files)


def _with_what_they_need(plan: Plan, settled: Mapping[str, set[str]], removed: _Removed) -> None:
    """Unsettle what has to run again for its files that were removed, and all that needs it then.

    As Snakemake does it: a job that runs has those run that make what it lacks, and what a job makes has all
    run that need it.
    """
    needs: dict[tuple[str, str], Sequence[str]] = {}
    users: dict[str, list[tuple[str, str]]] = {}
    for planned, job in plan.jobs():
        each = planned.name, job.task.id
        needs[each] = (*job.needed, *job.gathered)
        for path in needs[each]:
            users.setdefault(path, []).append(each)
    results, of_all = plan.config.results, plan.gathered_steps()
    queue = [each for each in needs if each[1] not in settled[each[0]]]
    while queue:
        each = step, job_id = queue.pop()
        makers = [removed.files[path] for path in needs[each] if path in removed.files]
        made = [*plan.results_of(step, job_id), *([gathered_path(results, step)] if step in of_all else ())]
        for other in (*makers, *(user for path in made for user in users.get(path, ()))):
            if other[1] in settled[other[0]]:
                settled[other[0]].discard(other[1])
                queue.append(other)


_Finished = tuple[str, Mapping[str, int], Sequence[str], Callable[[], bool]]
"""A job that went well: its id, the dates of what it has made, what it was made of, and whether its task is
that of its record."""


def _finished(plan: Plan, planned: PlannedStep, stamps: Stamps) -> Iterator[_Finished]:
    """The jobs of a step whose records say that they went well, and of which all is there that they made."""
    step, known, known_same = planned.name, plan.known.get(planned.name, {}), set[str]()
    same = SameTasks(plan, planned)
    tokens: dict[str, bytes | None] = {}
    failures = failures_to_retry(plan.config.results, step) if plan.is_alone(planned) else {}
    for group in plan.levels.of(step) if plan.is_alone(planned) else ():
        record = known.get(group.id)
        if record is None or record.status != "ok" or failures.get(group.id):
            continue
        token = tokens[group.id] = same.token(group, record)
        if same.holds(token):
            known_same.add(group.id)
            made = _made(planned, plan.results_of(step, group.id), record, stamps)
            if made is not None:
                yield group.id, made, plan.needed(planned, group.id), _yes
    for _, job in plan.jobs(step=step, without={step: known_same}):
        record = known.get(job.task.id)
        if record is None or record.status != "ok":
            continue
        made = _made(planned, [job.record, *job.files], record, stamps)
        if made is not None:
            of = (*job.needed, *job.gathered)
            yield job.task.id, made, of, partial(_is_same, planned, job, of, record, same, tokens)
    same.keep()


def _yes() -> bool:
    return True


def _is_same(
    planned: PlannedStep,
    job: Job,
    of: Sequence[str],
    record: Known,
    same: SameTasks,
    tokens: Mapping[str, bytes | None],
) -> bool:
    """Whether a job's task is that of its record, which is noted if so."""
    if record.task != task_digest(job.task.as_json(), of, planned.rule):
        return False
    same.note(tokens.get(job.task.id))
    return True


def _made(
    planned: PlannedStep, results: Sequence[str], record: Known, stamps: Stamps
) -> dict[str, int] | None:
    """The dates of what a job has made; nothing if any of it is missing.

    Files that are removed once they have been used are missing rightly; where one is there, a run has not
    come to that, and Snakemake sees to it.
    """
    stamps.known[results[0]] = (record.size, record.mtime_ns)
    if _is_removed(planned):
        left = any(stamps.of(path) is not None for path in results[1:])
        return None if left else {results[0]: record.mtime_ns}
    made = {}
    for path in results:
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
