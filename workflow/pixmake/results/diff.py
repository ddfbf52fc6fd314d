"""What differs between two folders of results: measurements, images and statuses.

The records are compared, one pair at a time and in the order of their names, so that memory does not grow
with the size of the tables. Records that are equal up to what differs from run to run are not even parsed.
"""

from __future__ import annotations

import csv
import heapq
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.job.record import Record, read_record

LARGEST = 10
"""Changes of each measurement that are told one by one."""

_RUN = b'\n "run":'
_RECORD = re.compile(rb'\s*\{\s*"id":.*\s*"step":.*\s*"status":')
_HEAD = 2048


class Change(NamedTuple):
    """A measurement that differs. ``old`` or ``new`` is None where there was none."""

    step: str
    id: str
    name: str
    old: Any
    new: Any
    difference: float | None
    """``new`` less ``old``; of sequences the largest difference of two values at one place."""
    relative: float | None
    """The difference as a share of the old value."""


@dataclass(frozen=True)
class Tolerance:
    """What counts as equal: differences up to a share of the old value, for all or by measurement."""

    relative: float = 0.0
    by_name: Mapping[str, float] = field(default_factory=dict)

    def of(self, name: str) -> float:
        """The share for one measurement."""
        return self.by_name.get(name, self.relative)


@dataclass
class Changed:
    """The changes of one measurement."""

    images: int = 0
    total: float = 0.0
    numbers: int = 0
    largest: list[tuple[float, int, Change]] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        """The mean of the differences, of those that are numbers."""
        return self.total / self.numbers if self.numbers else None

    @property
    def examples(self) -> list[Change]:
        """The largest changes, the largest first."""
        return [change for _, _, change in sorted(self.largest, reverse=True)]


