"""The record: one JSON file a job, which says what was measured, or why it failed.

Standard library only: a record is written in whatever Python environment a step runs in.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pixmake.base.files import write_whole

STORED = "PIXMAKE_STORED"
"""In the environment of jobs whose results go to object storage: the folder of the local copies."""

PREREQUISITE = "PrerequisiteFailed"
"""The failure of a job whose needed step failed; it counts with that one."""

FAILURES = ".failures"
"""The folder below ``results`` with one file per job that has ever failed for good: a line a failure."""

PICTURES = "report_files"
"""The folder below ``results`` with the small pictures of the page."""

KEPT_PICTURES = ".snakemake/pixmake/pictures"
"""Where these stay from run to run: images' jobs make them, and the page those that are missing."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_HALF = re.compile("[\ud800-\udfff]")
"""Half a letter of UTF-16, which no UTF-8 can hold: a byte of a file's name that is no text, for one."""


@dataclass(frozen=True)
class Measurement:
    """A measured value with what a reader needs to use it.

    Parameters
    ----------
    value
        A number, a string, a bool, or a sequence of them (a multi-value measurement).
    unit
        Its unit, e.g. ``"pixels"`` or ``"mm2"``.
    label
        One label, or one for each value of a sequence, e.g. the bins of a histogram.
    scale
        PlantCV's word for the unit as a person reads it.
    datatype
        PlantCV's name of the type, e.g. ``"<class 'float'>"``.

    Examples
    --------
    >>> Measurement(12.5, unit="mm2").unit
    'mm2'
    """

    value: Any
    unit: str | None = None
    label: Any = None
    scale: str | None = None
    datatype: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The measurement as it stands in a record: its value and what is known of it."""
        return {key: value for key, value in vars(self).items() if key == "value" or value is not None}


@dataclass(frozen=True)
class Failure:
    """Why a job has no result."""

    type: str
    message: str
    traceback: str = ""
    log: str = ""


@dataclass(frozen=True)
class Record:
    """What one job left behind. What differs from run to run is under ``run`` and ``origin`` alone."""

    id: str
    step: str
    status: Literal["ok", "failed"]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    measurements: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    error: Failure | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    images: Sequence[str] = ()
    """The image files that the job was given."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """What it was made of: the ``task`` as the job was told it, and the ``inputs`` as they were then."""
    written: Mapping[str, Any] = field(default_factory=dict)
    """The texts of those metadata whose text says more than their value, such as 1.10."""

    @property
    def terms(self) -> Mapping[str, Any]:
        """The metadata as tables have them; see `as_written`."""
        return as_written(self.metadata, self.written)


def as_written(metadata: Mapping[str, Any], written: Mapping[str, Any]) -> Mapping[str, Any]:
    """Metadata with their texts, where these are not those of their values; in lists entry by entry.

    Examples
    --------
    >>> as_written({"plot": 1.1, "day": 1.0, "plant": 7}, {"plot": "1.10", "day": "1.0"})
    {'plot': '1.10', 'day': 1.0, 'plant': 7}
    """
    if not written:
        return metadata
    return {**metadata, **{term: _text(metadata.get(term), text) for term, text in written.items()}}


def _text(value: Any, text: Any) -> Any:
    if isinstance(text, (list, tuple)):
        values = value if isinstance(value, list) else [value] * len(text)
        return [_text(each, said) for each, said in zip(values, text, strict=True)]
    return value if text is None or text == str(value) else text


def named(path: str) -> str:
    """A file's name in the project, where results are in object storage and the path is a local copy's."""
    return path.removeprefix(os.environ.get(STORED, ""))


def write_record(record: Record, path: str | Path) -> None:
    """Write a record whole or not at all."""
    if os.environ.get(STORED):
        error = record.error and replace(record.error, log=named(record.error.log))
        files = {name: named(file) for name, file in record.files.items()}
        record = replace(record, error=error, files=files)
    content = {**vars(record), "error": record.error and vars(record.error)}
    if not record.written:
        del content["written"]
    # a line for each part, and not `indent`: with that Python encodes in Python, twice as slowly
    parts = {name: _ENCODER.encode(part) for name, part in content.items()}
    for name in ("measurements", "error"):  # they go into tables, whose text is UTF-8
        parts[name] = _HALF.sub(lambda found: f"\\\\u{ord(found[0]):04x}", parts[name])
    lines = ",\n".join(f'"{name}": {part}' for name, part in parts.items())
    # half a letter in a path stays what it is: as JSON has it, the path is found again
    write_whole(path, f"{{\n{lines}\n}}\n".encode("utf-8", "backslashreplace"))


def read_record(path: str | Path) -> Record:
    """Read a record.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError
        The file is not a record.
    """
    return parse_record(_content(path))


def read_content(path: str | Path) -> dict[str, Any]:
    """A record as the JSON that it is, checked to be that of its place; errors as those of `read_record`."""
    content, place = _content(path), Path(path)
    if (content["id"], content["step"]) != (place.name.removesuffix(".json"), place.parent.name):
        other = f"it is of step {content['step']!r} and image {content['id']!r}"
        raise ValueError(f"{path} is not a record of pixmake: {other}")
    return content


def _content(path: str | Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(Path(path).read_bytes())
    except RecursionError:
        raise ValueError(f"{path} is not a record of pixmake: it is nested too deep") from None
    except ValueError as problem:
        reason = "it is empty" if not os.path.getsize(path) else str(problem)
        raise ValueError(f"{path} is not a record of pixmake: {reason}") from None
    wrong = _problem(content)
    if wrong:
        raise ValueError(f"{path} is not a record of pixmake: {wrong}")
    return content


def parse_record(content: dict[str, Any]) -> Record:
    """A record from its JSON, which is taken apart."""
    error = content.pop("error")
    images = tuple(content.pop("images", ()))
    return Record(**content, error=Failure(**error) if error else None, images=images)


def _problem(content: Any) -> str:
    """What is wrong with the JSON of a record; nothing if it is one."""
    if not isinstance(content, dict):
        return "it holds no JSON object"
    missing = _REQUIRED - content.keys()
    if missing:
        return f"it has no {', '.join(sorted(missing))}"
    unknown = content.keys() - _PARTS
    if unknown:
        return f"it has the unknown part {', '.join(sorted(unknown))}"
    for name, type_ in _TYPES.items():
        if name in content and not isinstance(content[name], type_):
            return f"its {name} is a {type(content[name]).__name__}"
    if content["status"] not in _STATES:
        return f"its status is {content['status']!r}"
    if content["status"] == "failed" and not _is_failure(content["error"]):
        return "it does not say why it failed"
    if not all(isinstance(each, dict) and "value" in each for each in content["measurements"].values()):
        return "a measurement of it has no value"
    return ""


def _is_failure(error: Any) -> bool:
    return isinstance(error, dict) and {"type", "message"} <= error.keys() <= set(Failure.__annotations__)


_PARTS = frozenset(Record.__annotations__)
_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "step": str,
    "metadata": dict,
    "measurements": dict,
    "files": dict,
    "error": (dict, type(None)),
    "run": dict,
    "images": list,
    "origin": dict,
}
_REQUIRED = frozenset(["id", "step", "status", "metadata", "measurements", "files", "error"])
_STATES = ("ok", "failed")


def missing_as_text(value: Any) -> Any:
    """A JSON value for a measured one: NaN and infinities, which JSON lacks, become strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, list):
        return [missing_as_text(item) for item in value]
    return value


def note_failure(results: str | Path, step: str, job_id: str, reason: str) -> None:
    """Add a line to the list of a job's failures, so that the next run tries it again."""
    path = Path(results) / FAILURES / step / job_id
    path.parent.mkdir(parents=True, exist_ok=True)
    line = " ".join(reason.split())[:500].encode("utf-8", "backslashreplace") + b"\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


def failure_counts(results: str | Path, step: str) -> dict[str, int]:
    """How often each job of a step has failed for good, by id; jobs that never did are left out.

    A rule has this number among its params. So a failed job runs again in the next run, and in no
    other, without anything being deleted.
    """
    folder = Path(results) / FAILURES / step
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return {}
    return {entry.name: Path(entry).read_bytes().count(b"\n") for entry in entries}


def last_failures(results: str | Path, step: str) -> dict[str, str]:
    """The last line of each job's list of failures, by id."""
    folder = Path(results) / FAILURES / step
    if not folder.is_dir():
        return {}
    lines = {path.name: path.read_text(encoding="utf-8").splitlines() for path in folder.iterdir()}
    return {job_id: found[-1] for job_id, found in lines.items() if found}
