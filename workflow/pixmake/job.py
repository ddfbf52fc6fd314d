"""Runs one job, in its own process, and leaves its record.

Standard library only, but for what the kind of step needs.
"""

from __future__ import annotations

import platform
import re
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from pixmake.fingerprint import fingerprint
from pixmake.records import (
    Failure,
    Record,
    note_failure,
    read_record,
    write_record,
)
from pixmake.runners import Call
from pixmake.task import Limits, Task, parse_limits, parse_task

DONE = 64
"""Exit status: the record is there. Not 0, which any library may exit with."""

TOLD = 65
"""Exit status: the job failed, has said so, and has left no record: it is to be tried again."""

PREREQUISITE = "PrerequisiteFailed"
"""The failure of a job whose needed step failed; it counts with that one."""

LINKS = ".snakemake/pixmake/links"
"""Where images lie whose names Snakemake would take for patterns; see `pixmake.rules`."""

_RUNNERS = {"function": "pixmake.runners.function"}
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
    """Of each needed step its record, then its files."""


def parse_job(words: Sequence[str]) -> Job:
    """A job from the words of a rule's command: see `pixmake.client`."""
    task, limits, log = parse_task(words[0]), parse_limits(words[1], int(words[3])), words[4]
    end = 6 + len(task.files)
    record, files, inputs = words[5], words[6:end], list(words[end:])
    needed: dict[str, list[str]] = {}
    for step in reversed(list(task.needs)):
        cut = len(inputs) - 1 - len(task.needs[step])
        needed[step] = inputs[cut:]
        inputs = inputs[:cut]
    named = dict(zip(task.files, files, strict=False))
    images = tuple(_real(path) for path in inputs)
    return Job(task, limits, log, record, named, images, needed)


def run_job(job: Job, *, threads: int = 1, warm: bool = False) -> int:
    """Run a job and leave its record.

    Returns
    -------
    int
        `DONE` or `TOLD`.
    """
    started = time.time()
    cause = _failed_need(job)
    if cause:
        return fail(job, cause, run=_run(job, started, warm))
    needed: dict[str, str] = {}
    for step, files in job.task.needs.items():
        needed.update(zip(files, job.needed[step][1:], strict=False))
    try:
        runner = import_module(_RUNNERS["function"])
        outcome = runner.run(Call(job.task, job.images, needed, job.files, threads))
        write_record(
            Record(
                id=job.task.id,
                step=job.task.step,
                status="ok",
                metadata=job.task.metadata,
                measurements=outcome.measurements,
                files=dict(job.files),
                run=_run(job, started, warm),
                origin=origin(job),
            ),
            job.record,
        )
    except BaseException as error:
        _lift_memory_limit()
        traceback.print_exc()
        return fail(job, _failure(job, error), run=_run(job, started, warm))
    return DONE


def fail(job: Job, failure: Failure, run: Mapping[str, Any] | None = None) -> int:
    """End a job without a result: with a record of why, or with the status that has it tried again."""
    prerequisite = failure.type == PREREQUISITE
    _remove_leftovers(job)
    if not prerequisite:
        print(f"{job.task.step} {job.task.id}: {failure.type}: {failure.message}", file=sys.stderr)
        if not job.limits.is_last or not job.limits.keep_going:
            return TOLD
    # Snakemake wants every declared output; an empty file stands for one that could not be made
    for path in job.files.values():
        Path(path).write_bytes(b"")
    write_record(
        Record(
            id=job.task.id,
            step=job.task.step,
            status="failed",
            metadata=job.task.metadata,
            error=failure,
            run=run or {},
            origin=origin(job),
        ),
        job.record,
    )
    if not prerequisite:
        results = Path(job.record).parent.parent
        note_failure(results, job.task.step, job.task.id, f"{failure.type}: {failure.message}")
    return DONE


def origin(job: Job) -> dict[str, Any]:
    """What a result is made of: what the job was told, and its images as they are."""
    return {"task": job.task.as_made(), "inputs": [fingerprint(path) for path in job.images]}


def run_facts(
    job: Job, started: float, *, seconds: float, cpu: float, rss_mb: float, warm: bool
) -> dict[str, Any]:
    """What differs from run to run: when, where, how long, how much."""
    return {
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
        "seconds": round(seconds, 4),
        "cpu_seconds": round(cpu, 4),
        "max_rss_mb": round(rss_mb, 1),
        "host": platform.node(),
        "attempt": job.limits.attempt,
        "warm": warm,
        "python": platform.python_version(),
    }


def _run(job: Job, started: float, warm: bool) -> dict[str, Any]:
    cpu, rss = 0.0, 0.0
    try:
        import resource

        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            cpu += usage.ru_utime + usage.ru_stime
            rss = max(rss, peak_mb(usage.ru_maxrss))
    except ImportError:
        cpu = time.process_time()
    seconds = time.time() - started
    return run_facts(job, started, seconds=seconds, cpu=cpu, rss_mb=rss, warm=warm)


def peak_mb(maxrss: int) -> float:
    """The operating system's ``ru_maxrss`` in MB: it counts kilobytes, on macOS bytes."""
    return maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _failed_need(job: Job) -> Failure | None:
    for step, paths in job.needed.items():
        if read_record(paths[0]).status == "failed":
            return Failure(PREREQUISITE, f"step {step} failed for this image", log=job.log)
    return None


def _failure(job: Job, error: BaseException) -> Failure:
    message = _ADDRESS.sub("0x…", str(error)) or "no message was given"
    kind = type(error).__name__
    if isinstance(error, KeyError) and len(error.args) == 1:
        message = str(error.args[0])
    if isinstance(error, SystemExit):
        message = f"the analysis ended itself: sys.exit({error.code!r})"
    if job.limits.mem_mb and _is_memory(error):
        message = f"needs more memory than resources.mem_mb allows ({job.limits.mem_mb} MB)"
        kind = "MemoryError"
    shown = traceback.TracebackException.from_exception(error)
    # the frames of a user's own files: what is above them is the same for every failure
    own = [index for index, frame in enumerate(shown.stack) if not _is_ours(frame.filename)]
    if own:
        del shown.stack[: own[0]]
    return Failure(kind, message, _ADDRESS.sub("0x…", "".join(shown.format())), job.log)


def _lift_memory_limit() -> None:
    """Room to say what went wrong."""
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    except (ImportError, ValueError, OSError):
        return


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "Insufficient memory" in str(error)


def _is_ours(file: str) -> bool:
    return Path(file).parent in (Path(__file__).parent, Path(__file__).parent / "runners")


def _remove_leftovers(job: Job) -> None:
    """Files that a killed process was writing."""
    for path in map(Path, (job.record, *job.files.values())):
        for leftover in path.parent.glob(f".{path.name}.*.tmp*"):
            leftover.unlink(missing_ok=True)


def _real(path: str) -> str:
    """The image behind a link that stands in for a name that Snakemake cannot take."""
    link = Path(path)
    return str(link.readlink()) if path.startswith(LINKS) and link.is_symlink() else path
