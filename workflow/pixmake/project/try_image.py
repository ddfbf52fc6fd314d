"""One image tried out: its steps run at once, beside the results, or written as a notebook to work in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.files import written_whole
from pixmake.job import client
from pixmake.job import warm_server as worker
from pixmake.job.record import Record, read_record
from pixmake.job.run import call_of, gathered_for, parse_job
from pixmake.plan.plan import Job, Plan, PlannedStep
from pixmake.project.job_notebook import notebook_of
from pixmake.rules.image_rules import words

FOLDER = ".snakemake/pixmake/try"
"""Where a tried image's results and logs lie, so that no run takes them for its own."""


@dataclass(frozen=True)
class Tried:
    """A step that was run on the image."""

    record: Record
    path: str
    log: str


def try_image(plan: Plan, job_id: str, step: str | None = None) -> Iterator[Tried]:
    """Run the steps of one image, in order; they stop at the first that fails.

    Parameters
    ----------
    plan
        The project's plan.
    job_id
        The image's id.
    step
        The last step to run, after those that it needs; default: all steps.

    Raises
    ------
    PixmakeError
        There is no such image or step, or a step runs in an environment that Snakemake makes.
    """
    return _run(_jobs(plan, job_id, step))


def write_notebook(plan: Plan, job_id: str, step: str | None = None) -> Path:
    """Write a notebook with one image's inputs loaded, to prototype a step in.

    The steps that it needs are run first, so that their files are there.

    Returns
    -------
    Path
        The notebook, in the working directory.

    Raises
    ------
    PixmakeError
        There is no such image or step, a needed step failed, or the notebook is there already.
    """
    *before, (planned, job) = _jobs(plan, job_id, step)
    path = Path(f"try_{planned.name}_{job_id}.ipynb")
    if path.exists():
        raise PixmakeError([Problem("is there already", str(path), "rename it, or remove it")])
    for tried in _run(before):
        if tried.record.error is not None:
            what = f"{tried.record.step} failed: {tried.record.error.message}"
            raise PixmakeError([Problem(what, tried.log)])
    Path(job.record).parent.mkdir(parents=True, exist_ok=True)
    parsed = parse_job(_words(planned, job))
    call = call_of(parsed, planned.step.threads, gathered_for(parsed))
    with written_whole(path) as temporary:
        text = json.dumps(notebook_of(call), indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def shown(record: Record) -> Iterator[str]:
    """A record's measurements and files, or its error, as lines for a person."""
    if record.error is not None:
        yield record.error.traceback.rstrip() or f"{record.error.type}: {record.error.message}"
        return
    for name, content in record.measurements.items():
        unit = f" {content['unit']}" if content.get("unit") else ""
        yield f"  {name} = {_short(content['value'])}{unit}"
    for name, path in record.files.items():
        yield f"  {name}: {path}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _run(jobs: Iterable[tuple[PlannedStep, Job]]) -> Iterator[Tried]:
    for planned, job in jobs:
        given = _words(planned, job)
        for path in (job.log, job.record):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).unlink(missing_ok=True)
        os.environ["OMP_NUM_THREADS"] = str(planned.placement.threads)
        reply = worker.run_plain(given, os.getppid())
        status = int(reply.split(" ", 1)[0])
        if status == worker.TOLD or not client.is_ours(status, given):
            worker.explain(given, reply)
        tried = Tried(read_record(job.record), job.record, job.log)
        yield tried
        if tried.record.error is not None:
            return


def _words(planned: PlannedStep, job: Job) -> list[str]:
    """The words of a job that is not tried again, and leaves a record when it fails."""
    once = planned.step.model_copy(update={"retries": 0})
    return words(replace(planned, step=once, keeps_going=True), job)


def _jobs(plan: Plan, job_id: str, step: str | None) -> list[tuple[PlannedStep, Job]]:
    """The jobs of one image, with their results in a place of their own."""
    groups = {group.id: group for group in plan.groups}
    if job_id not in groups:
        raise PixmakeError([Problem(f"there is no image {job_id!r}", hint=nearest(job_id, groups))])
    names = [planned.name for planned in plan.steps]
    if step is not None and step not in names:
        raise PixmakeError([Problem(f"there is no step {step!r}", hint=nearest(step, names))])
    of_one = [
        planned.name for planned in plan.steps if planned.step.terms is None and not planned.step.needs_all
    ]
    wanted = _needed(plan, step) if step else set(of_one)
    steps = tuple(planned for planned in plan.steps if planned.name in wanted)
    problems = []
    for planned in steps:
        if planned.name not in of_one:
            problems.append(
                Problem(f"step {planned.name} works on several images", hint="run Snakemake for it")
            )
        if planned.step.conda or planned.step.container:
            what = f"step {planned.name} runs in an environment that Snakemake makes"
            problems.append(Problem(what, hint="run Snakemake for it"))
    if problems:
        raise PixmakeError(problems)
    config = plan.config.model_copy(update={"results": FOLDER})
    aside = replace(plan, config=config, steps=steps, groups=(groups[job_id],))
    return [(planned, replace(job, log=f"{FOLDER}/{job.log}")) for planned, job in aside.jobs()]


def _needed(plan: Plan, step: str) -> set[str]:
    each = plan.config.steps[step]
    return {step}.union(*(_needed(plan, need) for need in (*each.needs, *each.needs_all)))
