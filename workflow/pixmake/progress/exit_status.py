"""How a run ends: an exit status that tells whether images failed, and five lines that say it."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pixmake.base.files import why_not_writable
from pixmake.job.record import PREREQUISITE, Record, failure_counts, named, read_record
from pixmake.progress.display import duration, speed
from pixmake.progress.log_handler import LONGEST_REASON, Run, end_run
from pixmake.progress.short_work import advice
from pixmake.results.image_counts import ImageSum, count_records, image_sum, read_counts
from pixmake.table.arrivals import SLICE

MOST_NAMED = 5
"""Files and rules that are named; the others are counted."""


@dataclass(frozen=True)
class Ended:
    """What a run has done, as Snakemake has it at the run's end."""

    records: Sequence[str]
    """Those that it was to make, or found made."""
    measurements: str
    failures: str
    page: str
    max_failures: int | str
    """How many images may fail: a number, or a share of them such as ``5%``."""
    over_several: Sequence[str]
    """Steps whose jobs are over several images: those that failed are counted by themselves."""
    logs: str
    """The folder of the logs."""
    made: AbstractSet[str]
    """The files that it has made."""
    unfinished: AbstractSet[str]
    """Those that it was to make and has not made."""
    there: AbstractSet[str]
    """Those that were there before, and are as they should be."""
    others: Sequence[str]
    """Of what it has made all that is worth a word: what functions of tables or a user's rules make."""
    broke: Sequence[tuple[str, str]]
    """The rules that failed and are no image's, each with its log."""
    rows: str = ""
    """Where the rows of the source are."""
    single: Sequence[str] = ()
    """Steps that have a process for each image here, and could have one for many."""

    @property
    def where(self) -> str:
        """Where it says why images failed."""
        told = self.failures in self.made or self.failures in self.there
        return f"see {self.failures}" if told else f"see their logs under {self.logs}/"


def conclude(run: Run, ended: Ended, keep: str = "all", *, of_slice: bool = False) -> None:
    """Say how many images are done and failed, where the tables and the page are, and how long it took.

    Parameters
    ----------
    run
        The run as it began; see `pixmake.rules.run_handlers.begin_run`.
    ended
        What it has done.
    keep
        ``failed``: only failed images keep their logs.
    of_slice
        Whether other runs do other images, and the last of them has all of this to say.

    Raises
    ------
    SystemExit
        With status 1: more failed than is allowed. Every table is written by then.
    """
    if keep == "failed":
        remove_logs(ended.records, ended.logs)
    if of_slice:
        _say([])
        return
    failures = failures_among(ended.records, ended.over_several)
    counts = read_counts(Path(ended.measurements).parent, run.begun) or count_records(ended.records)
    several = ended.over_several
    found = image_sum(failures.images, counts, failed=failures.failed, over_several=several)
    lines = _sums(found, ended.rows)
    lines.append(failures.told(ended.max_failures, ended.where) or "No image failed")
    lines += [*_files(ended), _time(run, len(failures.images) - run.before)]
    _say([*lines, *advice(ended.records, ended.single, run.begun)])
    if failures.too_many(ended.max_failures):
        # not an exception of Snakemake's: it would print where in our files it was raised
        raise SystemExit(1)


def stopped(run: Run, ended: Ended) -> None:
    """Say how far a run came that an error or its user ended, and which errors of no image ended it.

    Parameters
    ----------
    run
        The run as it began.
    ended
        What it has done.
    """
    end_run()  # by now it is known which jobs failed and left nothing
    images = _images(ended.records, ended.over_several)
    missing = [record for record in ended.records if named(record) in ended.unfinished]
    there = [*{*ended.records} - {*missing}]  # what lies there of the others is of an earlier run
    failures = failures_among(there, ended.over_several)
    found = image_sum(
        images,
        count_records(there),
        failed=run.lost() | failures.failed,
        not_run=_images(missing, ended.over_several),
        over_several=ended.over_several,
    )
    done = found.measured + found.empty
    lines = _sums(found, ended.rows, "; the run ended early" if missing else "")
    if not missing and (told := failures.told(ended.max_failures, ended.where)):
        lines.append(told)
    lines += [f"{rule} failed: {why_rule_failed(log)}" for rule, log in ended.broke[:MOST_NAMED]]
    results = os.path.dirname(ended.measurements)
    if why := why_not_writable(results):
        lines.append(f"Nothing can be written to {results}: {why}")
    lines.append(f"The next run goes on from here. Logs are under {ended.logs}/")
    if ended.measurements in ended.unfinished:
        lines.append("Tables: not written")
    _say([*lines, *_files(ended), _time(run, max(done - run.before, 0))])


