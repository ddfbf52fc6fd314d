"""One image tried out: its steps run at once, beside the results, or written as a notebook to work in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.files import duplicate, remove, written_whole
from pixmake.job import client
from pixmake.job import warm_server as worker
from pixmake.job.record import Record, read_record
from pixmake.job.run import call_of, gathered_for, parse_job
from pixmake.plan.plan import Job, Plan, PlannedStep, gathered_path
from pixmake.project.job_notebook import notebook_of
from pixmake.results.gathering import write_gathered
from pixmake.rules.checkpoint_rules import config_content
from pixmake.rules.image_rules import inputs_of_several, words
from pixmake.table.groups import Group

FOLDER = ".snakemake/pixmake/try"
"""Where a tried image's results lie, so that no run takes them for its own."""


@dataclass(frozen=True)
class Tried:
    """A step that was run on the image."""

    record: Record
    path: str
    log: str


Done = set[tuple[str, str]]
"""Jobs by step and id."""


def try_image(plan: Plan, job_id: str, step: str | None = None) -> Iterator[Tried]:
    """Run the steps of one image, in order; they stop at the first that fails.

    What they need of other images is run first, where no run has made it yet.

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
        There is no such image or step.
    """
    for tried in _run(_trial(plan, [job_id], step)):
        yield tried
        if tried.record.error is not None:
            return


def run_again(plan: Plan, ids: Collection[str], folder: str) -> Iterator[Tried]:
    """Run all steps of some images, one step after the other; one that fails ends nothing.

    What they need of other images is taken from the results, where it would come out the same.

    Parameters
    ----------
    plan
        The project's plan.
    ids
        The images.
    folder
        Where all that they make comes to lie.
    """
    return _run(_trial(plan, ids, None, folder))


def is_made_so(record: Record, job: Job) -> bool:
    """Whether a record is what a job would make.

    The task says all that decides a result, but for how often the job has failed and what it needs.
    """
    asked = json.loads(json.dumps(job.task.as_made()))
    told = dict(record.origin.get("task", {}))
    return bool({**asked, "failures": 0} == {**told, "failures": 0})


def try_variant(
    plan: Plan, jobs: Sequence[Group], step: str, changed: Collection[str], done: Done
) -> list[list[Tried]]:
    """Run a step for some jobs, with what they need: each once, unless what it is made of changes.

    Parameters
    ----------
    plan
        The project's plan, with other params for some steps.
    jobs, step
        Jobs of this step, each an image, a group of images, or what `per` puts together.
    changed
        The steps with other params, and all that need them.
    done
        The jobs that were run for an earlier variant; those of this one are added.

    Returns
    -------
    list
        What was run on each of the jobs; of a step with ``per`` that step alone.
    """
    trial = _trial_of(plan, jobs, step)
    run = _vary_by_snakemake if trial.by_snakemake else _vary
    told = run(trial, changed, done)
    of_several = plan.config.steps[step].terms is not None
    return [
        [each for each in told if each.record.id == job.id and (each.record.step == step or not of_several)]
        for job in jobs
    ]


def _vary_by_snakemake(trial: _Trial, changed: Collection[str], done: Done) -> list[Tried]:
    told = list(_run_by_snakemake(trial, {key for key in done if key[0] not in changed}))
    done |= trial.own
    return told


