"""What each record was made of, run after run: a few bytes for each time that one was made.

When records are gathered, those that are new or others since the last time are noted in one file a step,
behind what stands there. What is the same for many records (source, params, Python) stands once before them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pixmake.plan.record_index import record_digest

FOLDER = ".snakemake/pixmake/history"

_DIGITS = 16
"""Hexadecimal digits of a hash: 64 bits tell the runs of one record apart."""


@dataclass(frozen=True)
class Made:
    """One time that a record was made."""

    step: str
    id: str
    started: str
    """When its job began, in UTC."""
    status: str
    task: str
    """Hash of all that it was made of: images, metadata, params, source, needed files."""
    values: str
    """Hash of what was measured, or of the error."""
    common: Mapping[str, Any]
    """What it shares with other images: ``source``, ``params``, ``work``, ``python``, ``host``."""


class Noted(NamedTuple):
    """A record as it is to be noted."""

    step: str
    common: str
    """The line of what it shares with others."""
    entry: str
    """Its own line."""


def note_made(results: str, made: Iterable[Noted]) -> None:
    """Add records that are new, or made again, to the history of their steps.

    Nothing is noted where nothing can be written: the results do not depend on it.

    Parameters
    ----------
    results
        The folder of all results.
    made
        Those records; see `noted`.
    """
    steps: dict[str, dict[str, list[str]]] = {}
    for each in made:
        steps.setdefault(each.step, {}).setdefault(each.common, []).append(each.entry)
    for step, blocks in steps.items():
        # what was cut by a kill ends with the first line break
        text = "\n" + "".join(f"{common}\n" + "\n".join(entries) + "\n" for common, entries in blocks.items())
        try:
            path = _file(results, step)
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "ab") as lines:
                lines.write(text.encode("utf-8", "backslashreplace"))
        except OSError:
            return


def history(results: str, job_id: str, step: str | None = None) -> list[Made]:
    """The times that the records of an image were made, by step, the oldest first.

    Parameters
    ----------
    results
        The folder of all results.
    job_id
        The image.
    step
        Only this step.
    """
    found: list[Made] = []
    for path in sorted(Path(FOLDER).glob(f"{_key(results)}.{step or '*'}")):
        found += _of_image(path, path.name.partition(".")[2], job_id)
    return found


def noted(content: Mapping[str, Any]) -> Noted:
    """What is noted of a record, which is given as the JSON that it is."""
    origin, run = content.get("origin", {}), content.get("run", {})
    task = origin.get("task", {})
    task = task if isinstance(task, dict) else {}  # a record that somebody else wrote
    # how often it has failed is no part of what it is made of
    plain = {key: value for key, value in task.items() if key != "failures"}
    told = {"metadata": {}, "images": (), **content, "origin": {**origin, "task": plain}}
    error = content["error"] and [content["error"]["type"], content["error"]["message"]]
    values = hashlib.blake2b(_line([content["measurements"], error]).encode("utf-8", "surrogatepass"))
    common = {
        **{key: task[key] for key in ("source", "params", "work") if key in task},
        **{key: run[key] for key in ("python", "host") if key in run},
    }
    entry = [
        content["id"],
        str(run.get("started", ""))[:19],
        "" if content["status"] == "ok" else content["status"],
        record_digest(told).hex()[:_DIGITS],
        values.hexdigest()[:_DIGITS],
    ]
    return Noted(content["step"], _line(common), _line(entry))


def _of_image(path: Path, step: str, job_id: str) -> Iterator[Made]:
    """The entries of one image; of those that say the same of one job, one."""
    try:
        content = path.read_bytes()
    except OSError:
        return
    start = f"{_line([job_id])[:-1]},".encode("utf-8", "backslashreplace")
    at, seen = content.find(b"\n" + start), set()
    while at >= 0:
        end = content.find(b"\n", at + 1)
        common = content.rfind(b"\n{", 0, at) + 1
        try:
            _, started, status, task, values = json.loads(content[at + 1 : end])
            shared = json.loads(content[common : content.index(b"\n", common)])
        except (ValueError, TypeError):
            started = None  # cut by a kill
        if started is not None and (started, task) not in seen:
            seen.add((started, task))
            yield Made(step, job_id, started, status or "ok", task, values, shared)
        at = content.find(b"\n" + start, at + 1)


def _line(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _file(results: str, step: str) -> Path:
    return Path(FOLDER) / f"{_key(results)}.{step}"


def _key(results: str) -> str:
    return hashlib.sha256(os.fsencode(results)).hexdigest()[:16]
