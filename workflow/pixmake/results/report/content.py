"""What the page says: a row an image, its failures, how the run went; read from the records in one pass."""

from __future__ import annotations

import datetime
import math
import os
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixmake.base.values import TIMESTAMP
from pixmake.images.read import IMAGES
from pixmake.job.record import Record
from pixmake.job.run import PREREQUISITE
from pixmake.results.image_counts import Counting, Counts
from pixmake.results.report.thumbnails import Picture
from pixmake.results.tables import NOT_FINITE, type_of

MOST_LOGS = 300
"""Failures whose log stands in the page; of the others there is a link."""

LOG_BYTES = 6000
"""The end of a log that stands in the page."""

MOST_VALUES = 300_000
"""Values of multi-value measurements that the page holds; with more of them it holds none."""

MOST_GROUPS = 500
"""Groups of images whose results the page shows."""

RUN_FACTS = (("seconds", "s"), ("max_rss_mb", "MB"))


@dataclass(frozen=True)
class Column:
    """A column of the page's table, with its values in the order of the images."""

    key: str
    kind: str
    """``term``, ``measurement`` or ``run``."""
    type: str
    """``number``, ``text``, ``bool`` or ``time`` (milliseconds since 1970)."""
    unit: str
    step: str
    values: list[Any]


@dataclass(frozen=True)
class Failure:
    """An image that failed."""

    row: int
    """Of the table; -1 where it was no image but a job over several."""
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
class Content:
    """All that the page shows."""

    title: str
    project: Mapping[str, Any]
    ids: list[str]
    states: list[str]
    """``done``, ``failed`` or ``left out`` for each image."""
    empty: list[int]
    """The rows of images that are done and measured nothing."""
    columns: list[Column]
    several: Mapping[str, Mapping[str, Any]]
    """Multi-value measurements: labels, and by row the values."""
    failures: list[Failure]
    steps: list[StepSummary]
    facts: Mapping[str, Any]
    """When it ran, on which hosts, with which versions."""
    pictures: list[Picture]
    groups: list[dict[str, Any]]
    """What steps over several images found, as parts of the page."""
    files: list[list[tuple[str, str]]]
    """Of each image the names and paths of its images and files."""