def _vary(trial: _Trial, changed: Collection[str], done: Done) -> list[Tried]:
    reused: Done = set()
    failed: set[str] = set()
    told = []
    for planned, job in trial.jobs:
        key = (planned.name, job.task.id)
        same = planned.name not in changed
        if same and key not in done and trial.needs[key] <= reused and _reuse(trial, job):
            reused.add(key)
            done.add(key)
        elif not (same and key in done):
            for need in planned.step.needs_all:
                write_gathered(trial.plan.records(need), gathered_path(FOLDER, need))
            _run_one(planned, job)
            done.add(key)
        tried = Tried(read_record(job.record), job.record, job.log)
        if key in trial.own and job.task.id not in failed:
            told.append(tried)
            if tried.record.error is not None:
                failed.add(job.task.id)
    return told


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
    trial = _trial(plan, [job_id], step)
    last = max(
        number for number, (each, job) in enumerate(trial.jobs) if (each.name, job.task.id) in trial.own
    )
    planned, job = trial.jobs[last]
    path = Path(f"try_{planned.name}_{job_id}.ipynb")
    if path.exists():
        raise PixmakeError([Problem("is there already", str(path), "rename it, or remove it")])
    before = replace(trial, jobs=trial.jobs[:last])
    for tried in _run(before):
        if tried.record.error is not None:
            what = f"{tried.record.step} failed: {tried.record.error.message}"
            raise PixmakeError([Problem(what, tried.log)])
    for need in planned.step.needs_all:
        write_gathered(trial.plan.records(need), gathered_path(FOLDER, need))
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
    for picture in record.run.get("pictures", ()):
        yield f"  picture: {picture}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _run(trial: _Trial) -> Iterator[Tried]:
    """Run what a trial takes; of other images' jobs nothing is told, as one that fails is only missing."""
    if trial.by_snakemake:
        yield from _run_by_snakemake(trial)
        return
    reused: set[tuple[str, str]] = set()
    gathered: set[str] = set()
    for planned, job in trial.jobs:
        key = (planned.name, job.task.id)
        is_own = key in trial.own
        if not is_own and trial.needs[key] <= reused and _reuse(trial, job):
            reused.add(key)
            continue
        for need in {*planned.step.needs_all} - gathered:  # its jobs are all done by now
            write_gathered(trial.plan.records(need), gathered_path(trial.folder, need))
            gathered.add(need)
        tried = _run_one(planned, job)
        if is_own:
            yield tried


def _run_one(planned: PlannedStep, job: Job) -> Tried:
    return Tried(run_words(_words(planned, job), planned.placement.threads), job.record, job.log)


def run_words(given: list[str], threads: int) -> Record:
    """Run a job by the words of its command, in a process of its own.

    Parameters
    ----------
    given
        See `pixmake.job.client`.
    threads
        For how many its libraries are set up.

    Returns
    -------
    Record
        What it left.
    """
    for path in given[4:6]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).unlink(missing_ok=True)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    reply = worker.run_plain(given, os.getppid())
    status = int(reply.split(" ", 1)[0])
    if status == worker.TOLD or not client.is_ours(status, given):
        worker.explain(given, reply)
    return read_record(given[5])


def _reuse(trial: _Trial, job: Job) -> bool:
    """Take what a run has made of another image, if it is what this job would make."""
    made, *files = (
        f"{trial.results}/{path.removeprefix(f'{trial.folder}/')}" for path in (job.record, *job.files)
    )
    try:
        record = read_record(made)
    except (OSError, ValueError):
        return False
    if not is_made_so(record, job) or not all(os.path.exists(path) for path in files):
        return False
    for source, target in zip([made, *files], [job.record, *job.files], strict=True):
        remove(target)
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        duplicate(source, target)
    return True


