"""What a job gets of other jobs: the results of a needed step for its image, for its plant, for all.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, overload

from pixmake.job.record import Record, read_record

MEMBERS = ".snakemake/pixmake/members"
"""Where the lists of images lie that belong to one job: too long for the words of a command."""

MISSING = "missing_images"
"""The measurement that says how many images a job over several had to do without."""

_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
Row = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Gathered:
    """What a job has of several images and of the steps that it needs.

    ``rows``, ``images`` and the files of steps that run on each image have one entry an image, in the
    same order; an image for which a needed step failed is in none of them, but in ``missing``.
    """

    rows: tuple[Row, ...] = ()
    """The images of a step with ``per``: id and metadata of each."""
    images: tuple[Mapping[str, str], ...] = ()
    """Their files, by the image's name in its group; the name of a single image is empty."""
    parts: tuple[Mapping[str, Mapping[str, int]], ...] = ()
    """Which part of each of these is meant, by the same names; without a name: all of it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """What they were when the plan was made, of those that have changed or are at URIs."""
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The files of needed steps, by name."""
    by_name: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The files of needed steps that have a job for each image of this job's group: by name, then by the
    image's name."""
    results: Mapping[str, Any] = field(default_factory=dict)
    """By needed step: the values that it measured; where it has several jobs a list of rows, or by the
    names of a group's images the values of each."""
    measurements: tuple[Row, ...] = ()
    """The rows of all needed steps as they will stand in ``measurements.csv``."""
    missing: tuple[str, ...] = ()
    """The ids for which a needed step failed."""


class LazyList(Sequence[T]):
    """A list whose items are read from their files when they are asked for, and then forgotten."""

    def __init__(self, sources: Iterable[Any], read: Callable[[Any], T]) -> None:
        self._sources = list(sources)
        self._read = read

    def __len__(self) -> int:
        return len(self._sources)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> LazyList[T]: ...
    def __getitem__(self, index: int | slice) -> T | LazyList[T]:
        """One item, read now, or some of them, not read yet."""
        if isinstance(index, slice):
            return LazyList(self._sources[index], self._read)
        return self._read(self._sources[index])


class PrerequisiteError(Exception):
    """A needed step failed, and nothing is left to work on; the message says for whom."""


def measurement_row(record: Record) -> dict[str, Any]:
    """A record as a row: id and step, its metadata, then its measurements' values.

    What JSON cannot say (NaN, infinities) is a number again.
    """
    return {"id": record.id, "step": record.step, **record.metadata, **_values(record)}


def gather_single(records: Mapping[str, Record], gathered: Gathered) -> Gathered:
    """Add the results of needed steps that have one job for this one."""
    rows = tuple(measurement_row(record) for record in records.values())
    values = {step: _values(record) for step, record in records.items()}
    return _plus(gathered, results=values, measurements=rows)


def named_results(names: Sequence[str], paths: Sequence[str]) -> dict[str, tuple[Record, Sequence[str]]]:
    """The record of a step's job for each image of a group, and its files.

    Parameters
    ----------
    names
        What the images are called.
    paths
        Of each, in their order: its record, then its files.
    """
    each = len(paths) // len(names)
    parts = {name: paths[number * each : (number + 1) * each] for number, name in enumerate(names)}
    return {name: (read_record(record), files) for name, (record, *files) in parts.items()}


def gather_named(
    step: str,
    found: Mapping[str, tuple[Record, Sequence[str]]],
    files: Sequence[str],
    gathered: Gathered,
) -> Gathered:
    """Add the results of a needed step that has a job for each image of a group; see `named_results`."""
    paths = {
        file: {name: written[number] for name, (_, written) in found.items()}
        for number, file in enumerate(files)
    }
    rows = tuple(measurement_row(record) for record, _ in found.values())
    values = {name: _values(record) for name, (record, _) in found.items()}
    added = _plus(gathered, results={step: values}, measurements=rows)
    return replace(added, by_name={**gathered.by_name, **paths})


