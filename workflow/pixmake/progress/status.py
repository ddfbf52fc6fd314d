"""What is done, what failed and what is to do, from the files on disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.config.models import Config
from pixmake.images.remote.objects import configure
from pixmake.job.record import failure_counts, note_failure, read_content
from pixmake.plan.containers import container_config, found_config
from pixmake.plan.found_images import found_path, has_rows
from pixmake.plan.plan import record_path, selected_table
from pixmake.plan.record_index import known_records
from pixmake.results.image_counts import counted_file, read_counts
from pixmake.table.arrivals import ASKED
from pixmake.table.groups import make_groups
from pixmake.table.per_groups import Levels, make_levels

LOG_END = 100_000
"""Bytes at a log's end in which the line is looked for that says why a job failed."""


@dataclass(frozen=True)
class Count:
    """How far one step is."""

    done: int
    failed: int
    to_do: int
    empty: int = 0
    """Of those that are done, the ones that measured nothing, as of when the tables were last made."""


def project_status(config: Config) -> dict[str, Count]:
    """How far each step is, by what its records say: a changed image or param is not looked for.

    Records that are as they were at the last look are not opened: so this is quick for many images.
    """
    counts = {}
    counted = read_counts(config.results)
    empty = counted.empty if counted is not None else {}
    for part, levels in project_parts(config):
        for step in part.steps:
            ids = [group.id for group in levels.of(step)]
            states = job_states(part, step, set(ids))
            done = {job_id for job_id in ids if states.get(job_id) == "ok"}
            failed = sum(1 for job_id in ids if states.get(job_id) == "failed")
            nothing = _still_empty(part.results, step, done.intersection(empty.get(step, ())))
            counts[step] = Count(len(done), failed, len(ids) - len(done) - failed, nothing)
    return counts


def job_states(config: Config, step: str, ids: Collection[str]) -> dict[str, str]:
    """What the record of each job of a step says, ``ok`` or ``failed``; of one that cannot be used nothing.

    The list of failures would not do: a job that was left out is not on it, and what copies a project may
    leave out what is hidden. But a job that ended the run (``on_error: stop``) has no record.
    """
    states: dict[str, str] = {}
    for job_id, known in known_records(config.results, step, ids).items():
        states[job_id] = known.status or _status(record_path(config.results, step, job_id))
    ended = {} if config.keeps_going(config.steps[step]) else failure_counts(config.results, step)
    for job_id in ended.keys() & set(ids):
        if job_id not in states and _log_ends_in_failure(config, step, job_id):
            states[job_id] = "failed"
    return {job_id: state for job_id, state in states.items() if state}


def _log_ends_in_failure(config: Config, step: str, job_id: str) -> bool:
    """Whether a job's log says at its end that it failed: one that begins again begins a log, too."""
    log = f"{config.log_folder}/{step}/{job_id}.log"
    with contextlib.suppress(OSError), open(log, "rb") as content:
        content.seek(max(0, os.fstat(content.fileno()).st_size - LOG_END))
        return f"\n{step} {job_id}: ".encode() in b"\n" + content.read()
    return False


def _status(record: str) -> str:
    """What a record says that the index does not know, as one without an origin; nothing if it is none."""
    try:
        return str(read_content(record)["status"])
    except (OSError, ValueError):
        return ""


def _still_empty(results: str, step: str, ids: Iterable[str]) -> int:
    """How many jobs have the record still that was counted as empty; a newer one may say something else."""
    since = counted_file(results).stat().st_mtime if ids else 0.0
    count = 0
    for job_id in ids:
        with contextlib.suppress(OSError):
            count += os.stat(record_path(results, step, job_id)).st_mtime <= since
    return count


def failed_ids(config: Config, step: str) -> list[str]:
    """The jobs of a step that failed, or that a step they need did, by what their records say."""
    ids = record_ids(config.results, step) | failure_counts(config.results, step).keys()
    states = job_states(config, step, ids)
    return sorted(job_id for job_id, state in states.items() if state == "failed")


def project_parts(config: Config) -> list[tuple[Config, Levels]]:
    """A project with the jobs of each step; where images are found in files, these files' part comes first.

    Raises
    ------
    PixmakeError
        The table cannot be used, or not with the terms of the steps.
    """
    if config.images.checkpoint is None:
        return [(config, _levels(config))]
    holding = container_config(config)
    table = found_path(config.results)
    found = found_config(config, table)
    return [
        (holding, _levels(holding)),
        (found, _levels(found) if has_rows(table) else Levels((), {})),
    ]


def _levels(config: Config) -> Levels:
    configure(config.storage.given())
    table = selected_table(config.images)
    return make_levels(config, make_groups(table, config.images), table.columns)


def ask_again(config: Config, ids: Sequence[str], step: str | None) -> int:
    """Have jobs run again in the next run.

    Returns
    -------
    int
        The number of images.

    Raises
    ------
    PixmakeError
        A step or an id that the project does not have.
    """
    parts = project_parts(config)
    jobs = {name: {group.id for group in levels.of(name)} for part, levels in parts for name in part.steps}
    known = set().union(*(jobs[name] for name in ([step] if step in jobs else jobs)))
    problems = [
        Problem(
            f"no image has the id {job_id!r}",
            hint=nearest(job_id, known) if len(known) < 1000 else "",
        )
        for job_id in ids
        if job_id not in known
    ]
    if step is not None and step not in jobs:
        problems.append(Problem(f"there is no step {step!r}", hint=nearest(step, jobs)))
    if problems:
        raise PixmakeError(problems)
    asked = set()
    owners = {name: part for part, _ in parts for name in part.steps}
    for name, part in owners.items():
        if step not in (None, name):
            continue
        for job_id in ids or failure_counts(config.results, name):
            if job_id in jobs[name] and (ids or job_id in failed_ids(part, name)):
                note_failure(config.results, name, job_id, ASKED)
                asked.add(job_id)
    return len(asked)


def record_ids(results: str, step: str) -> set[str]:
    """The jobs of a step that have a record, whatever it says."""
    try:
        names = os.listdir(f"{results}/{step}")
    except FileNotFoundError:
        return set()
    return {name.removesuffix(".json") for name in names if name.endswith(".json")}
