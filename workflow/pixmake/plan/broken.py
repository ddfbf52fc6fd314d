"""Results that a run has to make again though nothing tells Snakemake so.

It takes a result that is there for finished, and one that is missing for needless as long as what was made
of it is there: so a damaged record would stay, what was lost with the process that made it, and a record
without a file that its step names by now, for which it then forgets what else has changed. What
gathers the results of many jobs does not name each of them (`pixmake.rules.settled_rules`), so that these
have changed behind its back is seen here as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixmake.base.errors import PixmakeError
from pixmake.job.record import PREREQUISITE, failure_counts, read_record
from pixmake.job.whole_records import Stamp, records_read, why_broken
from pixmake.plan.file_states import Stamps, made_of, state_of
from pixmake.plan.found_images import found_path, found_plan
from pixmake.plan.plan import Plan, gathered_path

MISSING = "it is missing"
CHANGED = "what it is made of has changed"
FORGOTTEN = "it failed, and the list of failures does not say so"
MOST_NAMED = 3
"""Damaged results that are named; the others are counted."""


@dataclass(frozen=True)
class Gathered:
    """A file that a rule makes of the results of many jobs, and keeps the state of them."""

    path: str
    rule: str
    of: Sequence[str]
    """What it is made of."""


def broken_results(
    plan: Plan, outcome: Iterable[str], gathered: Iterable[Gathered] = (), stamps: Stamps | None = None
) -> dict[str, str]:
    """What is to be made again, with the reason of each.

    Parameters
    ----------
    plan
        The project's.
    outcome
        What is made of all records; it is missing only if it was there once.
    gathered
        What is made of the results of many jobs, and has to be made of them as they are.
    stamps
        The files as they were found, if they were looked at before.
    """
    results, stamps = plan.config.results, stamps or Stamps()
    read = records_read(results)
    found: dict[str, str] = {}
    for part in _parts(plan):
        found |= dict.fromkeys(_forgotten_failures(part), FORGOTTEN)
        found |= _broken_records(_doubtful_records(part), read)
        found |= dict.fromkeys(_without_files(part, stamps), MISSING)
        found |= dict.fromkeys(_lost_gatherings(part), MISSING)
    for each in gathered:
        if os.path.exists(each.path) and made_of(results, each.rule) != state_of(each.of, stamps):
            found[each.path] = CHANGED
    return found | _lost(outcome, read)


def broken_files(
    results: str, records: Mapping[str, Sequence[str]], outcome: Iterable[str]
) -> dict[str, str]:
    """What is to be made again where there is no plan.

    Parameters
    ----------
    results
        The folder of all results.
    records
        All of them, each with the files that stay beside it.
    outcome
        What is made of the records.
    """
    read = records_read(results)
    alone = [
        record
        for record, files in records.items()
        if not all(map(os.path.exists, files)) and os.path.exists(record)
    ]
    return _broken_records(records, read) | dict.fromkeys(alone, MISSING) | _lost(outcome, read)


def told(broken: Mapping[str, str]) -> list[str]:
    """What is made again, and why, in a line or two."""
    damaged = [f"{path} ({why})" for path, why in broken.items() if why not in (MISSING, CHANGED, FORGOTTEN)]
    lines = []
    if damaged:
        more = f" and {len(damaged) - MOST_NAMED} more" if len(damaged) > MOST_NAMED else ""
        lines.append(f"damaged, to be made again: {', '.join(damaged[:MOST_NAMED])}{more}")
    lost = list(broken.values()).count(MISSING)
    if lost:
        lines.append(f"{lost} {'result is' if lost == 1 else 'results are'} missing, to be made again")
    return lines


def _broken_records(records: Iterable[str], read: Mapping[str, Stamp]) -> dict[str, str]:
    """Records that cannot be used, or are gone though tables were made of them."""
    found = {}
    there: dict[str, set[str]] = {}
    for record in records:
        folder, _, name = record.rpartition("/")
        if folder not in there:  # one look at each folder, not an attempt to open each of ten thousand
            there[folder] = _names_in(folder)
        why = why_broken(record, read.get(record)) if name in there[folder] else ""
        if why or (record in read and not os.path.exists(record)):
            found[record] = why or MISSING
    return found


def _names_in(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder or "."))
    except OSError:
        return set()


def _lost(outcome: Iterable[str], read: Mapping[str, Stamp]) -> dict[str, str]:
    """What is made of all records and is not there, though it was."""
    outcome = list(outcome)
    missing = [path for path in outcome if not os.path.exists(path)]
    return dict.fromkeys(missing, MISSING) if read or len(missing) < len(outcome) else {}


def _doubtful_records(plan: Plan) -> Iterator[str]:
    """The records of all jobs but those that the index of records knows to be whole."""
    for planned in plan.steps:
        known = plan.known.get(planned.name, {})
        ids = (group.id for group in plan.levels.of(planned.name))
        for job_id, record in zip(ids, plan.records(planned.name), strict=True):
            if job_id not in known or not known[job_id].status:
                yield record


def _forgotten_failures(plan: Plan) -> Iterator[str]:
    """The records of jobs that failed by themselves and are not on the list of failures: that was not copied.

    With it Snakemake would be told that they are to run again; without it they would pass for done.
    """
    for planned in plan.steps:
        listed = failure_counts(plan.config.results, planned.name)
        for job_id, known in plan.known.get(planned.name, {}).items():
            if known.status == "failed" and job_id not in listed:
                (path, *_) = plan.results_of(planned.name, job_id)
                error = read_record(path).error
                if error is not None and error.type != PREREQUISITE:
                    yield path


def _without_files(plan: Plan, stamps: Stamps) -> Iterator[str]:
    """The records that are there without a file that their step names: it is gone, or is named since then."""
    for planned in plan.steps:
        if planned.temporary or not planned.step.files:
            continue
        known = plan.known.get(planned.name, {})
        for group in plan.levels.of(planned.name):
            if group.id in known:
                record, *files = plan.results_of(planned.name, group.id)
                if not all(stamps.of(path) or os.path.exists(path) for path in files):
                    yield record


def _lost_gatherings(plan: Plan) -> Iterator[str]:
    """The files with the results of all jobs of a step that are gone, though something was made of them."""
    for step in plan.gathered_steps():
        path = gathered_path(plan.config.results, step)
        users = [planned.name for planned in plan.steps if step in planned.step.needs_all]
        if not os.path.exists(path) and any(os.path.exists(r) for user in users for r in plan.records(user)):
            yield path


def _parts(plan: Plan) -> Iterator[Plan]:
    if plan.containers is None:
        yield plan
        return
    yield plan.containers
    if Path(found_path(plan.config.results)).exists():
        try:
            yield found_plan(plan.config)
        except PixmakeError:
            return  # the run says it
