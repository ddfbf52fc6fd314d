"""Runs one job, in its own process, and leaves its record.

Standard library only, but for what the kind of step needs.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from pixmake.base import plugins
from pixmake.base.files import duplicate, make_blank, remove, written_whole
from pixmake.images import formats
from pixmake.images.axes import ImageError, is_zarr
from pixmake.images.fingerprint import WHOLE, Watched, fingerprint, watching
from pixmake.images.remote import objects as remote
from pixmake.images.remote.uris import is_remote
from pixmake.images.tiff import may_need_imagecodecs, needs_tifffile
from pixmake.job import finished_results as kept
from pixmake.job import models, pictures, program, runners, unnamed_pictures
from pixmake.job.gathered import (
    MEMBERS,
    MISSING,
    Gathered,
    PrerequisiteError,
    gather_all,
    gather_members,
    gather_named,
    gather_single,
    named_results,
    needed_files,
    watched_images,
)
from pixmake.job.record import (
    PREREQUISITE,
    Failure,
    Record,
    note_failure,
    read_record,
    write_record,
)
from pixmake.job.runners import Call, Outcome
from pixmake.job.stamp import stamp_of
from pixmake.job.task import Limits, Task, parse_limits, parse_task
from pixmake.job.tracebacks import user_frames, user_traceback

DONE = 64
"""Exit status: the record is there, with a result. Not 0, which any library may exit with."""

TOLD = 65
"""Exit status: the job failed, has said so, and has left no record: it is to be tried again."""

REPLACED = 66
"""Exit status: another cluster job works on this image by now; this one and its Snakemake are to end."""

FAILED = 67
"""Exit status: the record is there, and says that the image failed."""

UNLOADED = 68
"""Exit status: what the step loads once could not be loaded; that was told, and there is no record."""

MOST_MEASUREMENTS = 10_000
"""Measurements of one image: each is a column of the tables, and of the page."""

LONGEST_TEXT = 20_000
"""Characters of a message, and of a traceback, that a record keeps."""

_HOST, _PYTHON = platform.node(), platform.python_version()
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


@dataclass(frozen=True)
class Job:
    """A task, its limits and its paths, as a rule hands them over."""

    task: Task
    limits: Limits
    log: str
    record: str
    files: Mapping[str, str]
    images: tuple[str, ...]
    needed: Mapping[str, Sequence[str]]
    """Of each needed step its record, then its files; of one in `Task.needs_named` those of each name."""
    gathered: Mapping[str, str]
    """Of each step of which the job has all: the file that `gathering.write_gathered` wrote."""


def parse_job(words: Sequence[str]) -> Job:
    """A job from the words of a rule's command: see `pixmake.job.client`."""
    task, limits, log = parse_task(words[0]), parse_limits(words[1], int(words[3])), words[4]
    end = 6 + len(task.files)
    record, files, inputs = words[5], words[6:end], list(words[end:])
    needed: dict[str, list[str]] = {}
    gathered = {step: inputs.pop() for step in reversed(list(task.needs_all))}
    for step in reversed(list(task.needs)):
        jobs = len(task.needs_named.get(step, ("",)))
        cut = len(inputs) - jobs * (1 + len(task.needs[step]))
        needed[step] = inputs[cut:]
        inputs = inputs[:cut]
    named = dict(zip(task.files, files, strict=False))
    return Job(task, limits, log, record, named, task.images, needed, gathered)


@dataclass(frozen=True)
class Begun:
    """When a job began in its process."""

    time: float
    cpu: float
    """CPU-seconds that the process had used by then for other images."""
    children_mb: float
    """The peak of memory of what it had started for them."""
    warm: bool
    """Whether the process is a fork of the warm one."""
    images: int = 1
    """How many images are worked on together: each has its share of what was spent."""


def begin(*, warm: bool = False, again: bool = False, images: int = 1) -> Begun:
    """Begin a job now.

    Parameters
    ----------
    again
        Whether this process has worked on another image before.
    images
        How many are worked on together.
    """
    cpu, _, children_mb = _spent() if again else (0.0, 0.0, 0.0)
    return Begun(time.time(), cpu, children_mb, warm, images)