@dataclass
class _Collected:
    ids: dict[str, int] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    terms: dict[str, dict[int, Any]] = field(default_factory=dict)
    measured: dict[tuple[str, str], dict[int, Any]] = field(default_factory=dict)
    units: dict[tuple[str, str], str] = field(default_factory=dict)
    labels: dict[tuple[str, str], Any] = field(default_factory=dict)
    images: list[tuple[str, ...]] = field(default_factory=list)
    parts: dict[int, Mapping[str, int]] = field(default_factory=dict)
    versions: dict[int, str] = field(default_factory=dict)
    files: list[list[tuple[str, str]]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    steps: dict[str, list[tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)
    facts: dict[str, dict[int, float]] = field(default_factory=dict)
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
    found, counting = _Collected(), Counting()
    over_several = set(project.get("over_several", ()))
    for record in records:
        counting.take(record)
        if record.step in over_several:
            _take_group(found, record)
        else:
            _take(found, record)
    rows = len(found.ids)
    columns = [
        *_terms(found, project, rows),
        *_measurements(found, rows),
        *(
            Column(f"run: {name}", "run", "number", unit, "", _column(found.facts[name], rows))
            for name, unit in RUN_FACTS
            if name in found.facts
        ),
    ]
    ids = list(found.ids)
    pictures = [
        Picture(
            job_id,
            found.images[row][0],
            tuple(_pictures_of(found.files[row])),
            found.parts.get(row, {}),
            found.versions.get(row, ""),
        )
        for job_id, row in found.ids.items()
        if found.images[row]
    ]
    return Content(
        title=str(project.get("title", "")),
        project=project,
        ids=ids,
        states=found.states,
        empty=_empty(found, counting.counts(), over_several),
        columns=columns,
        several=_several(found),
        failures=found.failures,
        steps=[_step(name, runs, project) for name, runs in found.steps.items()],
        facts=_facts(found),
        pictures=pictures,
        groups=[_group_table(step, rows) for step, rows in found.groups.items()],
        files=_files(found, folder),
    )


def _empty(found: _Collected, counts: Counts, over_several: Collection[str]) -> list[int]:
    done = {job_id for job_id, row in found.ids.items() if found.states[row] == "done"}
    measuring = [ids for step, ids in counts.empty.items() if step not in over_several]
    return sorted(found.ids[job_id] for job_id in (done.intersection(*measuring) if measuring else ()))


def _take(found: _Collected, record: Record) -> None:
    row = found.ids.setdefault(record.id, len(found.ids))
    if row == len(found.states):
        found.states.append("done")
        found.images.append(())
        found.files.append([])
        for term, value in record.metadata.items():
            found.terms.setdefault(term, {})[row] = value
    if record.images and not found.images[row]:
        found.images[row] = tuple(record.images)
        parts = record.origin.get("task", {}).get("parts")
        if parts:
            found.parts[row] = parts[0]
        versions = record.origin.get("task", {}).get("versions")
        if versions and versions[0]:
            found.versions[row] = versions[0]
    found.files[row] += [(f"{record.step}: {name}", path) for name, path in record.files.items()]
    state = "done"
    if record.error is not None:
        state = "left out" if record.error.type == PREREQUISITE else "failed"
        if state == "failed":
            found.failures.append(_failure(found, record, row))
        if found.states[row] != "failed":
            found.states[row] = state
    found.steps.setdefault(record.step, []).append((state, record.run))
    for name, _ in RUN_FACTS:
        value = record.run.get(name)
        if isinstance(value, (int, float)):
            so_far = found.facts.setdefault(name, {}).get(row, 0.0)
            found.facts[name][row] = so_far + value if name == "seconds" else max(so_far, value)
    for name, content in record.measurements.items():
        key = (record.step, name)
        found.measured.setdefault(key, {})[row] = content["value"]
        unit = content.get("unit")
        if unit and key not in found.units:
            found.units[key] = str(unit)
        if isinstance(content["value"], list) and key not in found.labels:
            found.labels[key] = content.get("label")


def _take_group(found: _Collected, record: Record) -> None:
    """A job over several images: it is no row of the images, but has a table of its own."""
    state = "done"
    if record.error is not None:
        state = "left out" if record.error.type == PREREQUISITE else "failed"
        if state == "failed":
            found.failures.append(_failure(found, record, -1))
    elif record.measurements:
        row = {name: content["value"] for name, content in record.measurements.items()}
        found.groups.setdefault(record.step, []).append({"id": record.id, **row})
    found.steps.setdefault(record.step, []).append((state, record.run))


def _group_table(step: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results of a step over several images as a part of the page."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    cells = [["" if row.get(name) is None else _text(row[name]) for name in header] for row in rows]
    about = "for each group of images"
    part = {"function": step, "name": step, "about": about, "value": "", "kind": "table", "path": ""}
    return {**part, "rows": [header, *cells[:MOST_GROUPS]], "more": len(cells) > MOST_GROUPS}


def _failure(found: _Collected, record: Record, row: int) -> Failure:
    error = record.error
    assert error is not None
    tail = _tail(error.log) if len(found.failures) < MOST_LOGS else ""
    return Failure(
        row,
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
            times = [_milliseconds(value, project.get("timestamp_format")) for value in values]
            if any(time is not None for time in times):
                columns.append(Column(term, "term", "time", "", "", times))
                continue
        columns.append(_typed(term, "term", "", "", values))
    return columns


def _measurements(found: _Collected, rows: int) -> list[Column]:
    """The single-value measurements; one that two steps have gets the step's name."""
    names = [name for _, name in found.measured]
    columns = []
    for (step, name), values in found.measured.items():
        if any(isinstance(value, (list, dict)) for value in values.values()):
            continue
        twice = names.count(name) > 1 or name in found.terms
        unit = found.units.get((step, name), "")
        columns.append(
            _typed(f"{step}.{name}" if twice else name, "measurement", unit, step, _column(values, rows))
        )
    return columns


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


def _milliseconds(value: Any, format_: str | None) -> float | None:
    """A time as written, as if it were UTC: a page that is opened elsewhere shows the same hours."""
    if not isinstance(value, str):
        return None
    for parse in (
        datetime.datetime.fromisoformat,
        lambda text: datetime.datetime.strptime(text, format_ or "%Y-%m-%d %H:%M:%S"),
    ):
        try:
            return parse(value).replace(tzinfo=datetime.UTC).timestamp() * 1000
        except ValueError:
            continue
    return None


def _named(images: Sequence[str]) -> list[tuple[str, str]]:
    return [("image" if len(images) == 1 else f"image {n}", path) for n, path in enumerate(images, 1)]


def _pictures_of(files: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((name, path) for name, path in files if os.path.splitext(path)[1].lstrip(".").lower() in IMAGES)


def _files(found: _Collected, folder: Path) -> list[list[tuple[str, str]]]:
    """Of each image the names and paths of its images and files, as the page's own folder sees them."""
    folders: dict[str, str] = {}

    def relative(path: str) -> str:
        """An address stays what it is; a folder's way is found once for all of its files."""
        if "://" in path:
            return path
        above, _, name = path.rpartition("/")
        if not name or name in (".", ".."):
            return os.path.relpath(path, folder).replace(os.sep, "/")
        if above not in folders:
            way = os.path.relpath(above or ("/" if path.startswith("/") else "."), folder)
            folders[above] = "" if way == "." else f"{way.replace(os.sep, '/').rstrip('/')}/"
        return f"{folders[above]}{name}"

    return [
        [(name, relative(path)) for name, path in [*_named(images), *files]]
        for images, files in zip(found.images, found.files, strict=True)
    ]


def _step(
    name: str, runs: Sequence[tuple[str, Mapping[str, Any]]], project: Mapping[str, Any]
) -> StepSummary:
    states = [state for state, _ in runs]
    seconds = [run["seconds"] for state, run in runs if state == "done" and "seconds" in run]
    memory = [run["max_rss_mb"] for _, run in runs if run.get("max_rss_mb")]
    return StepSummary(
        name=name,
        settings=project.get("steps", {}).get(name, {}),
        done=states.count("done"),
        failed=states.count("failed"),
        left_out=states.count("left out"),
        seconds=statistics.median(seconds) if seconds else None,
        all_seconds=sum(seconds),
        most_mb=max(memory) if memory else None,
    )


def _facts(found: _Collected) -> dict[str, Any]:
    """When, where and with what it ran; several values of one thing are all told."""
    runs = [run for runs in found.steps.values() for _, run in runs]
    begun = sorted(str(run["started"]) for run in runs if "started" in run)
    versions: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in (
            ("Python", run.get("python")),
            ("PlantCV", run.get("plantcv")),
            *(run.get("versions") or {}).items(),
        ):
            if value:
                versions.setdefault(name, {})[str(value)] = None
    return {
        "started": begun[0] if begun else None,
        "last_started": begun[-1] if begun else None,
        "hosts": sorted({str(run["host"]) for run in runs if run.get("host")})[:50],
        "versions": {name: list(values) for name, values in versions.items()},
    }