def _run_by_snakemake(trial: _Trial, kept: Collection[tuple[str, str]] = ()) -> Iterator[Tried]:
    """Have Snakemake run the jobs but those that are kept; it makes their environments first."""
    own = [(planned, job) for planned, job in trial.jobs if (planned.name, job.task.id) in trial.own]
    for planned, job in own:
        if (planned.name, job.task.id) not in kept:
            Path(job.record).unlink(missing_ok=True)
    config = Path(trial.folder) / "config.json"
    with written_whole(config) as temporary:
        temporary.write_text(json.dumps(config_content(trial.plan.config)), encoding="utf-8")
    steps = trial.plan.config.steps.values()  # a run asks for what any step needs
    methods = ["conda", "apptainer"] if any(step.container for step in steps) else ["conda"]
    words = ["--cores", "all", "--sdm", *methods, "--configfile", str(config), "--quiet", "all"]
    command = [sys.executable, "-m", "snakemake", *words, "--", *(job.record for _, job in own)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    for _, job in own:
        if not Path(job.record).exists():
            said = ended.stderr.strip().splitlines()[-20:]
            raise PixmakeError([Problem("\n".join(said) or "Snakemake made no result", "try")])
        yield Tried(read_record(job.record), job.record, job.log)


def _words(planned: PlannedStep, job: Job) -> list[str]:
    """The words of a job that is not tried again, and leaves a record when it fails."""
    once = planned.step.model_copy(update={"retries": 0})
    if job.members:
        inputs_of_several(job)  # writes the list of its images
    return words(replace(planned, step=once, keeps_going=True), job)


@dataclass(frozen=True)
class _Trial:
    """What it takes to try images: jobs of their own, and what they need of others."""

    plan: Plan
    """With results in a place of their own."""
    results: str
    """The folder of the project's results."""
    folder: str
    """That of the trial's."""
    jobs: list[tuple[PlannedStep, Job]]
    """Each after those that it needs."""
    own: frozenset[tuple[str, str]]
    """The step and id of those that are asked for."""
    needs: Mapping[tuple[str, str], frozenset[tuple[str, str]]]

    @property
    def by_snakemake(self) -> bool:
        """Whether a step runs in an environment that Snakemake makes."""
        return any(planned.step.conda or planned.step.container for planned, _ in self.jobs)


def _trial(plan: Plan, ids: Collection[str], step: str | None, folder: str = FOLDER) -> _Trial:
    """The jobs of some images and all that they need, with their results in a place of their own."""
    groups = {group.id: group for group in plan.groups}
    for job_id in ids:
        if job_id not in groups:
            raise PixmakeError([Problem(f"there is no image {job_id!r}", hint=nearest(job_id, groups))])
    return _trial_of(plan, [groups[job_id] for job_id in ids], step, folder)


def _trial_of(plan: Plan, jobs: Sequence[Group], step: str | None, folder: str = FOLDER) -> _Trial:
    """The same, of images or of jobs of the step, which may be over several."""
    names = [planned.name for planned in plan.steps]
    if step is not None and step not in names:
        raise PixmakeError([Problem(f"there is no step {step!r}", hint=nearest(step, names))])
    levels, index = plan.levels, plan.levels.index()
    steps = {planned.name: planned.step for planned in plan.steps}
    of_images = {name: [each for job in jobs for each in levels.related(job, name, index)] for name in names}
    asked = _needed(plan, step) if step else {name for name in names if steps[name].terms is None}
    needs: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
    waiting = [(name, each) for name in names if name in asked for each in of_images[name]]
    while waiting:
        name, group = waiting.pop()
        if (name, group.id) in needs:
            continue
        found = [(need, each) for need in steps[name].needs for each in levels.related(group, need, index)]
        found += [(need, each) for need in steps[name].needs_all for each in levels.of(need)]
        needs[name, group.id] = frozenset((need, each.id) for need, each in found)
        waiting += found
    taken = tuple(planned for planned in plan.steps if planned.name in {name for name, _ in needs})
    config = plan.config.model_copy(update={"results": folder, "logs": f"{folder}/logs"})
    aside = replace(plan, config=config, steps=taken)
    planned_jobs = [(planned, job) for planned, job in aside.jobs() if (planned.name, job.task.id) in needs]
    # what is over several images needs them, but is itself what is asked for
    called = (
        [step]
        if step in index and all(job.members for job in jobs)
        else [name for name in asked if name not in index or name == step]
    )
    own = frozenset((name, each.id) for name in called for each in of_images[name])
    return _Trial(aside, plan.config.results, folder, planned_jobs, own, needs)


def _needed(plan: Plan, step: str) -> set[str]:
    each = plan.config.steps[step]
    return {step}.union(*(_needed(plan, need) for need in (*each.needs, *each.needs_all)))
