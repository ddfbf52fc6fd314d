"""The images of a plan, counted: each is measured, empty, failed or not run, and is one of them alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pixmake.base.counted import counted
from pixmake.base.files import written_whole
from pixmake.base.ids import memory_of
from pixmake.job.record import PREREQUISITE, Record, read_record

_RETURNS = ("function", "notebook")
_TELLS = ("script", "shell")


@dataclass(frozen=True)
class Counts:
    """What the records of all jobs say, by step, in ids."""

    empty: Mapping[str, Sequence[str]]
    """Of each step that measures, the jobs that went well and measured nothing."""
    skipped: Mapping[str, Sequence[str]]
    """The jobs that did not run, since a step that they need failed."""


@dataclass(frozen=True)
class ImageSum:
    """Where the images of a plan are; the four together are all of them."""

    images: int
    measured: int
    empty: int
    failed: int
    not_run: int
    measures: bool = True
    """Whether any step measures; else an image that went well is done, and cannot be empty."""

    def __str__(self) -> str:
        parts = [
            (self.measured, "measured" if self.measures else "done"),
            (self.empty, "empty"),
            (self.failed, "failed"),
            (self.not_run, "not run"),
        ]
        listed = " + ".join(
            f"{count} {word}" for number, (count, word) in enumerate(parts) if count or not number
        )
        return f"{counted(self.images, 'image')} = {listed}"


@dataclass
class Counting:
    """Takes records one by one, in memory for those that are not as most are."""

    _measuring: set[str] = field(default_factory=set)
    _empty: dict[str, list[str]] = field(default_factory=dict)
    _skipped: dict[str, list[str]] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Count a record; what a PlantCV script adds to its image's metadata is no measurement."""
        self.add(record.step, record.id, counted_as(record))

    def add(self, step: str, job_id: str, kind: str) -> None:
        """Count a record by what `counted_as` said of it."""
        if kind == SKIPPED:
            self._skipped.setdefault(step, []).append(job_id)
        elif kind in (EMPTY, EMPTY_BY_ITSELF):
            self._empty.setdefault(step, []).append(job_id)
        if kind in (MEASURED, EMPTY):
            self._measuring.add(step)

    def counts(self) -> Counts:
        """What was counted; a step that measured nothing in any image, and need not, is not among it."""
        empty = {step: self._empty.get(step, []) for step in sorted(self._measuring)}
        return Counts(empty, self._skipped)


MEASURED, EMPTY, SKIPPED, FAILED = "measured", "empty", "skipped", "failed"
EMPTY_BY_ITSELF = "empty by itself"
"""Of a record that measured nothing and does not say that its step is there to measure."""


def counted_as(record: Record) -> str:
    """What a record counts as."""
    if record.error is not None:
        return SKIPPED if record.error.type == PREREQUISITE else FAILED
    if any("term" not in content for content in record.measurements.values()):
        return MEASURED
    return EMPTY if declares_measurements(record) else EMPTY_BY_ITSELF


def declares_measurements(record: Record) -> bool:
    """Whether a step is there to measure, by what its job was told, whatever became of its images.

    A function without files has nothing else to give; one that has files may be there for these alone.
    """
    task = record.origin.get("task", {})
    kind = task.get("kind")
    if kind in _TELLS:
        return "measurements" in task.get("work", {})
    return kind == "plantcv" or (kind in _RETURNS and not task.get("files"))


def count_records(paths: Iterable[str]) -> Counts:
    """The counts of records on disk; those that are not there are passed over."""
    counting = Counting()
    for path in paths:
        try:
            counting.take(read_record(path))
        except (OSError, ValueError):
            continue
    return counting.counts()


def counted_file(results: str | Path) -> Path:
    """The file that says which images measured nothing when the tables were last made."""
    return Path(memory_of(str(results))) / "counts.json"


def write_counts(counts: Counts, results: str | Path) -> None:
    """Keep counts beside the tables, for who asks later without reading every record."""
    with written_whole(counted_file(results)) as temporary:
        temporary.write_text(json.dumps(vars(counts), ensure_ascii=False) + "\n", encoding="utf-8")


def read_counts(results: str | Path, since: float = 0.0) -> Counts | None:
    """The counts that the tables were made with; nothing if there are none, or none that are as new."""
    path = counted_file(results)
    try:
        if path.stat().st_mtime < since:
            return None
        return Counts(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def image_sum(
    images: Collection[str],
    counts: Counts,
    *,
    failed: Collection[str],
    not_run: Collection[str] = (),
    over_several: Collection[str] = (),
) -> ImageSum:
    """Count the images of a plan.

    Parameters
    ----------
    images
        Their ids.
    counts
        What the records say.
    failed
        Those of which a step failed by itself.
    not_run
        Those of which a step was not run; beside them, those that were left out for a step that failed.
    over_several
        Steps whose jobs are no images.
    """
    everyone = set(images)
    lost = everyone & set(failed)
    left = everyone - lost
    skipped = [ids for step, ids in counts.skipped.items() if step not in over_several]
    waiting = left & set(not_run).union(*skipped)
    left -= waiting
    measuring = [ids for step, ids in counts.empty.items() if step not in over_several]
    empty = left.intersection(*measuring) if measuring else set()
    return ImageSum(
        len(everyone), len(left - empty), len(empty), len(lost), len(waiting), measures=bool(measuring)
    )