def run_job(job: Job, *, threads: int = 1, warm: bool = False, again: bool = False) -> int:
    """Run a job and leave its record.

    Parameters
    ----------
    warm, again
        As of `begin`.

    Returns
    -------
    int
        `DONE`, `FAILED`, `TOLD`, `REPLACED` or `UNLOADED`.
    """
    begun, process = begin(warm=warm, again=again), os.getpid()
    status = settled(job, begun)
    if status is not None:
        return status
    try:
        record = finished(job, begun, threads=threads)
        end_strangers(process)
        return leave(job, record)
    except BaseException as error:
        end_strangers(process)
        return failed(job, begun, error)


def settled(job: Job, begun: Begun) -> int | None:
    """The status of a job that has nothing to do: its result is there, or it only has to say why not."""
    plugins.use(job.limits.plugins)
    if kept.on_node():
        key = _key(job)
        if kept.replaced():
            _restore(job, key)
            return REPLACED
        if _restore(job, key):
            return DONE
    if job.limits.is_lost:
        return fail(job, Failure(*kept.lost_reason(), log=job.log), run=_run(job, begun))
    return None


def leave(job: Job, record: Record) -> int:
    """Write the record of a job that went well: its status."""
    key = _key(job) if kept.on_node() else ""
    if key and kept.replaced():
        _restore(job, key)
        return REPLACED
    write_record(record, job.record)
    if key:
        kept.keep(key, job.task.step, job.task.id, [job.record, *job.files.values()])
    if job.limits.keep == "failed":
        for path in _kept_inputs(job).values():
            remove(path)
    return DONE


def failed(job: Job, begun: Begun, error: BaseException) -> int:
    """End a job by what its work has ended with: its status."""
    if isinstance(error, models.LoadError):
        models.tell(models.load_log(job.log), error)
        return UNLOADED
    if isinstance(error, PrerequisiteError):
        cause = Failure(PREREQUISITE, str(error), log=job.log)
        return fail(job, cause, run=_run(job, begun))
    _lift_memory_limit()
    _note(job, _said(error, user_traceback))
    return fail(job, _failure(job, error), run=_run(job, begun))


def finished(job: Job, begun: Begun, *, threads: int) -> Record:
    """Do a job's work, and say what came of it.

    Raises
    ------
    PrerequisiteError
        A step that it needs failed.
    BaseException
        Whatever the work itself ends with.
    """
    gathered = ready(job)
    runner = runners.runner(job.task.kind)
    with watched_images_of(job) as watched:
        outcome = corrected(job, lambda: runner.run(call_of(job, threads, gathered, watched)))
        return record_of(job, begun, outcome, watched, gathered)


def ready(job: Job) -> Gathered:
    """See that a job can begin, with the program that the run began with: what it has of other jobs.

    Raises
    ------
    PrerequisiteError
        A step that it needs failed.
    ImageError
        Its image was found to be broken when the plan was made.
    """
    if job.task.broken:
        raise ImageError(f"{', '.join(job.images)}: {job.task.broken}")
    gathered = gathered_for(job)
    program.begin(job.limits.program)
    program.see_unchanged()
    return gathered


@contextlib.contextmanager
def watched_images_of(job: Job) -> Iterator[Watched]:
    """Watch the files of a job's images while it works, and their pixels for the page."""
    local = [path for path in _watched(job) if not is_remote(path)]
    with watching(local) as watched, pictures.pictured(job.task, job.limits):
        yield watched


def record_of(
    job: Job,
    begun: Begun,
    outcome: Outcome,
    watched: Watched,
    gathered: Gathered,
    device: Mapping[str, Any] | None = None,
) -> Record:
    """The record of what a job has found, if its images are still those with which it began.

    Parameters
    ----------
    gathered
        What `ready` gave.
    device
        What is said of the model's device; default: what is known of it now.
    """
    program.see_unchanged()
    made_of = origin(job, watched.checksums)
    watched.still()
    facts = models.facts(job.task, job.limits) if device is None else device
    if len(outcome.measurements) > MOST_MEASUREMENTS:
        what = f"{len(outcome.measurements):,} measurements of one image; {MOST_MEASUREMENTS:,} at most"
        raise ValueError(f"{what}: make a list of those that belong together, or a file of a table")
    return Record(
        id=job.task.id,
        step=job.task.step,
        status="ok",
        metadata=job.task.metadata,
        written=job.task.written,
        measurements={**outcome.measurements, **_missing(gathered)},
        files=dict(job.files),
        run={**_run(job, begun), **facts, **outcome.run},
        images=job.images,
        origin=made_of,
    )


