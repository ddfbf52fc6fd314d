"""What the page says: its points, their failures, how the run went; read from the records in one pass."""

from __future__ import annotations

import datetime
import functools
import math
import os
import re
import statistics
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pixmake.base.values import TIMESTAMP
from pixmake.images.read import IMAGES
from pixmake.job.pictures import QUALITY
from pixmake.job.record import PREREQUISITE, Record
from pixmake.results.image_counts import Counting, Counts
from pixmake.results.report.channels import channels_of, pictures_of_channels
from pixmake.results.report.columns import Column
from pixmake.results.report.design import Design, design_of
from pixmake.results.report.lacking import lacking, needed_by
from pixmake.results.report.outliers import Judgement, judge
from pixmake.results.report.plates import PLATE, Plates, plates_of
from pixmake.results.report.quality import Quality, quality_of_level
from pixmake.results.report.thumbnails import Picture
from pixmake.results.tables import NOT_FINITE, type_of

MOST_LOGS = 300
"""Failures whose log stands in the page; of the others there is a link."""

LOG_BYTES = 6000
"""The end of a log that stands in the page."""

MOST_VALUES = 300_000
"""Values of multi-value measurements that the page holds; with more of them it holds none."""

MOST_COLUMNS, LEAST_COLUMNS, MOST_CELLS = 1_000, 50, 4_000_000
"""Measurements that the page holds of a level, at the most, and of how many points together; those that most
points have come first. The tables have them all."""

MOST_GROUPS = 500
"""Groups of images whose results the page shows."""

_OFFSET = re.compile(r"\d[ T]?\d\d:\d\d.*?(Z|[+-]\d\d:?\d\d)$")
"""A time of day with its zone at the end."""

RUN_FACTS = (("seconds", "s"), ("max_rss_mb", "MB"))


@dataclass(frozen=True)
class Failure:
    """An image that failed."""

    row: int
    """Of its level; -1 where it was a job over several images that is no point."""
    level: int
    """The place of its level in `Content.levels`."""
    id: str
    step: str
    error: str
    message: str
    log: str
    tail: str


@dataclass(frozen=True)
class StepSummary:
    """How one step went."""

    name: str
    settings: Mapping[str, Any]
    done: int
    failed: int
    left_out: int
    """Images of which a needed step failed."""
    seconds: float | None
    """Median of one image."""
    all_seconds: float
    most_mb: float | None


@dataclass(frozen=True)
class Level:
    """What a point of the page may be: an image, or what a step with ``per`` measures; a row a point."""

    terms: tuple[str, ...]
    """The terms of ``per``; none for images."""
    ids: list[str]
    states: list[str]
    """``done``, ``failed`` or ``left out`` for each point."""
    empty: list[int]
    """The rows of points that are done and measured nothing."""
    columns: list[Column]
    left_out: int
    """Measurements that the page has no room for."""
    design: Design
    outliers: Mapping[str, Judgement]
    """Of each measurement that is a number."""
    plates: Plates
    several: Mapping[str, Mapping[str, Any]]
    """Multi-value measurements: labels, and by row the values."""
    pictures: list[str]
    """The id of each point's picture."""
    channels: dict[str, list[str]]
    """By the name of images that are worked on together, such as channels, each point's picture."""
    files: list[list[tuple[str, str]]]
    """Of each point the names and paths of its images and files."""
    members: list[list[int]]
    """The rows of the images of each point; empty for images."""
    lacking: dict[int, tuple[int, int]]
    """Of points that lack images: of how many they were made, and of how many they should have been."""
    quality: Quality
    """Of the pictures as a camera left them."""


@dataclass(frozen=True)
class Content:
    """All that the page shows."""

    title: str
    project: Mapping[str, Any]
    levels: list[Level]
    """Images first, if there are any."""
    first: int
    """The level that the page opens with: images, or the first one where something was measured."""
    failures: list[Failure]
    steps: list[StepSummary]
    facts: Mapping[str, Any]
    """When it ran, on which hosts, with which versions."""
    pictures: list[Picture]
    groups: list[dict[str, Any]]
    """What steps over several images found that are no level, as parts of the page."""


