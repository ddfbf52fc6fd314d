"""What made a result: its rule, command, parameters, source, inputs, log, and whether it is up to date."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.images.fingerprint import fingerprint
from pixmake.job.record import Record, parse_record, read_content
from pixmake.plan.containers import SPLIT
from pixmake.plan.found_images import found_path, found_plan
from pixmake.plan.image_versions import GONE
from pixmake.plan.plan import Job, Plan
from pixmake.progress.display import duration
from pixmake.rules.checkpoint_rules import any_rule

WORDS = {
    "source": "the function, or what it uses, has changed",
    "kind": "another kind of work is named",
    "work": "other work is named",
    "needs": "it needs other steps or files",
    "files": "it writes other files",
    "names": "the images of its group have other names",
    "python": "another Python runs it",
}


@dataclass(frozen=True)
class Explained:
    """A job as it is planned now, with what its last run left."""

    job: Job
    record: Record | None
    target: str
    """What Snakemake takes for it: its rule, or where one rule serves all images, its record."""
    stale: tuple[str, ...]
    """Why the next run does it again; empty if it does not."""


def explained(plan: Plan, result: str, step: str | None = None) -> list[Explained]:
    """Every step of an image, the needed ones first.

    Parameters
    ----------
    plan
        The project's.
    result
        An image's id, or one of its rules, its records or its files: then that step alone.
    step
        Only this step.

    Raises
    ------
    PixmakeError
        The project has no such image or step.
    """
    steps = [*plan.config.steps, *([SPLIT] if plan.containers else [])]
    if step is not None and step not in steps:
        raise PixmakeError([Problem(f"there is no step {step!r}", hint=nearest(step, steps))])
    named = result.removeprefix("./")
    ids: set[str] = set()
    found: Job | None = None
    jobs = _jobs(plan)
    for job in jobs:
        ids.add(job.task.id)
        if named in (job.rule, job.record, *job.files):
            found = job
    if found is not None and named not in ids:
        named, step = found.task.id, found.task.step
    asked = [job for job in jobs if job.task.id == named]
    if not asked:
        hint = nearest(named, ids) if len(ids) < 1000 else ""
        if plan.containers is not None and not Path(found_path(plan.config.results)).exists():
            hint = "a run finds the images first"
        raise PixmakeError([Problem(f"no image has the id {named!r}", hint=hint)])
    told: dict[str, Explained] = {}
    for job in asked:
        needed = [told[need] for need in job.task.needs if need in told]
        told[job.task.step] = _explain(job, needed, _container(plan, job))
    return [each for name, each in told.items() if step in (None, name)]


def _jobs(plan: Plan) -> list[Job]:
    """All jobs that are known: of images, and of files that images are found in."""
    if plan.containers is None:
        return [job for _, job in plan.jobs()]
    found = found_plan(plan.config).jobs() if Path(found_path(plan.config.results)).exists() else ()
    return [
        *(job for _, job in plan.containers.jobs()),
        *(replace(job, rule=any_rule(planned.name)) for planned, job in found),
    ]


def _container(plan: Plan, job: Job) -> Explained | None:
    """The file that an image was found in."""
    if plan.containers is None or job.task.step == SPLIT:
        return None
    name = job.task.terms.get("container")
    holds = (each for _, each in plan.containers.jobs() if each.task.id == str(name))
    return next((_explain(each, []) for each in holds), None)


def lines(explained: Explained) -> Iterator[str]:
    """What made a result, as lines for a person."""
    job, record = explained.job, explained.record
    task = job.task
    yield f"{task.step} of {task.id}"
    yield f"  rule        {job.rule}"
    yield f"  run it      snakemake {shlex.quote(explained.target)}"
    if record is None:
        yield "  result      none yet"
    else:
        yield from _result(job, record)
    made = dict(record.origin.get("task", {})) if record else {}
    shown = made or task.as_made()
    for key, value in dict(shown.get("work", {})).items():
        yield f"  {key:<11} {value}"
    yield f"  source      {shown.get('source', 'not known')}"
    for name, value in dict(shown.get("params", {})).items():
        yield f"  parameter   {name} = {value!r}"
    for name, value in (record.terms if record else task.terms).items():
        yield f"  metadata    {name} = {value!r}"
    seen = {told["path"]: told for told in record.origin.get("inputs", ())} if record else {}
    for path in job.images:
        yield f"  image       {_file(seen.get(path) or fingerprint(path))}"
    for path in job.needed:
        yield f"  needs       {path}"
    yield f"  log         {job.log}"
    if explained.stale:
        for number, reason in enumerate(explained.stale):
            yield f"  {'' if number else 'runs again':<11} {reason}"
    else:
        yield "  up to date  the next run leaves it as it is"


def stamp_lines(path: str, stamp: Mapping[str, Any]) -> Iterator[str]:
    """What a file says of itself, as lines for a person; see `pixmake.job.stamp`."""
    yield f"{stamp['step']} of {stamp['id']}"
    yield f"  file        {path}"
    yield f"  task        {stamp['task']}"
    if stamp.get("source"):
        yield f"  source      {stamp['source']}"
    for key, value in dict(stamp.get("work", {})).items():
        yield f"  {key:<11} {value}"
    for name, value in dict(stamp.get("params", {})).items():
        yield f"  parameter   {name} = {value!r}"
    for told in stamp.get("images", ()):
        part = f", {told['part']}" if told.get("part") else ""
        yield f"  image       {_file(told)}{part}"
    for told in stamp.get("needs", ()):
        yield f"  needs       {_file({**told, 'path': told['file']})}, of step {told['step']}"


def as_content(explained: Explained) -> dict[str, Any]:
    """The same for programs."""
    job, record = explained.job, explained.record
    return {
        "step": job.task.step,
        "id": job.task.id,
        "rule": job.rule,
        "status": record.status if record else None,
        "up_to_date": not explained.stale,
        "reasons": list(explained.stale),
        "record": job.record,
        "files": list(job.files),
        "log": job.log,
        "needs": list(job.needed),
        "metadata": dict(job.task.terms),
        "task": job.task.as_made(),
        "made_of": dict(record.origin) if record else {},
        "error": vars(record.error) if record and record.error else None,
        "run": dict(record.run) if record else {},
    }


def _explain(job: Job, needed: list[Explained], container: Explained | None = None) -> Explained:
    target = job.record if job.rule == any_rule(job.task.step) else job.rule
    try:
        record = parse_record(read_content(job.record))
    except FileNotFoundError:
        return Explained(job, None, target, ("there is no result yet",))
    except (ValueError, OSError) as error:
        return Explained(job, None, target, (str(error),))
    stale = list(_changes(job, record, needed))
    if container is not None and container.stale:
        stale.append(f"{container.job.task.id}, which it was found in, is looked through again")
    return Explained(job, record, target, tuple(stale))


def _changes(job: Job, record: Record, needed: list[Explained]) -> Iterator[str]:
    """Why a job runs again, as Snakemake sees it: its files, its inputs, what it is told."""
    for path in job.files:
        if not Path(path).exists():
            yield f"{path} is not there"
    yield from _changed_task(job, record)
    if tuple(record.images) != job.images:
        yield f"it was made of other images: {', '.join(sorted(set(record.images) - set(job.images)))}"
    made = Path(job.record).stat().st_mtime
    for need in needed:
        step = need.job.task.step
        if need.stale:
            yield f"step {step}, which it needs, runs again"
        elif Path(need.job.record).stat().st_mtime > made:
            yield f"step {step}, which it needs, has run since"


def _changed_task(job: Job, record: Record) -> Iterator[str]:
    was, now = dict(record.origin.get("task", {})), job.task.as_made()
    if not was:
        yield "its record does not say what it was made of"
        return
    if was.pop("failures", 0) != now.pop("failures", 0):
        yield "it failed" if record.status == "failed" else "pixmake retry asked for it"
    yield from changed("parameter", was.pop("params", {}), now.pop("params", {}))
    versions = was.pop("versions", ()), now.pop("versions", ())
    if _plain(versions[0]) != _plain(versions[1]):
        yield from _changed_images(job, record)
    told = {**job.task.metadata, **job.task.written}
    yield from changed("metadata", {**record.metadata, **record.written}, _plain(told))
    for key in sorted({*was, *now}):
        if _plain(was.get(key)) != _plain(now.get(key)):
            yield WORDS.get(key, f"its {key} has changed")


def _changed_images(job: Job, record: Record) -> Iterator[str]:
    """Which images have changed, by their versions; see `pixmake.plan.image_versions`."""
    seen = {told["path"]: told for told in record.origin.get("inputs", ())}
    for path, version in zip(job.images, job.task.versions or [""] * len(job.images), strict=True):
        was = seen.get(path, {})
        if version == GONE:
            yield f"{path} is not there"
        elif version != was.get("version", ""):
            if "sha256" in was:
                yield f"{path} has changed since: its SHA-256 was {was['sha256'][:12]}…"
            else:
                yield f"an image has changed: {path}"


def changed(kind: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What differs between named values, as a line each."""
    for name in dict.fromkeys([*was, *now]):
        if name not in now:
            yield f"{kind} {name} is not given any more; it was {was[name]!r}"
        elif name not in was:
            yield f"{kind} {name} is new: {now[name]!r}"
        elif _plain(was[name]) != _plain(now[name]):
            yield f"{kind} {name} was {was[name]!r} and is {now[name]!r}"


def _result(job: Job, record: Record) -> Iterator[str]:
    run = record.run
    if record.error is not None:
        yield f"  result      failed: {record.error.type}: {record.error.message}"
    for path in (job.record, *job.files):
        yield f"  file        {path}"
    if "started" in run:
        yield f"  when        {run['started']}, {_took(float(run.get('seconds', 0)))}"
    where = [str(run[key]) for key in ("host",) if key in run]
    if "python" in run:
        where.append(f"Python {run['python']}")
    if "max_rss_mb" in run:
        where.append(f"{run['max_rss_mb']} MB")
    if run.get("attempt", 1) != 1:
        where.append(f"attempt {run['attempt']}")
    if where:
        yield f"  where       {', '.join(where)}"


def _took(seconds: float) -> str:
    return duration(seconds) if seconds >= 10 else f"{seconds:.3g} s"


def _file(told: Mapping[str, Any]) -> str:
    size = f", {told['size']} bytes" if "size" in told else ""
    checksum = f", SHA-256 {told['sha256']}" if "sha256" in told else ""
    version = f", version {told['version']}" if told.get("version") else ""
    return f"{told['path']}{size}{checksum}{version}"


def _plain(value: Any) -> Any:
    """A value as it would come back from JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