def _key(job: Job) -> str:
    return kept.result_key(job.task.as_json(), job.images, job.needed)


def _restore(job: Job, key: str) -> bool:
    return kept.restore(key, job.task.step, job.task.id, [job.record, *job.files.values()])


def call_of(job: Job, threads: int, gathered: Gathered, watched: Watched | None = None) -> Call:
    """A job as the module of its kind gets it.

    Parameters
    ----------
    gathered
        What `ready` gave.
    watched
        Its images, of which its files are to say that they were made of them.
    """
    needed: dict[str, str] = {}
    for step, files in job.task.needs.items():
        if step not in job.task.needs_named:
            needed.update(zip(files, job.needed[step][1:], strict=False))
    versions = {**dict(zip(job.images, job.task.versions, strict=False)), **gathered.versions}
    remote.configure(job.limits.storage, {path: versions[path] for path in filter(is_remote, versions)})
    images = job.images
    if getattr(runners.runner(job.task.kind), "OPENS_FILES", False):
        images, gathered = _opened_by_name(images, gathered)
    return Call(
        job.task,
        images,
        needed,
        job.files,
        threads,
        job.record,
        job.log,
        gathered,
        job.limits,
        models.models_for(job.task, job.limits, threads),
        str if watched is None else partial(stamp_of, job, watched.checksums),
    )


def preloads(job: Job) -> Sequence[str]:
    """The modules that every job of the job's kind needs."""
    plugins.use(job.limits.plugins)
    return getattr(runners.runner(job.task.kind), "PRELOAD", ())


def _opened_by_name(images: tuple[str, ...], gathered: Gathered) -> tuple[tuple[str, ...], Gathered]:
    """The images for a program that opens them by itself: of objects the local copies."""
    several = tuple({name: remote.local(path) for name, path in each.items()} for each in gathered.images)
    return tuple(remote.local(path) for path in images), replace(gathered, images=several)


def prepare(job: Job) -> None:
    """Have the warm process read what every image of a step needs, of which this job is the first.

    See `pixmake.job.runners`.
    """
    plugins.use(job.limits.plugins)
    program.begin(job.limits.program)
    remote.prepare(job.task.images)
    if any(map(is_zarr, job.images)):
        with contextlib.suppress(ImportError):  # each image tells which extra is missing
            import_module("zarr")
    formats.known()  # what is imported here, no fork imports by itself
    for path in job.images:
        if not is_zarr(path) and not is_remote(path):
            formats.prepare(path)
    if any(map(needs_tifffile, job.images)):
        with contextlib.suppress(ImportError):
            import_module("tifffile")
    if any(map(may_need_imagecodecs, job.images)):
        with contextlib.suppress(ImportError):
            import_module("imagecodecs").lzw_decode  # noqa: B018  # its modules are imported by their names
    runner = runners.runner(job.task.kind)
    if hasattr(runner, "prepare"):
        runner.prepare(job.task.work)
    if "cv2" in sys.modules:
        import_module("pixmake.job.rehearsal").rehearse()