@dataclass
class _Collected:
    ids: dict[str, int] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    terms: dict[str, dict[int, Any]] = field(default_factory=dict)
    measured: dict[tuple[str, str], dict[int, Any]] = field(default_factory=dict)
    units: dict[tuple[str, str], str] = field(default_factory=dict)
    labels: dict[tuple[str, str], Any] = field(default_factory=dict)
    images: list[tuple[str, ...]] = field(default_factory=list)
    names: dict[int, list[str]] = field(default_factory=dict)
    """What the images of a group are called, such as channels."""
    parts: dict[int, list[Mapping[str, int]]] = field(default_factory=dict)
    """Which part of each of its images is meant."""
    versions: dict[int, list[str]] = field(default_factory=dict)
    files: list[list[tuple[str, str]]] = field(default_factory=list)
    facts: dict[str, dict[int, float]] = field(default_factory=dict)
    quality: dict[str, dict[int, float]] = field(default_factory=dict)


@dataclass
class _Jobs:
    """How the jobs of a step went; nothing of each of them, but how long it took."""

    states: Counter[str] = field(default_factory=Counter)
    seconds: array[float] = field(default_factory=lambda: array("d"))
    """Of those that are done."""
    most_mb: float | None = None
    begun: set[str] = field(default_factory=set)
    """When the first and the last of them began."""
    hosts: set[str] = field(default_factory=set)
    versions: dict[str, dict[str, None]] = field(default_factory=dict)

    def take(self, state: str, run: Mapping[str, Any]) -> None:
        """Count one."""
        self.states[state] += 1
        if state == "done" and "seconds" in run:
            self.seconds.append(run["seconds"])
        if memory := run.get("max_rss_mb"):
            self.most_mb = max(memory, self.most_mb or memory)
        if "started" in run:
            begun = str(run["started"])
            if not self.begun or not min(self.begun) <= begun <= max(self.begun):
                found = {begun, *self.begun}
                self.begun = {min(found), max(found)}
        if host := run.get("host"):
            self.hosts.add(str(host))
        software = run.get("versions") or {}
        told = (("Python", run.get("python")), ("PlantCV", run.get("plantcv")), *software.items())
        for name, value in told:
            if value:
                self.versions.setdefault(name, {})[str(value)] = None


@dataclass
class _Run:
    """What belongs to no level alone."""

    levels: dict[tuple[str, ...], _Collected] = field(default_factory=dict)
    failures: list[tuple[tuple[str, ...], Failure]] = field(default_factory=list)
    steps: dict[str, _Jobs] = field(default_factory=dict)
    groups: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def collect(records: Iterable[Record], project: Mapping[str, Any], folder: Path) -> Content:
    """Read what the page says from the records.

    Parameters
    ----------
    records
        Image by image.
    project
        See `pixmake.rules.aggregate_rules.report_project`.
    folder
        The page's folder.
    """
    run, counting = _Run({(): _Collected()}), Counting()
    over_several = set(project.get("over_several", ()))
    results = str(project.get("results", "results"))
    for record in records:
        counting.take(record)
        terms = _terms_of(record.step, project)
        if record.step in over_several and not terms:
            _take_group(run, record)
        else:
            _take(run, run.levels.setdefault(terms, _Collected()), terms, record, results)
    counts = counting.counts()
    images = run.levels[()]
    some = {terms: found for terms, found in run.levels.items() if found.ids} or {(): images}
    levels = []
    pictures: list[Picture] = []
    for terms, found in some.items():
        steps = {step for step in counts.empty if _terms_of(step, project) == terms}
        members = _members(found, images, terms) if terms else [[] for _ in found.ids]
        lost = _lost(run, terms, project)
        empty = _empty(found, counts, steps)
        levels.append(_level(found, images, terms, members, lost, empty, project, folder))
        pictures += _pictures(found, terms, members)
    places = {terms: place for place, terms in enumerate(some)}
    measuring = [place for place, level in enumerate(levels) if any(map(_is_measured, level.columns))]
    return Content(
        title=str(project.get("title", "")),
        project=project,
        levels=levels,
        first=measuring[0] if measuring else 0,
        failures=[replace(failure, level=places.get(terms, 0)) for terms, failure in run.failures],
        steps=[_step(name, jobs, project) for name, jobs in run.steps.items()],
        facts=_facts(run.steps.values()),
        pictures=pictures,
        groups=[_group_table(step, rows) for step, rows in run.groups.items()],
    )