def gather_members(path: str | Path, files: Mapping[str, Sequence[str]]) -> Gathered:
    """The images of a job of a step with ``per``, and what the steps that it needs made of them.

    Parameters
    ----------
    path
        The list of images; see `members_text`.
    files
        The names of the files of each needed step.

    Raises
    ------
    PrerequisiteError
        No image is left for which all needed steps succeeded.
    """
    content = json.loads(Path(path).read_bytes())
    members, needed = content["members"], content["needed"]
    records = {step: [read_record(paths[0]) for paths in jobs] for step, jobs in needed.items()}
    aligned = [step for step in needed if content["each_image"][step]]
    failed = [
        any(records[step][number].status == "failed" for step in aligned) for number in range(len(members))
    ]
    if all(failed):
        steps = " or ".join(aligned)
        raise PrerequisiteError(f"step {steps} failed for all {len(members)} images of this job")
    kept = [member for member, gone in zip(members, failed, strict=True) if not gone]
    gathered = Gathered(
        rows=tuple({"id": each["id"], **each["metadata"]} for each in kept),
        images=tuple(each["images"] for each in kept),
        parts=tuple(each.get("parts", {}) for each in kept),
        versions={path: version for each in kept for path, version in each.get("versions", {}).items()},
        missing=tuple(each["id"] for each, gone in zip(members, failed, strict=True) if gone),
    )
    for step, jobs in needed.items():
        gone = failed if step in aligned else [record.status == "failed" for record in records[step]]
        if all(gone):
            raise PrerequisiteError(f"step {step} failed for all {len(gone)} jobs that this one needs")
        left = [number for number, lost in enumerate(gone) if not lost]
        rows = [measurement_row(records[step][number]) for number in left]
        columns = {
            name: tuple(jobs[number][place] for number in left) for place, name in enumerate(files[step], 1)
        }
        lost = () if step in aligned else tuple(r.id for r in records[step] if r.status == "failed")
        gathered = _plus(gathered, files=columns, results={step: rows}, measurements=rows, missing=lost)
    return gathered


def watched_images(path: str | Path) -> dict[str, str]:
    """The files on which a job of a step with ``per`` depends, from its list, each with its version."""
    content = json.loads(Path(path).read_bytes())
    if not content["watched"]:
        return {}
    return {
        image: each.get("versions", {}).get(image, "")
        for each in content["members"]
        for image in each["images"].values()
    }


def needed_files(path: str | Path) -> list[str]:
    """The records and files of other steps in the list of a job of a step with ``per``."""
    needed = json.loads(Path(path).read_bytes())["needed"]
    return [file for jobs in needed.values() for files in jobs for file in files]


def gather_all(path: str | Path, step: str, gathered: Gathered) -> Gathered:
    """Add what a step made of all images; see `pixmake.results.gathering.write_gathered`.

    Raises
    ------
    PrerequisiteError
        It failed for all of them.
    """
    content = json.loads(Path(path).read_bytes())
    rows = [measurement_row(Record(status="ok", step=step, **each)) for each in content["records"] if each]
    if not rows:
        raise PrerequisiteError(f"step {step} failed for all {len(content['missing'])} images")
    files = {name: tuple(paths) for name, paths in content["files"].items()}
    return _plus(
        gathered,
        files=files,
        results={step: rows},
        measurements=rows,
        missing=tuple(content["missing"]),
    )


def members_text(
    members: Iterable[Mapping[str, Any]],
    needed: Mapping[str, Sequence[Sequence[str]]],
    each_image: Mapping[str, bool],
    *,
    watched: bool = True,
) -> str:
    """The list of a job's images as JSON.

    Parameters
    ----------
    members
        Of each image ``id``, ``metadata``, ``images`` (paths by name) and, where not all of it is meant,
        ``parts`` (by the same names), and ``versions`` (by path), see `pixmake.plan.image_versions`.
    needed
        By needed step, of each of its jobs the record and then the files.
    each_image
        Whether a needed step has a job for each image, in the order of ``members``.
    watched
        Whether the job depends on the images themselves.
    """
    content = {"members": list(members), "needed": needed, "each_image": each_image, "watched": watched}
    return json.dumps(content, ensure_ascii=False, sort_keys=True)


def _plus(
    gathered: Gathered,
    *,
    files: Mapping[str, tuple[str, ...]] | None = None,
    results: Mapping[str, Any],
    measurements: Sequence[Row],
    missing: tuple[str, ...] = (),
) -> Gathered:
    return replace(
        gathered,
        files={**gathered.files, **(files or {})},
        results={**gathered.results, **results},
        measurements=(*gathered.measurements, *measurements),
        missing=tuple(dict.fromkeys((*gathered.missing, *missing))),
    )


def _values(record: Record) -> dict[str, Any]:
    return {name: _number(content["value"]) for name, content in record.measurements.items()}


def _number(value: Any) -> Any:
    """A value of a record, with `records.missing_as_text` undone."""
    if isinstance(value, list):
        return [_number(item) for item in value]
    return _NOT_FINITE.get(value, value) if isinstance(value, str) else value