def _sums(images: ImageSum, rows: str, more: str = "") -> list[str]:
    """How many images are done, and where all rows and all images are."""
    lines = [f"{images.measured + images.empty} of {images.images} images done{more}"]
    lines.append(f"Sum: {f'{rows}; ' if rows else ''}{images}")
    if images.empty:
        lines.append(f"{images.empty} of {images.images} images measured nothing")
    return lines


@dataclass(frozen=True)
class Failures:
    """Which images of a run failed."""

    images: frozenset[str]
    failed: frozenset[str]
    """By themselves, not for a step that they need."""
    over_several: Mapping[str, tuple[int, int]]
    """Of each step whose jobs are over several images: how many failed, and of how many."""

    def too_many(self, max_failures: int | str) -> bool:
        """Whether more failed than is allowed."""
        lost = sum(failed for failed, _ in self.over_several.values())
        return len(self.failed) + lost > allowed_failures(max_failures, len(self.images))

    def told(self, max_failures: int | str, where: str) -> str:
        """In a sentence how many failed, and where it says why; nothing if none did."""
        counts = [f"{len(self.failed)} of {len(self.images)} images"] if self.failed else []
        counts += [
            f"{lost} of {jobs} jobs of {step}" for step, (lost, jobs) in self.over_several.items() if lost
        ]
        if not counts:
            return ""
        if self.too_many(max_failures):
            return f"{' and '.join(counts)} failed: {where}. The next run tries them again."
        return f"{' and '.join(counts)} failed, as max_failures allows: {where}"


def failures_in(records: Iterable[Record], over_several: Sequence[str]) -> Failures:
    """Which images failed, from the records of all jobs."""
    images: set[str] = set()
    failed: set[str] = set()
    several = {step: [0, 0] for step in over_several}
    for record in records:
        lost = record.error is not None and record.error.type != PREREQUISITE
        if record.step in several:
            several[record.step][0] += lost
            several[record.step][1] += 1
        else:
            images.add(record.id)
            failed |= {record.id} if lost else set()
    lost_of = {step: (lost, jobs) for step, (lost, jobs) in several.items()}
    return Failures(frozenset(images), frozenset(failed), lost_of)


def failures_among(records: Sequence[str], over_several: Sequence[str]) -> Failures:
    """Which images failed, from their records."""
    of_step = {step: [path for path in records if _place(path)[1] == step] for step in over_several}
    failed = failed_images(path for path in records if _place(path)[1] not in over_several)
    lost = {step: (len(failed_images(paths)), len(paths)) for step, paths in of_step.items()}
    return Failures(frozenset(_images(records, over_several)), frozenset(failed), lost)


def _files(ended: Ended) -> list[str]:
    """What a run has made, in lines."""
    lines = []
    tables = [table for table in (ended.measurements, ended.failures) if table in ended.made]
    if tables:
        lines.append(f"Tables: {', '.join(tables)}")
    if ended.page in ended.made:
        lines.append(f"Page: {ended.page}")
    if ended.others:
        more = len(ended.others) - MOST_NAMED
        named_ = ", ".join(ended.others[:MOST_NAMED])
        lines.append(f"Also made: {named_}{f' and {more} more' if more > 0 else ''}")
    return lines