def fail(job: Job, failure: Failure, run: Mapping[str, Any] | None = None) -> int:
    """End a job without a result: with a record of why, or with the status that has it tried again."""
    prerequisite = failure.type == PREREQUISITE
    _remove_leftovers(job)
    if kept.replaced():
        _restore(job, _key(job))
        return REPLACED
    if not prerequisite:
        _note(job, f"{job.task.step} {job.task.id}: {failure.type}: {failure.message}\n")
        if not job.limits.is_last:
            return TOLD
        # a run that ends here leaves no record, and what tells of a project would not know that it failed
        results = Path(job.record).parent.parent
        note_failure(results, job.task.step, job.task.id, f"{failure.type}: {failure.message}")
        if not job.limits.keep_going:
            return TOLD
    # Snakemake wants every declared output; an empty one stands for one that could not be made
    for path in job.files.values():
        make_blank(path)
    write_record(
        Record(
            id=job.task.id,
            step=job.task.step,
            status="failed",
            metadata=job.task.metadata,
            written=job.task.written,
            error=failure,
            run=run or {},
            images=job.images,
            origin=origin(job),
        ),
        job.record,
    )
    if not prerequisite and job.limits.keep == "failed":
        for source, target in _kept_inputs(job).items():
            remove(target)
            duplicate(source, target)
    return FAILED


def end_strangers(process: int) -> None:
    """End a process that the analysis has forked and that has come back here, as if it were the image's."""
    if os.getpid() != process:
        if sys.exc_info()[1] is not None:
            with contextlib.suppress(BaseException):
                traceback.print_exc()
        os._exit(1)


def _note(job: Job, text: str) -> None:
    """Write to a job's log, whatever the analysis has done to its streams."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(OSError), open(job.log, "a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(text)


def origin(job: Job, checksums: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a result is made of: what the job was told, and its images as they are.

    Parameters
    ----------
    checksums
        Those of the bytes that the job has decoded.
    """
    # a file of which many jobs read a part each is not read as a whole by each of them
    most, known = 0 if job.task.parts else WHOLE, checksums or {}
    inputs = []
    for path, version in _watched(job).items():
        told = {"path": path}
        if not is_remote(path):
            told = fingerprint(path, most=most, known=known.get(path))
        inputs.append({**told, "version": version} if version else told)
    listed = needed_files(Path(MEMBERS) / f"{job.task.members}.json") if job.task.members else []
    needed = [*chain.from_iterable(job.needed.values()), *job.gathered.values(), *listed]
    return {
        "task": job.task.as_made(),
        "inputs": inputs,
        "rule": job.limits.rule,
        **({"needed": sorted(needed)} if needed else {}),
    }


def corrected(job: Job, work: Callable[[], Outcome]) -> Outcome:
    """What the work finds, with the files that were corrected by hand; where all were, it is not done."""
    by_hand = job.task.corrected
    outcome = Outcome() if by_hand and by_hand.keys() == job.files.keys() else work()
    for name, (path, _) in by_hand.items():
        with written_whole(job.files[name]) as temporary:
            duplicate(path, temporary)
    return replace(outcome, run={**outcome.run, "corrected": sorted(by_hand)}) if by_hand else outcome


def _watched(job: Job) -> dict[str, str]:
    """The images on which a job depends, each with its version."""
    if job.task.members:
        return watched_images(Path(MEMBERS) / f"{job.task.members}.json")
    return dict(zip(job.images, job.task.versions or [""] * len(job.images), strict=True))


def run_facts(
    job: Job, started: float, *, seconds: float, cpu: float, rss_mb: float, warm: bool
) -> dict[str, Any]:
    """What differs from run to run: when, where, how long, how much."""
    # not `datetime.UTC`: a step's own Python may be older than ours
    when = datetime.fromtimestamp(started, timezone.utc)  # noqa: UP017
    return {
        "started": when.isoformat(timespec="milliseconds"),
        "seconds": round(seconds, 4),
        "cpu_seconds": round(cpu, 4),
        "max_rss_mb": round(rss_mb, 1),
        "host": _HOST,
        "attempt": job.limits.attempt,
        "warm": warm,
        "python": _PYTHON,
    }


def _run(job: Job, begun: Begun) -> dict[str, Any]:
    cpu, own_mb, children_mb = _spent()
    if children_mb <= begun.children_mb:
        children_mb = 0.0  # another image's; that peak cannot be set back
    facts = run_facts(
        job,
        begun.time,
        seconds=(time.time() - begun.time) / begun.images,
        cpu=(cpu - begun.cpu) / begun.images,
        rss_mb=max(own_mb, children_mb),
        warm=begun.warm,
    )
    facts |= pictures.facts(job.task)
    return {**facts, "batch": begun.images} if begun.images > 1 else facts


