"""Where the results come from: one file that says it for a whole project, image by image.

It is written once the records are there, and opens no image that a job has read: a job notes the
checksum of its image in its record, while the file is in memory anyway.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import HeaderParser
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.images.checksums import Checksums
from pixmake.images.fingerprint import fingerprint
from pixmake.job.program import Kept, read_program
from pixmake.job.record import Record
from pixmake.plan.analysis import local_modules
from pixmake.results.kept_parts import KEY, Lines, Memory, Parts, lines_of, write_parts

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


def write_provenance(records: str | Path, told: Mapping[str, Any], path: str | Path) -> None:
    """Write ``provenance.json``; what it says of images that are as they were is copied from the one before.

    Parameters
    ----------
    records
        The file with all records, image by image.
    told
        From `about`.
    path
        Where to write.
    """
    checksums = Checksums()
    memory = Memory(str(Path(path).parent), "provenance", "")
    with lines_of(records) as lines:
        images = _images(lines, memory.before)
        parts = Parts(b"".join(image.key for image in images), [image.known for image in images])

        def entry(number: int) -> dict[str, bytes]:
            job_id, of_lines, _ = images[number].known
            found = _image(job_id, [lines.record(line) for line in images[number].lines], checksums)
            parts.known[number] = (job_id, of_lines, found.said)
            if found.asks:  # of the disk: next time it may answer in another way
                key = os.urandom(KEY)
                parts.keys = parts.keys[: number * KEY] + key + parts.keys[(number + 1) * KEY :]
            text = f"{',' if number else ''}\n  {json.dumps(found.entry, ensure_ascii=False)}"
            return {PROVENANCE: text.encode()}

        def end() -> dict[str, bytes]:
            counts: dict[str, Counter[str]] = {}
            began: list[str] = []
            for _, _, said in parts.known:
                for step, status, started in said:
                    counts.setdefault(step, Counter())[status] += 1
                    began += [started] if started else []
            tail = {
                "began": min(began, default=None),
                "ended": max(began, default=None),
                "steps": counts,
            }
            return {PROVENANCE: f"\n ],\n{json.dumps(tail, ensure_ascii=False, indent=1)[2:]}\n".encode()}

        head = {"format": FORMAT, "written": _now(), "software": software(), **told}
        begin = f'{json.dumps(head, ensure_ascii=False, indent=1)[:-2]},\n "images": ['
        write_parts(memory, parts, {PROVENANCE: (path, begin.encode())}, entry, end)
    checksums.keep()


PROVENANCE = "entries"
"""What the file is called among what is kept of it."""


@dataclass(frozen=True)
class _Lines:
    """The lines of an image, which stand together."""

    key: bytes
    lines: range
    known: tuple[str, bytes, Sequence[tuple[str, str, str]]]
    """Its id, the keys of its lines, and of each the step, the status, and when it began."""


def _images(lines: Lines, before: Parts) -> list[_Lines]:
    """The lines image by image; the id of one that was there before is known."""
    ids = {
        keys[place : place + KEY]: job_id
        for job_id, keys, _ in before.known
        for place in range(0, len(keys), KEY)
    }
    known = {keys: said for _, keys, said in before.known}

    def id_of(number: int) -> str:
        found = ids.get(lines.keys[number * KEY : number * KEY + KEY])
        return lines.record(number).id if found is None else found

    images: list[_Lines] = []
    for job_id, found in groupby(range(len(lines)), key=id_of):
        numbers = list(found)
        keys = lines.keys[numbers[0] * KEY : (numbers[-1] + 1) * KEY]
        first = b"" if images else b"first"  # no comma stands before it
        key = hashlib.blake2b(keys + first, digest_size=KEY).digest()
        images.append(_Lines(key, range(numbers[0], numbers[-1] + 1), (job_id, keys, known.get(keys, ()))))
    return images


def software() -> dict[str, Any]:
    """The versions of what runs here."""
    packages = dict(map(_name_and_version, importlib.metadata.distributions()))
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def _name_and_version(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """What a package is called; asked for by name, each would be taken from all of its description anew."""
    text = distribution.read_text("METADATA") or ""
    header = HeaderParser().parsestr(text.partition("\n\n")[0])
    if "Name" in header and "Version" in header:
        return header["Name"], header["Version"]
    return distribution.name, distribution.version  # an older form of package


@dataclass(frozen=True)
class _Entry:
    """What is said of an image."""

    entry: Mapping[str, Any]
    said: tuple[tuple[str, str, str], ...]
    """Of each record the step, the status, and when it began."""
    asks: bool
    """Whether the checksum of one of its images is not in its record."""


def _image(job_id: str, records: Sequence[Record], checksums: Checksums) -> _Entry:
    inputs: dict[str, Mapping[str, Any]] = {}
    steps: dict[str, Any] = {}
    for record in records:
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
    entry = {
        "id": job_id,
        "inputs": [_with_checksum(told, checksums) for told in inputs.values()],
        "steps": steps,
    }
    said = tuple((record.step, record.status, str(record.run.get("started", ""))) for record in records)
    return _Entry(entry, said, any("size" in told and not told.get("sha256") for told in inputs.values()))


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