def _terms_of(step: str, project: Mapping[str, Any]) -> tuple[str, ...]:
    """The terms of a step's ``per``; none where it runs for each image, or once for all."""
    per = project.get("steps", {}).get(step, {}).get("per")
    return () if per in (None, "all") else (per,) if isinstance(per, str) else tuple(per)


def _is_measured(column: Column) -> bool:
    return column.kind == "measurement" and column.type == "number"


def _level(
    found: _Collected,
    images: _Collected,
    terms: tuple[str, ...],
    members: list[list[int]],
    lost: set[int],
    empty: list[int],
    project: Mapping[str, Any],
    folder: Path,
) -> Level:
    rows = len(found.ids)
    measured, left_out = _measurements(found, rows)
    columns = [
        *_terms(found, project, rows),
        *measured,
        *(
            Column(f"run: {name}", "run", "number", unit, "", _column(found.facts[name], rows))
            for name, unit in RUN_FACTS
            if name in found.facts
        ),
    ]
    controls = project.get("controls") or {}
    design = design_of(columns, controls.get("column", ""))
    ids, image_ids = list(found.ids), list(images.ids)
    own = [_has_own(found, row, members[row]) for row in range(rows)]
    pictures = [
        _picture_id(terms, job_id) if own[row] else image_ids[members[row][0]] if members[row] else ""
        for row, job_id in enumerate(ids)
    ]
    return Level(
        terms=terms,
        ids=ids,
        states=found.states,
        empty=empty,
        columns=columns,
        left_out=left_out,
        design=design,
        outliers={column.key: judge(column.values, design) for column in columns if _is_measured(column)},
        plates=plates_of(columns, project.get("controls")),
        several=_several(found),
        pictures=pictures,
        channels=channels_of(found.names, pictures, own),
        files=[
            [
                (name, _relative(path, folder))
                for name, path in [
                    *(_named(found.images[row], found.names.get(row)) if own[row] else ()),
                    *(_member_images(images, image_ids, members[row]) if not own[row] else ()),
                    *found.files[row],
                ]
            ]
            for row in range(rows)
        ],
        members=members if terms else [],
        lacking=lacking(members, list(map(len, found.images)), lost, _plates(found)) if terms else {},
        quality=quality_of_level(
            {name: _column(values, rows) for name, values in found.quality.items()}, columns, design.time
        ),
    )


def _member_images(
    images: _Collected, ids: Sequence[str], members: Sequence[int]
) -> Iterable[tuple[str, str]]:
    """The images of a point's images, each channel: by the image's id, and the channel's name."""
    for row in members:
        named = _named(images.images[row], images.names.get(row))
        for name, path in named:
            yield (ids[row] if len(named) == 1 else f"{ids[row]}: {name}"), path


def _lost(run: _Run, terms: tuple[str, ...], project: Mapping[str, Any]) -> set[int]:
    """The rows of images that failed in a step that the steps over these terms need."""
    settings = project.get("steps", {})
    needed = needed_by([step for step in settings if _terms_of(step, project) == terms], settings)
    return {failure.row for of, failure in run.failures if not of and failure.step in needed}


def _plates(found: _Collected) -> list[Any]:
    term = next(filter(PLATE.match, found.terms), "")
    return [found.terms.get(term, {}).get(row) for row in range(len(found.ids))]