def _spent() -> tuple[float, float, float]:
    """CPU-seconds of this process and of its children; its own peak of memory, and that of theirs, in MB."""
    try:
        import resource
    except ImportError:
        return time.process_time(), 0.0, 0.0
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return cpu, peak_mb(own.ru_maxrss), peak_mb(children.ru_maxrss)


def peak_mb(maxrss: int) -> float:
    """The operating system's ``ru_maxrss`` in MB: it counts kilobytes, on macOS bytes."""
    return maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def gathered_for(job: Job) -> Gathered:
    """What the job has of other jobs.

    Raises
    ------
    PrerequisiteError
        A step that it needs failed.
    """
    task, gathered = job.task, Gathered()
    if not (task.members or job.needed or job.gathered):
        return gathered
    if task.members:
        gathered = gather_members(Path(MEMBERS) / f"{task.members}.json", task.needs_many)
    single = {
        step: read_record(paths[0]) for step, paths in job.needed.items() if step not in task.needs_named
    }
    named = {step: named_results(names, job.needed[step]) for step, names in task.needs_named.items()}
    of_names = [(step, record) for step, found in named.items() for record, _ in found.values()]
    for step, record in [*single.items(), *of_names]:
        if record.status == "failed":
            whom = "for this image" if record.id == task.id else f"for {record.id}"
            raise PrerequisiteError(f"step {step} failed {whom}")
    gathered = gather_single(single, gathered)
    for step, found in named.items():
        gathered = gather_named(step, found, task.needs[step], gathered)
    for step, path in job.gathered.items():
        gathered = gather_all(path, step, gathered)
    if gathered.missing:
        print(f"without {', '.join(gathered.missing)}: a needed step failed", file=sys.stderr)
    return gathered


def _missing(gathered: Gathered) -> dict[str, dict[str, Any]]:
    return {MISSING: {"value": len(gathered.missing)}} if gathered.missing else {}


def _failure(job: Job, error: BaseException) -> Failure:
    message = _ADDRESS.sub("0x…", _said(error)) or "no message was given"
    kind = type(error).__name__
    if isinstance(error, KeyError) and len(error.args) == 1:
        message = _said(error.args[0])
    if isinstance(error, SystemExit):
        message = f"the analysis ended itself: sys.exit({_said(error.code, repr)})"
    if job.limits.mem_mb and _is_memory(error):
        message = f"needs more memory than resources.mem_mb allows ({job.limits.mem_mb} MB)"
        kind = "MemoryError"
    message = _shortened(message)
    told = _told(error) or f"{kind}: {message}"
    return Failure(kind, message, _shortened(_ADDRESS.sub("0x…", told)), job.log)


def _said(thing: object, how: Callable[[Any], str] = str) -> str:
    """What something says of itself; of an exception that raises another one when it is asked, that."""
    try:
        return how(thing)
    except BaseException as problem:
        return f"(its text cannot be had: {type(problem).__name__})"


def _told(error: BaseException) -> str:
    """The traceback that a runner's exception brings along, else its own; none of one that cannot be read."""
    try:
        return str(getattr(error, "told", "")) or user_frames(error)
    except BaseException:
        return ""


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}… ({len(text)} characters in all: see the log)"


def _lift_memory_limit() -> None:
    """Room to say what went wrong."""
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    except (ImportError, ValueError, OSError):
        return


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "Insufficient memory" in _said(error)


def _kept_inputs(job: Job) -> dict[str, str]:
    """Where the files of other steps stay that a failed image worked on: beside its log."""
    base = job.log.removesuffix("log")
    return {
        path: base + os.path.basename(path).removeprefix(Path(record).name.removesuffix("json"))
        for step, (record, *paths) in job.needed.items()
        if step not in job.task.needs_named
        for path in paths
    }


def _remove_leftovers(job: Job) -> None:
    """Files that a killed process was writing, and pictures of an earlier attempt."""
    unnamed_pictures.forget(job.record)
    for path in map(Path, (job.record, *job.files.values())):
        for leftover in path.parent.glob(f".{path.name}.*.tmp*"):
            with contextlib.suppress(OSError):
                remove(leftover)
