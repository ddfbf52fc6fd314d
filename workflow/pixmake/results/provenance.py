"""Where the results come from: one file that says it for a whole project, image by image.

It is written once the records are there, and opens no image that a job has read: a job notes the
checksum of its image in its record, while the file is in memory anyway.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base.files import written_whole
from pixmake.images.checksums import Checksums
from pixmake.images.fingerprint import fingerprint
from pixmake.job.program import Kept, read_program
from pixmake.job.record import Record
from pixmake.plan.analysis import local_modules

if TYPE_CHECKING:
    from pixmake.plan.plan import Plan  # only its front end has one

FORMAT = "pixmake provenance 1"

_FILE = re.compile(r"^([^:]+)(:[A-Za-z_]\w*)?$")


def provenance_file(results: str) -> str:
    """Where the provenance of all results is."""
    return f"{results}/provenance.json"


def about(plan: Plan, files: Iterable[str | Path]) -> dict[str, Any]:
    """What is the same for all images: the config, and every file that decides what is done to them.

    Parameters
    ----------
    plan
        The project's.
    files
        The workflow's own: Snakefile and config files.
    """
    config = plan.config.model_dump(mode="json", exclude_unset=True)
    programs = [step.program for step in plan.steps if step.program]
    kept = {each.path: each for program in programs for each in read_program(program).values()}
    return {
        "config": config,
        "files": [_unchanged(path, kept) for path in _files(plan, files)],
        "sources": {step.name: step.source for step in plan.steps},
    }


def write_provenance(records: Iterable[Record], told: Mapping[str, Any], path: str | Path) -> None:
    """Write ``provenance.json``; memory does not grow with the number of images.

    Parameters
    ----------
    records
        All records, image by image.
    told
        From `about`.
    path
        Where to write.
    """
    checksums = Checksums()
    counts: dict[str, Counter[str]] = {}
    began: list[str] = []
    with written_whole(path) as temporary, open(temporary, "w", encoding="utf-8") as lines:
        head = {"format": FORMAT, "written": _now(), "software": software(), **told}
        lines.write(f"{json.dumps(head, ensure_ascii=False, indent=1)[:-2]},\n")
        lines.write(' "images": [')
        for number, (job_id, of_image) in enumerate(groupby(records, key=lambda record: record.id)):
            entry = _image(job_id, list(of_image), checksums, counts, began)
            lines.write(f"{',' if number else ''}\n  {json.dumps(entry, ensure_ascii=False)}")
        tail = {"began": began[0] if began else None, "ended": began[1] if began else None, "steps": counts}
        lines.write(f"\n ],\n{json.dumps(tail, ensure_ascii=False, indent=1)[2:]}\n")
    checksums.keep()


def software() -> dict[str, Any]:
    """The versions of what runs here."""
    packages = {
        distribution.name: distribution.version for distribution in importlib.metadata.distributions()
    }
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def _image(
    job_id: str,
    records: list[Record],
    checksums: Checksums,
    counts: dict[str, Counter[str]],
    began: list[str],
) -> dict[str, Any]:
    inputs: dict[str, Mapping[str, Any]] = {}
    steps: dict[str, Any] = {}
    for record in records:
        counts.setdefault(record.step, Counter())[record.status] += 1
        started = str(record.run.get("started", ""))
        if started:
            began[:] = [min(began[0], started), max(began[1], started)] if began else [started, started]
        for told in record.origin.get("inputs", ()):
            inputs.setdefault(told["path"], told)
        steps[record.step] = {
            "status": record.status,
            **({"error": f"{record.error.type}: {record.error.message}"} if record.error else {}),
            **{
                key: record.run[key] for key in ("started", "seconds", "host", "attempt") if key in record.run
            },
            "source": record.origin.get("task", {}).get("source"),
            "files": list(record.files.values()),
        }
    return {
        "id": job_id,
        "inputs": [_with_checksum(told, checksums) for told in inputs.values()],
        "steps": steps,
    }


def _with_checksum(told: Mapping[str, Any], checksums: Checksums) -> dict[str, Any]:
    """A file as a job saw it, with its checksum if that was taken, or if it is still the same file."""
    known = told.get("sha256") or ("size" in told and checksums.of(told["path"], told["size"], told["mtime"]))
    return {**told, "sha256": known} if known else dict(told)


def _files(plan: Plan, files: Iterable[str | Path]) -> list[str]:
    """Every file of the project that decides what is done: the workflow's, the source's, the steps'."""
    found = {str(path): None for path in files}
    config = plan.config.model_dump(mode="json", exclude_unset=True)
    for word in _words({key: config[key] for key in ("images", "steps")}):
        match = _FILE.match(word)
        if match and _is_file(match[1]):
            found[match[1]] = None
            if match[1].endswith(".py"):
                found.update(dict.fromkeys(str(path) for path in sorted(local_modules(match[1]))))
    return [path for path in found if _is_file(path)]


def _is_file(word: str) -> bool:
    """Whether a word of a config names a file; a long text, or one that no file can be called, does not."""
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def _unchanged(path: str, kept: Mapping[str, Kept]) -> dict[str, Any]:
    """A file without its time: one that was only touched makes nothing anew; of a program, the run's copy."""
    if path in kept:
        of_run = kept[path]
        return {"path": path, "size": of_run.size, "sha256": of_run.sha256, "copy": of_run.copy}
    return {key: value for key, value in fingerprint(path, most=None).items() if key != "mtime"}


def _words(content: Any) -> Iterator[str]:
    """Every text in a config."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _words(value)
    elif isinstance(content, list):
        for value in content:
            yield from _words(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
