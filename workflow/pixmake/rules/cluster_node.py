"""A cluster node's part: of a plan it reads the jobs that its own cluster job runs, and nothing else.

The Snakemake that submits leaves the whole plan in one file when it starts. The one on a node, which
Snakemake starts again with the names of its rules, looks these up. So a node neither reads tables nor
asks sources, and starts as fast for ten thousand images as for ten. Jobs that become known later are not
in it: for those a node plans anew, from the config that stands there, since not every option that names
a config is handed on to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pixmake.base.files import written_whole
from pixmake.config.models import Config
from pixmake.job.finished_results import LOST, SUBMISSION, replaced
from pixmake.plan.plan import Job, Plan, PlannedStep
from pixmake.rules.schedulers import lost_state, lost_type, own_job
from pixmake.rules.submissions import (
    GIVEN_UP,
    SUBMISSIONS,
    jobs_named,
    log_of_job,
    note_submission,
    submission_of,
    submissions,
    words_after,
)

FOLDER = ".snakemake/pixmake"
PLAN = f"{FOLDER}/plan.pickle"
_NUMBER = struct.Struct("<Q")


def leave_plan(
    plan: Plan, jobs: Iterable[tuple[PlannedStep, Job]] | None = None, path: str | Path = PLAN
) -> None:
    """Write the plan for the nodes: its jobs one by one, then where each stands, and the config.

    Parameters
    ----------
    plan
        The plan.
    jobs
        Those that have a rule; default: all.
    path
        Where to write.
    """
    places: dict[str, tuple[int, str]] = {}
    if jobs is None:
        jobs = plan.jobs() if plan.containers is None else ()
    with written_whole(path) as temporary, temporary.open("wb") as file:
        for planned, job in jobs:
            places[job.rule] = file.tell(), planned.name
            pickle.dump(job, file)
        start = file.tell()
        pickle.dump((plan.config, plan.steps, plan.columns, places), file)
        file.write(_NUMBER.pack(start))


def read_plan(rules: Iterable[str], path: str | Path = PLAN) -> Plan | None:
    """The plan of some rules alone; nothing if it does not have all of them."""
    with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):
        with open(path, "rb") as file:
            config, steps, columns, places = _last(file)
            by_name = {planned.name: planned for planned in steps}
            jobs = []
            for rule in rules:
                if rule not in places:
                    return None
                offset, step = places[rule]
                file.seek(offset)
                jobs.append((by_name[step], pickle.load(file)))
        return Plan(config, (), steps, columns, planned_before=tuple(jobs))
    return None


def read_config(path: str | Path = PLAN) -> Config | None:
    """The config of the run that sent this cluster job, if it is there."""
    unreadable = (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError)
    with contextlib.suppress(*unreadable), open(path, "rb") as file:
        return _last(file)[0]
    return None


def _last(file: IO[bytes]) -> tuple[Config, tuple[PlannedStep, ...], Any, Mapping[str, tuple[int, str]]]:
    """What stands behind the jobs of a plan."""
    file.seek(-_NUMBER.size, os.SEEK_END)
    file.seek(_NUMBER.unpack(file.read())[0])
    last: tuple[Config, tuple[PlannedStep, ...], Any, Mapping[str, tuple[int, str]]] = pickle.load(file)
    return last


def enter(plan: Plan, attempt_number: int) -> None:
    """Say that this cluster job works on its images from now on, and find out what ended the last one."""
    enter_as(submission_of([job.rule for _, job in plan.jobs()]), attempt_number)


def enter_by_words(attempt_number: int) -> None:
    """The same where no plan was left, since a run has yet to find its images: by the command line."""
    jobs = jobs_named(sys.argv) if _option("--mode", sys.argv) == "remote" else []
    if jobs:
        enter_as(submission_of(jobs), attempt_number)


def enter_as(name: str, attempt_number: int) -> None:
    """The same for the jobs of one submission, by its name."""
    own = own_job()
    if own is None:
        return
    known = submissions(name)
    if own not in known:
        note_submission(name, *own)
    os.environ[SUBMISSION] = f"{os.path.abspath(Path(SUBMISSIONS) / name)}\n{' '.join(own)}"
    if replaced():
        print(f"pixmake: another cluster job has taken over from this one, {own[1]}", file=sys.stderr)
        raise SystemExit(1)
    earlier = [job for job in known if job not in (own, GIVEN_UP)]
    if attempt_number > 1 and earlier:
        scheduler, job_id = earlier[-1]
        ended = lost_state(scheduler, job_id)
        message = f"its cluster job ({scheduler} {job_id}) {ended.explanation or 'ended without a result'}"
        log = log_of_job(job_id)
        message += f"; its log: {log}" if log else ""
        os.environ[LOST] = json.dumps([lost_type(ended), message])


def allowed_rules(words: Sequence[str] | None = None) -> list[str]:
    """The rules that this Snakemake was started for, if it runs on a node."""
    words = sys.argv if words is None else words
    if _option("--mode", words) != "remote" or "--allowed-rules" not in words:
        return []
    return words_after("--allowed-rules", words)


def is_started_by_another(words: Sequence[str] | None = None) -> bool:
    """Whether this Snakemake was started by another one, for some of its jobs: on a node, or beside it."""
    return _option("--mode", sys.argv if words is None else words) in ("remote", "subprocess")


def attempt(words: Sequence[str] | None = None) -> int:
    """Which attempt at a cluster job this is."""
    return int(_option("--attempt", sys.argv if words is None else words) or 1)


def _option(name: str, words: Sequence[str]) -> str | None:
    return words[words.index(name) + 1] if name in words[:-1] else None