def why_rule_failed(log: str) -> str:
    """Why a rule failed by its log, and where that is; a process that is killed leaves no reason.

    What a traceback ends with may have several lines, and so may an error of pixmake.
    """
    try:
        text = Path(log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "its process ended without a word, as one that is killed or out of memory does"
    reason = _reason(lines)
    words = " ".join(line.strip() for line in reason or lines[-1:])
    words = words if len(words) <= LONGEST_REASON else f"{words[: LONGEST_REASON - 1]}…"
    return f"{words if reason else f'its process ended after the words {words!r}'} (its log: {log})"


def _reason(lines: Sequence[str]) -> list[str]:
    """The lines of a log that tell the last error; none if no error is told."""
    begun = [
        number
        for number, line in enumerate(lines)
        if line.startswith(("Traceback (most recent", "pixmake: "))
    ]
    if not begun:
        return []
    first, *rest = lines[begun[-1] :]
    if first.startswith("pixmake: "):
        return [first.removeprefix("pixmake: "), *rest]
    return list(itertools.dropwhile(lambda line: line[0].isspace(), rest))


def remove_logs(records: Iterable[str], logs: str) -> None:
    """Remove the logs of jobs that did not fail, for ``keep: failed``.

    A job cannot do it: Snakemake makes an empty log where there is none.
    """
    failed: dict[Path, set[str]] = {}
    for record in map(Path, records):
        folder = record.parent
        if folder not in failed:
            suspects = failure_counts(folder.parent, folder.name)
            failed[folder] = failed_images(f"{folder}/{job_id}.json" for job_id in suspects)
        if _id(str(record)) not in failed[folder]:
            (Path(logs) / folder.name / f"{_id(str(record))}.log").unlink(missing_ok=True)
    for folder in failed:
        with contextlib.suppress(OSError):  # it holds the log of an image that failed
            (Path(logs) / folder.name).rmdir()


def _images(records: Iterable[str], over_several: Sequence[str]) -> set[str]:
    """The ids of the images that records are of."""
    return {_id(path) for path in records if _place(path)[1] not in over_several}


def _place(record: str) -> tuple[str, str, str]:
    """The results, the step and the id of a record: a `Path` of each of ten thousand takes half a second."""
    folder, _, name = record.rpartition("/")
    results, _, step = folder.rpartition("/")
    return results, step, name.removesuffix(".json")


def _id(record: str) -> str:
    return _place(record)[2]


def allowed_failures(max_failures: int | str, images: int) -> int:
    """How many of so many images may fail.

    Examples
    --------
    >>> allowed_failures("5%", 250), allowed_failures("5%", 10), allowed_failures(3, 10)
    (12, 0, 3)
    """
    if isinstance(max_failures, str):
        return math.floor(Fraction(max_failures.rstrip(" %")) * images / 100)
    return max_failures


def failed_images(records: Iterable[str]) -> set[str]:
    """The ids of those that failed by themselves, not for a step that they need.

    Of a step only the records of jobs that have ever failed are read.
    """
    by_step: dict[tuple[str, str], set[str]] = {}
    for record in records:
        results, step, job_id = _place(record)
        by_step.setdefault((results, step), set()).add(job_id)
    failed = set()
    for (results, step), ids in by_step.items():
        for job_id in ids & set(failure_counts(results, step)):
            try:
                error = read_record(f"{results}/{step}/{job_id}.json").error
            except (OSError, ValueError):
                continue
            if error is not None and error.type != PREREQUISITE:
                failed.add(job_id)
    return failed


def _time(run: Run, images: int) -> str:
    seconds = time.time() - run.begun
    if os.environ.get(SLICE):  # what was done before this run was done by those of the slices
        return f"Time: {duration(seconds)}"
    before = f"; {run.before} were done before" if run.before else ""
    pace = f", {speed(images / seconds)}" if images else ""
    return f"Time: {duration(seconds)}{pace}{before}"


def _say(lines: list[str]) -> None:
    end_run()
    if lines:
        print("\n".join(lines), file=sys.stderr, flush=True)