def _members(found: _Collected, images: _Collected, terms: tuple[str, ...]) -> list[list[int]]:
    """The rows of the images that share the terms of each point."""
    by_key: dict[tuple[str, ...], list[int]] = {}
    for row in range(len(images.ids)):
        by_key.setdefault(_key(images, row, terms), []).append(row)
    return [by_key.get(_key(found, row, terms), []) for row in range(len(found.ids))]


def _key(found: _Collected, row: int, terms: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(found.terms.get(term, {}).get(row)) for term in terms)


def _picture_id(terms: Sequence[str], job_id: str) -> str:
    """No id has a ``+``: an image and a plant of one name have pictures of their own."""
    return "+".join([*terms, job_id])


def _has_own(found: _Collected, row: int, members: Sequence[int]) -> bool:
    """Whether a point has a picture of its own: an image whose pictures are made anyway serves as well."""
    return bool(found.images[row]) and not (members and not any(_pictures_of(found.files[row])))


def _pictures(
    found: _Collected, terms: tuple[str, ...], members: Sequence[Sequence[int]]
) -> Iterable[Picture]:
    for job_id, row in found.ids.items():
        if _has_own(found, row, members[row]):
            paths = found.images[row]
            # the first image stands for all where they have no names
            names = found.names.get(row, [""])
            yield from pictures_of_channels(
                _picture_id(terms, job_id),
                paths[: len(names)],
                names,
                list(_pictures_of(found.files[row])),
                found.parts.get(row, ()),
                found.versions.get(row, ()),
            )


def _empty(found: _Collected, counts: Counts, steps: Collection[str]) -> list[int]:
    done = {job_id for job_id, row in found.ids.items() if found.states[row] == "done"}
    measuring = [ids for step, ids in counts.empty.items() if step in steps]
    return sorted(found.ids[job_id] for job_id in (done.intersection(*measuring) if measuring else ()))


def _take(run: _Run, found: _Collected, terms: tuple[str, ...], record: Record, results: str) -> None:
    row = found.ids.setdefault(record.id, len(found.ids))
    if row == len(found.states):
        found.states.append("done")
        found.images.append(())
        found.files.append([])
        for term, value in record.metadata.items():
            found.terms.setdefault(term, {})[row] = value
    if not found.images[row]:
        found.images[row] = tuple(record.images) or (_inputs(record, results) if terms else ())
        names = record.origin.get("task", {}).get("names")
        if names and len(names) == len(found.images[row]):
            found.names[row] = [str(name) for name in names]
    if record.images and row not in found.parts:
        parts = record.origin.get("task", {}).get("parts")
        if parts:
            found.parts[row] = parts
        versions = record.origin.get("task", {}).get("versions")
        if versions and versions[0]:
            found.versions[row] = versions
    found.files[row] += [(f"{record.step}: {name}", path) for name, path in record.files.items()]
    state = "done"
    if record.error is not None:
        state = "left out" if record.error.type == PREREQUISITE else "failed"
        if state == "failed":
            run.failures.append((terms, _failure(record, row, len(run.failures))))
        if found.states[row] != "failed":
            found.states[row] = state
    run.steps.setdefault(record.step, _Jobs()).take(state, record.run)
    for name, _ in RUN_FACTS:
        value = record.run.get(name)
        if isinstance(value, (int, float)):
            so_far = found.facts.setdefault(name, {}).get(row, 0.0)
            found.facts[name][row] = so_far + value if name == "seconds" else max(so_far, value)
    for name, value in (record.run.get(QUALITY) or {}).items():
        found.quality.setdefault(name, {}).setdefault(row, value)
    for name, content in record.measurements.items():
        key = (record.step, name)
        found.measured.setdefault(key, {})[row] = content["value"]
        unit = content.get("unit")
        if unit and key not in found.units:
            found.units[key] = str(unit)
        if isinstance(content["value"], list) and key not in found.labels:
            found.labels[key] = content.get("label")


def _inputs(record: Record, results: str) -> tuple[str, ...]:
    """The images that a job over several was made of: its inputs, but for what other steps made."""
    paths = (str(each.get("path", "")) for each in record.origin.get("inputs", ()))
    own = (path for path in paths if not path.startswith(f"{results}/"))
    return tuple(path for path in own if Path(path).suffix.lstrip(".").lower() in IMAGES)