@dataclass
class Differences:
    """All that differs between two folders of results."""

    compared: int = 0
    """Records that are in both."""
    measurements: dict[tuple[str, str], Changed] = field(default_factory=dict)
    """By step and name."""
    added: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By step, old status and new status."""
    images: dict[str, list[str]] = field(default_factory=dict)
    """Of what is not told by measurement, some ids: by kind and step."""

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.measurements or self.added or self.removed or self.statuses)


def compare(
    old: Path,
    new: Path,
    tolerance: Tolerance,
    each: Callable[[Change], None] = lambda change: None,
    ended: Callable[[str, str], None] = lambda step, job_id: None,
) -> Differences:
    """Compare two folders of results.

    Parameters
    ----------
    old, new
        The folders, each with a folder of records for each step.
    tolerance
        What counts as equal.
    each
        Is called with every change, in the order of steps and ids.
    ended
        Is called with the step and id of every record of another status.

    Raises
    ------
    PixmakeError
        A folder is not there or holds no records.
    """
    steps = sorted(set(_steps(old)) | set(_steps(new)))
    found = Differences()
    for step in steps:
        before, after = _ids(old / step), _ids(new / step)
        for job_id in sorted(before | after):
            if job_id not in before:
                _note(found, found.added, "added", new / step, job_id)
            elif job_id not in after:
                _note(found, found.removed, "removed", old / step, job_id)
            else:
                _compare_records(found, old, new, step, job_id, tolerance, each, ended)
    return found


def write_changes(
    path: str,
    old: Path,
    new: Path,
    tolerance: Tolerance,
    more: Mapping[str, Callable[[Change], str]] | None = None,
) -> Differences:
    """Compare, and write every change as a row of a CSV file, with more columns if they are given."""
    more = more or {}
    with written_whole(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([*Change._fields, *more])

        def put(change: Change) -> None:
            cells = (json.dumps(cell) if isinstance(cell, (list, dict)) else cell for cell in change)
            writer.writerow([*cells, *(column(change) for column in more.values())])

        return compare(old, new, tolerance, put)


def lines(found: Differences) -> Iterator[str]:
    """What differs, as lines for a person."""
    for (step, name), changed in sorted(found.measurements.items()):
        mean = changed.mean
        by = "" if mean is None else f", by {mean:+.4g} on average"
        yield f"{step} {name}: changed for {changed.images} of {counted(found.compared, 'record')}{by}"
        for change in changed.examples:
            values = f"{shown_value(change.old)} → {shown_value(change.new)}"
            yield f"  {change.id}: {values}{_share(change.relative)}"
        if changed.images > len(changed.largest):
            yield f"  … and {changed.images - len(changed.largest)} more"
    for (step, before, after), number in sorted(found.statuses.items()):
        examples = found.images[f"{before} → {after} {step}"]
        yield f"{step}: {number} {before} → {after}: {_listed(examples, number)}"
    for kind, counts in (("added", found.added), ("removed", found.removed)):
        for step, number in sorted(counts.items()):
            examples = found.images[f"{kind} {step}"]
            yield f"{step}: {counted(number, 'image')} {kind}: {_listed(examples, number)}"
    if not found.any:
        yield f"no difference in {counted(found.compared, 'record')}"


def as_content(found: Differences) -> dict[str, Any]:
    """The same for programs."""
    return {
        "compared": found.compared,
        "measurements": [
            {
                "step": step,
                "name": name,
                "images": changed.images,
                "mean_difference": changed.mean,
                "largest": [change._asdict() for change in changed.examples],
            }
            for (step, name), changed in sorted(found.measurements.items())
        ],
        "statuses": [
            {"step": step, "old": before, "new": after, "images": number}
            for (step, before, after), number in sorted(found.statuses.items())
        ],
        "added": dict(found.added),
        "removed": dict(found.removed),
    }


def _compare_records(
    found: Differences,
    old: Path,
    new: Path,
    step: str,
    job_id: str,
    tolerance: Tolerance,
    each: Callable[[Change], None],
    ended: Callable[[str, str], None],
) -> None:
    paths = [folder / step / f"{job_id}.json" for folder in (old, new)]
    contents = [path.read_bytes() for path in paths]
    if not all(_RECORD.match(content) for content in contents):
        return  # a file of a step that happens to be JSON
    found.compared += 1
    if contents[0].partition(_RUN)[0] == contents[1].partition(_RUN)[0]:
        return
    before, after = (_record(path) for path in paths)
    if before.status != after.status:
        key = (step, before.status, after.status)
        found.statuses[key] += 1
        found.images.setdefault(f"{before.status} → {after.status} {step}", [])
        _keep(found.images[f"{before.status} → {after.status} {step}"], job_id)
        ended(step, job_id)
        return
    for change in changes(before, after, tolerance):
        _count(found.measurements.setdefault((step, change.name), Changed()), change)
        each(change)


def changes(before: Record, after: Record, tolerance: Tolerance) -> Iterator[Change]:
    """What differs between two records of success: values, and what is known of them, such as units."""
    for name in dict.fromkeys([*before.measurements, *after.measurements]):
        old, new = (record.measurements.get(name, {}) for record in (before, after))
        change = _change(before.step, before.id, name, old.get("value"), new.get("value"), tolerance)
        if change is not None:
            yield change
        for key in sorted({*old, *new} - {"value"}) if old and new else ():
            if old.get(key) != new.get(key):
                yield Change(
                    before.step, before.id, f"{name} ({key})", old.get(key), new.get(key), None, None
                )


def differs(old: Any, new: Any, share: float = 0.0) -> bool:
    """Whether two values are not equal, up to a share of the old one."""
    return _change("", "", "", old, new, Tolerance(share)) is not None


def _change(step: str, job_id: str, name: str, old: Any, new: Any, tolerance: Tolerance) -> Change | None:
    """The change of a value, if it is more than is allowed."""
    share = tolerance.of(name)
    difference = relative = None
    if _is_number(old) and _is_number(new):
        difference = new - old
        relative = difference / abs(old) if old else None
        if _is_close(old, new, share):
            return None
    elif _is_numbers(old) and _is_numbers(new) and len(old) == len(new):
        pairs = list(zip(old, new, strict=True))
        if all(_is_close(a, b, share) for a, b in pairs):
            return None
        a, b = max(pairs, key=lambda pair: abs(pair[1] - pair[0]))
        difference = b - a
        relative = difference / abs(a) if a else None
    elif old == new:
        return None
    return Change(step, job_id, name, old, new, difference, relative)


def _is_close(old: float, new: float, share: float) -> bool:
    return old == new or abs(new - old) <= share * abs(old)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_number(item) for item in value)


def _count(changed: Changed, change: Change) -> None:
    changed.images += 1
    size = math.inf
    if change.difference is not None:
        changed.total += change.difference
        changed.numbers += 1
        size = abs(change.difference if change.relative is None else change.relative)
    # the number breaks ties: of equal changes the first one stays
    entry = (size, -changed.images, change)
    if len(changed.largest) < LARGEST:
        heapq.heappush(changed.largest, entry)
    else:
        heapq.heappushpop(changed.largest, entry)


def _note(found: Differences, counts: Counter[str], kind: str, folder: Path, job_id: str) -> None:
    with open(folder / f"{job_id}.json", "rb") as content:
        if _RECORD.match(content.read(_HEAD)):
            counts[folder.name] += 1
            _keep(found.images.setdefault(f"{kind} {folder.name}", []), job_id)


def _keep(examples: list[str], job_id: str) -> None:
    if len(examples) < LARGEST:
        examples.append(job_id)


def _record(path: Path) -> Record:
    try:
        return read_record(path)
    except ValueError as error:
        raise PixmakeError([Problem(str(error), hint="compare folders that pixmake wrote")]) from None


def _steps(folder: Path) -> list[str]:
    """The folders of records in a folder of results."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        raise PixmakeError([Problem("there is no such folder", str(folder))]) from None
    except NotADirectoryError:
        hint = "name the folder of all results"
        raise PixmakeError([Problem("is not a folder", str(folder), hint)]) from None
    steps = [entry.name for entry in entries if entry.is_dir() and entry.name[0] != "." and _ids(Path(entry))]
    if not steps:
        hint = "it should be the `results` of a project, with a folder for each step"
        raise PixmakeError([Problem("holds no records", str(folder), hint)])
    return steps


def _ids(folder: Path) -> set[str]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return set()
    return {name.removesuffix(".json") for name in names if name.endswith(".json") and name[0] != "."}


def _listed(examples: list[str], number: int) -> str:
    more = number - len(examples)
    return ", ".join(examples) + (f" and {more} more" if more else "")


def shown_value(value: Any) -> str:
    """A measured value for a person, shortened."""
    if value is None:
        return "nothing"
    text = f"{value:.6g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _share(relative: float | None) -> str:
    return "" if relative is None else f" ({relative:+.3%})"
