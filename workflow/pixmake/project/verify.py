"""Some images of a finished project run again, beside the results, to see that they come out the same."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.images.read import read_image
from pixmake.job.record import Record, read_record
from pixmake.plan.plan import Job, Plan
from pixmake.project.try_image import is_made_so, run_again
from pixmake.results.crate import VERIFIED, VERIFIED_FORMAT
from pixmake.results.diff import Tolerance, changes, shown_value
from pixmake.results.provenance import provenance_file, software
from pixmake.rules.lock import is_running

FOLDER = ".snakemake/pixmake/verify"
"""Where what is made again lies; it stays if something differs."""

MOST_TOLD = 20
"""Differences that are told to a person; all of them stand in the file."""

_STAMP = ".snakemake_timestamp"
_PART = 1024 * 1024


class Difference(NamedTuple):
    """Something that did not come out the same."""

    step: str
    id: str
    what: str


@dataclass
class Verified:
    """What came of running images again."""

    seed: int
    """Of the sample."""
    images: int
    """Of the project."""
    ids: list[str]
    """The images that were run again."""
    passed_over: int = 0
    """Images that were drawn and cannot be compared: not finished, or made of what is no longer so."""
    records: int = 0
    files: int = 0
    """Records and files that were compared."""
    not_kept: int = 0
    """Files that no longer lie in the results, with `keep` other than `all`."""
    differences: list[Difference] = field(default_factory=list)


def verify(plan: Plan, sample: str, seed: int) -> Verified:
    """Run a random sample of the finished images again, and compare records and files with the results.

    Only images whose records say that they were made as the project would make them now are taken: all else
    differs anyway. Steps with ``per`` are run where a step of an image needs them.

    Parameters
    ----------
    plan
        The project's plan.
    sample
        How many: a number, or a share of all such as ``1%``; at least one.
    seed
        The same seed draws the same images, as long as the project has the same.

    Raises
    ------
    PixmakeError
        A run is going on, or no image is finished.
    """
    if is_running():
        raise PixmakeError([Problem("a run is going on in this folder", hint="wait for it, or end it")])
    jobs: dict[str, list[Job]] = {}
    for planned, job in plan.jobs(over_several=False):
        if planned.step.terms is None:
            jobs.setdefault(job.task.id, []).append(job)
    count = sample_size(sample, len(jobs))
    drawn = sorted(jobs)
    random.Random(seed).shuffle(drawn)
    ids: list[str] = []
    before: dict[tuple[str, str], Record] = {}
    passed_over = 0
    for job_id in drawn:
        if len(ids) == count:
            break
        records = _finished(jobs[job_id])
        if records is None:
            passed_over += 1
            continue
        ids.append(job_id)
        before.update({(record.step, record.id): record for record in records})
    if not ids:
        hint = "run snakemake first, with the config as it is"
        raise PixmakeError([Problem("no image is finished and as the config says", "verify", hint)])
    shutil.rmtree(FOLDER, ignore_errors=True)
    found = Verified(seed, len(jobs), ids, passed_over)
    for tried in run_again(plan, ids, FOLDER):
        made = before[tried.record.step, tried.record.id]
        found.records += 1
        found.differences += [Difference(made.step, made.id, what) for what in _differs(made, tried.record)]
        _compare_files(found, made, tried.record)
    if not found.differences:
        shutil.rmtree(FOLDER, ignore_errors=True)
    return found


def sample_size(sample: str, images: int) -> int:
    """How many images a sample is of so many.

    Examples
    --------
    >>> sample_size("1%", 10_000), sample_size("1%", 3), sample_size("20", 12)
    (100, 1, 12)
    """
    text = sample.strip()
    count = Fraction(text[:-1]) * images / 100 if text.endswith("%") else Fraction(int(text))
    return min(max(math.ceil(count), 1), images)


def note(found: Verified, results: str) -> Path:
    """Write what was found to the folder of results, where `pixmake crate` takes it from.

    Returns
    -------
    Path
        The file.
    """
    provenance = Path(provenance_file(results))
    content = {
        "format": VERIFIED_FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        **as_content(found),
        "provenance": _checksum(str(provenance)) if provenance.exists() else None,
        "software": software(),
    }
    path = Path(results) / VERIFIED
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def as_content(found: Verified) -> dict[str, Any]:
    """What was found, for programs."""
    return {
        "same": not found.differences,
        **vars(found),
        "differences": [each._asdict() for each in found.differences],
    }


def lines(found: Verified) -> Iterator[str]:
    """The same for a person."""
    yield f"{len(found.ids)} of {found.images} images were run again (seed {found.seed})"
    if found.passed_over:
        yield f"{found.passed_over} more were passed over: not finished, or the next run makes them again"
    if found.not_kept:
        yield f"{found.not_kept} files are no longer in the results, and were not compared"
    for each in found.differences[:MOST_TOLD]:
        yield f"{each.step} of {each.id}: {each.what}"
    if len(found.differences) > MOST_TOLD:
        yield f"… and {len(found.differences) - MOST_TOLD} more differences"
    told = f"{counted(found.records, 'record')} and {counted(found.files, 'file')}"
    if found.differences:
        images = len({each.id for each in found.differences})
        yield f"Of {told}, those of {counted(images, 'image')} differ: see {FOLDER}"
    else:
        yield f"{told} came out the same"


def _finished(jobs: list[Job]) -> list[Record] | None:
    """The records of an image, if all are there and were made as they would be now."""
    records = []
    for job in jobs:
        try:
            record = read_record(job.record)
        except (OSError, ValueError):
            return None
        if not is_made_so(record, job):
            return None
        records.append(record)
    return records


def _differs(made: Record, again: Record) -> Iterator[str]:
    """What differs between two records of a job."""
    if made.status != again.status:
        yield f"was {_ended(made)} and is {_ended(again)}"
    elif _ended(made) != _ended(again):
        yield f"failed otherwise: was {_ended(made)} and is {_ended(again)}"
    else:
        for change in changes(made, again, Tolerance()):
            yield f"{change.name} was {shown_value(change.old)} and is {shown_value(change.new)}"


def _ended(record: Record) -> str:
    """How a job ended; a message may name files, which lie elsewhere the second time."""
    if record.error is None:
        return record.status
    names = (os.path.basename(word) if "/" in word else word for word in record.error.message.split())
    return f"failed ({record.error.type}: {' '.join(names)})"


def _compare_files(found: Verified, made: Record, again: Record) -> None:
    for name in dict.fromkeys([*made.files, *again.files]):
        if name not in made.files or name not in again.files:
            what = f"file {name} is {'not made any more' if name in made.files else 'new'}"
            found.differences.append(Difference(made.step, made.id, what))
        elif not os.path.exists(made.files[name]):
            found.not_kept += 1
        else:
            found.files += 1
            was, now = (_checksum(record.files[name]) for record in (made, again))
            if was != now:
                how = _pixels(made.files[name], again.files[name])
                what = f"file {name} has SHA-256 {now[:12]}… and had {was[:12]}…{how}"
                found.differences.append(Difference(made.step, made.id, what))


def _checksum(path: str) -> str:
    """The SHA-256 of a file; of a folder that of its files' names and contents."""
    digest = hashlib.sha256()
    if not os.path.isdir(path):
        _take(path, digest)
        return digest.hexdigest()
    for parent, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if name != _STAMP:  # Snakemake's, in what a rule has made
                file = os.path.join(parent, name)
                digest.update(os.fsencode(os.path.relpath(file, path)) + b"\0")
                _take(file, digest)
    return digest.hexdigest()


def _take(path: str, digest: Any) -> None:
    with open(path, "rb") as content:
        while part := content.read(_PART):
            digest.update(part)


def _pixels(was: str, now: str) -> str:
    """How two pictures differ; nothing if they are none."""
    try:
        before, after = read_image(was), read_image(now)
    except Exception:  # whatever a file of a step is, it need not be a picture
        return ""
    if before.shape != after.shape or before.dtype != after.dtype:
        return f": {before.shape} {before.dtype} became {after.shape} {after.dtype}"
    other = int((before != after).sum())
    return f": {other} of {before.size} values of its pixels differ" if other else ": the same pixels"