def _take_group(run: _Run, record: Record) -> None:
    """A job over several images: it is no row of the images, but has a table of its own."""
    state = "done"
    if record.error is not None:
        state = "left out" if record.error.type == PREREQUISITE else "failed"
        if state == "failed":
            run.failures.append(((), _failure(record, -1, len(run.failures))))
    elif record.measurements:
        row = {name: content["value"] for name, content in record.measurements.items()}
        run.groups.setdefault(record.step, []).append({"id": record.id, **row})
    run.steps.setdefault(record.step, _Jobs()).take(state, record.run)


def _group_table(step: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results of a step over several images as a part of the page."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    cells = [["" if row.get(name) is None else _text(row[name]) for name in header] for row in rows]
    about = "for each group of images"
    part = {"function": step, "name": step, "about": about, "value": "", "kind": "table", "path": ""}
    return {**part, "rows": [header, *cells[:MOST_GROUPS]], "more": len(cells) > MOST_GROUPS}


def _failure(record: Record, row: int, before: int) -> Failure:
    error = record.error
    assert error is not None
    tail = _tail(error.log) if before < MOST_LOGS else ""
    return Failure(
        row,
        0,
        record.id,
        record.step,
        error.type,
        error.message,
        error.log,
        tail or error.traceback[-LOG_BYTES:],
    )


def _tail(log: str) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.path.getsize(log) - LOG_BYTES))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _terms(found: _Collected, project: Mapping[str, Any], rows: int) -> list[Column]:
    order = [term for term in project.get("terms", ()) if term in found.terms]
    order += [term for term in found.terms if term not in order]
    columns = []
    for term in order:
        values = _column(found.terms[term], rows)
        if term == TIMESTAMP or _looks_like_dates(values):
            zone, moved = _zone(values)
            times = [_milliseconds(value, project.get("timestamp_format"), moved) for value in values]
            if any(time is not None for time in times):
                columns.append(Column(term, "term", "time", zone, "", times))
                continue
        columns.append(_typed(term, "term", "", "", values))
    return columns


def _measurements(found: _Collected, rows: int) -> tuple[list[Column], int]:
    """The single-value measurements, those of two steps by the step's name, and how many have no room."""
    names = Counter(name for _, name in found.measured)
    single = {
        key: values
        for key, values in found.measured.items()
        if not any(isinstance(value, (list, dict)) for value in values.values())
    }
    room = max(LEAST_COLUMNS, min(MOST_COLUMNS, MOST_CELLS // max(rows, 1)))
    if len(single) > room:
        fullest = sorted(single, key=lambda key: -len(single[key]))[:room]
        chosen = set(fullest)
        kept = {key: values for key, values in single.items() if key in chosen}
    else:
        kept = single
    columns = []
    for (step, name), values in kept.items():
        twice = names[name] > 1 or name in found.terms
        unit = found.units.get((step, name), "")
        columns.append(
            _typed(f"{step}.{name}" if twice else name, "measurement", unit, step, _column(values, rows))
        )
    return columns, len(single) - len(kept)


def _several(found: _Collected) -> dict[str, dict[str, Any]]:
    keys = [key for key in found.labels if any(isinstance(v, list) for v in found.measured[key].values())]
    count = sum(len(v) for key in keys for v in found.measured[key].values() if isinstance(v, list))
    if count > MOST_VALUES:
        return {}
    return {
        f"{step}.{name}": {
            "labels": found.labels[step, name],
            "unit": found.units.get((step, name), ""),
            "rows": {str(row): values for row, values in found.measured[step, name].items()},
        }
        for step, name in keys
    }


def _typed(key: str, kind: str, unit: str, step: str, values: list[Any]) -> Column:
    types = {type_of(value) for value in values} - {""}
    if types and types <= {"integer", "number"}:
        numbers = [None if value is None or value in NOT_FINITE else _short(value) for value in values]
        return Column(key, kind, "number", unit, step, numbers)
    if types == {"bool"}:
        return Column(key, kind, "bool", unit, step, values)
    texts = [None if value is None else _text(value) for value in values]
    return Column(key, kind, "text", unit, step, texts)


def _short(value: float) -> float | int:
    """Seven digits are what a page shows, and they make it half as large."""
    return value if isinstance(value, int) or not math.isfinite(value) else float(f"{value:.7g}")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _column(values: Mapping[int, Any], rows: int) -> list[Any]:
    return [values.get(row) for row in range(rows)]


def _looks_like_dates(values: Sequence[Any]) -> bool:
    some = [value for value in values if value is not None][:20]
    return bool(some) and all(
        isinstance(value, str) and len(value) >= 10 and _milliseconds(value, None) is not None
        for value in some
    )


def _zone(values: Sequence[Any]) -> tuple[str, bool]:
    """The time zone of times, in words; of several zones it is UTC, to which they have to be moved."""
    found = {match[1] for value in values if isinstance(value, str) and (match := _OFFSET.search(value))}
    if len(found) > 1:
        return "UTC", True
    zone = next(iter(found), "")
    return ("UTC" if zone == "Z" else f"UTC{zone}") if zone else "", False


def _milliseconds(value: Any, format_: str | None, moved: bool = False) -> float | None:
    """A time as written, as if it were UTC: a page that is opened elsewhere shows the same hours."""
    if not isinstance(value, str):
        return None
    for parse in (
        datetime.datetime.fromisoformat,
        lambda text: datetime.datetime.strptime(text, format_ or "%Y-%m-%d %H:%M:%S"),
    ):
        try:
            time = parse(value)
        except ValueError:
            continue
        if moved and time.tzinfo is not None:
            return time.timestamp() * 1000
        return time.replace(tzinfo=datetime.UTC).timestamp() * 1000
    return None


def _named(images: Sequence[str], names: Sequence[str] | None) -> list[tuple[str, str]]:
    if names:
        return list(zip(names, images, strict=True))
    return [("image" if len(images) == 1 else f"image {n}", path) for n, path in enumerate(images, 1)]


def _pictures_of(files: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((name, path) for name, path in files if os.path.splitext(path)[1].lstrip(".").lower() in IMAGES)


def _relative(path: str, folder: Path) -> str:
    """A path as the page's own folder sees it; an address stays what it is."""
    if "://" in path:
        return path
    above, _, name = path.rpartition("/")
    if not above or name in ("", ".", ".."):
        return os.path.relpath(path, folder).replace(os.sep, "/")
    way = _way(above, str(folder))
    return name if way == "." else f"{way}/{name}"


@functools.lru_cache(maxsize=4096)
def _way(above: str, folder: str) -> str:
    """The way from one folder to another: it is found once for all files that are there."""
    return os.path.relpath(above, folder).replace(os.sep, "/")


def _step(name: str, jobs: _Jobs, project: Mapping[str, Any]) -> StepSummary:
    return StepSummary(
        name=name,
        settings=project.get("steps", {}).get(name, {}),
        done=jobs.states["done"],
        failed=jobs.states["failed"],
        left_out=jobs.states["left out"],
        seconds=statistics.median(jobs.seconds) if jobs.seconds else None,
        all_seconds=sum(jobs.seconds),
        most_mb=jobs.most_mb,
    )


def _facts(steps: Iterable[_Jobs]) -> dict[str, Any]:
    """When, where and with what it ran; several values of one thing are all told."""
    begun, hosts = set[str](), set[str]()
    versions: dict[str, dict[str, None]] = {}
    for jobs in steps:
        begun |= jobs.begun
        hosts |= jobs.hosts
        for name, values in jobs.versions.items():
            versions.setdefault(name, {}).update(values)
    return {
        "started": min(begun, default=None),
        "last_started": max(begun, default=None),
        "hosts": sorted(hosts)[:50],
        "versions": {name: list(values) for name, values in versions.items()},
    }
