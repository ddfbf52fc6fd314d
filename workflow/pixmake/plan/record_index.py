"""What the records say, in one file a step: what each result was made of, without opening each of them.

A plan asks this of every job: was it done, of what task, of which images? Ten thousand records are ten
thousand files to open, so what was read of them is kept. An entry holds as long as its record has the size
and the date that it had; any other record is read again. So the index can be removed, or be an old one.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import struct
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pixmake.base.files import written_whole
from pixmake.job.record import read_content
from pixmake.job.task import task_digest, task_text

FOLDER = ".snakemake/pixmake/index"

_FORMAT = f"pixmake index 3 {sys.implementation.cache_tag}\n".encode()


class Seen(NamedTuple):
    """An image as a job saw it."""

    path: str
    size: int | None
    mtime: float | None
    sha256: str | None
    version: str
    """What stood for it in the task: see `pixmake.plan.image_versions`."""


class Known(NamedTuple):
    """What is known of a record."""

    size: int
    mtime_ns: int
    status: str
    """``ok`` or ``failed``; empty if the file is no record of this job."""
    task: bytes
    """The digest of all of which it was made; see `pixmake.job.task.task_digest`."""
    images: tuple[Seen, ...]


class Records(Mapping[str, Known]):
    """What is known of a step's records, by id: as bytes, since a million are too many to hold unpacked.

    A piece of bytes is the record's size and date, what its only image was when it was last found to be the
    one that the job saw (see `seen_as`), that image's path, and the rest.
    """

    def __init__(self, packed: dict[str, bytes], others: Mapping[str, bytes], path: Path) -> None:
        self._packed, self._others, self._path = packed, others, path
        self._changed = False

    def __getitem__(self, job_id: str) -> Known:
        """What is known of the record of a job."""
        packed = self._packed[job_id]
        size, mtime_ns = _STAMP.unpack_from(packed)
        status, task, images = marshal.loads(packed[packed.index(b"\0", _PATH) + 1 :])
        return Known(size, mtime_ns, status, task, tuple([Seen._make(image) for image in images]))

    def __iter__(self) -> Iterator[str]:
        """The ids."""
        return iter(self._packed)

    def __len__(self) -> int:
        """How many records there are."""
        return len(self._packed)

    def __contains__(self, job_id: object) -> bool:
        """Whether a job has a record."""
        return job_id in self._packed

    def unlike(self, looks: Mapping[str, bytes]) -> list[str]:
        """The jobs of which it is not known that their only image is the one that they saw.

        Parameters
        ----------
        looks
            What images are now, by path: see `Records.seen_as`.
        """
        return [
            job_id
            for job_id, packed in self._packed.items()
            if looks.get(packed[_PATH : packed.index(b"\0", _PATH)].decode()) != packed[_LOOK:_PATH]
        ]

    def seen_as(self, job_id: str, look: bytes) -> None:
        """Note what the only image of a job is, as which it is the one that the job saw.

        Parameters
        ----------
        look
            Its size and date, in `LOOK_SIZE` bytes.
        """
        packed = self._packed[job_id]
        if packed[_PATH] and packed[_LOOK:_PATH] != look:
            self._packed[job_id] = packed[:_LOOK] + look + packed[_PATH:]
            self._changed = True

    def keep(self) -> None:
        """Write what was noted for the next run."""
        if self._changed:
            _write(self._path, {**self._others, **self._packed})
            self._changed = False


_STAMP = struct.Struct("<qq")
"""Size and date of a record."""

LOOK_SIZE = 16
"""Bytes of what an image is; see `Records.seen_as`."""

_LOOK = _STAMP.size
_PATH = _LOOK + LOOK_SIZE
"""Where in a piece of bytes the look begins, and the path, which ends with a zero."""


def known_records(results: str, step: str, ids: Collection[str]) -> Records:
    """What is known of the records of a step's jobs, by id; those that have none are left out.

    Parameters
    ----------
    results, step
        Where the records are.
    ids
        The jobs.
    """
    folder = f"{results}/{step}"
    path = Path(FOLDER) / f"{hashlib.sha256(folder.encode()).hexdigest()[:16]}.{step}"
    before = _read(path)
    found: dict[str, bytes] = {}
    read, take, stamp = 0, before.pop, _STAMP.pack
    for job_id, size, mtime_ns in _stamps(folder, ids):
        packed = take(job_id, b"")
        if not packed.startswith(stamp(size, mtime_ns)):
            packed, read = _look(f"{folder}/{job_id}.json", step, job_id, size, mtime_ns), read + 1
        found[job_id] = packed
    if read:
        _write(path, {**before, **found})
    return Records(found, before, path)


def _stamps(folder: str, ids: Collection[str]) -> Iterator[tuple[str, int, int]]:
    """The id, size and date of each record that is there."""
    try:
        there = set(os.listdir(folder))
    except OSError:
        return
    stat = os.stat
    for job_id in ids:
        name = f"{job_id}.json"
        if name in there:
            try:
                status = stat(f"{folder}/{name}")
            except OSError:
                continue  # removed since then
            yield job_id, status.st_size, status.st_mtime_ns


def _look(path: str, step: str, job_id: str, size: int, mtime_ns: int) -> bytes:
    """Read a record."""
    told: tuple[str, bytes, tuple[Any, ...]] = "", b"", ()
    try:
        content = read_content(path)
        if (content["step"], content["id"]) == (step, job_id) and content["status"] in ("ok", "failed"):
            told = content["status"], record_digest(content), _images(content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # no record, or one of another shape
    images = told[2]
    only = images[0][0] if len(images) == 1 and _is_plain(images[0][0]) else ""
    return _STAMP.pack(size, mtime_ns) + bytes(LOOK_SIZE) + only.encode() + b"\0" + marshal.dumps(told)


def _is_plain(path: object) -> bool:
    """Whether a path can stand in the index by itself: as UTF-8, with a zero at its end."""
    try:
        return isinstance(path, str) and b"\0" not in path.encode()
    except UnicodeEncodeError:
        return False


def record_digest(content: Mapping[str, Any]) -> bytes:
    """The digest of the task that a record says it was made of; see `pixmake.job.task.task_digest`."""
    told = {key: content[key] for key in ("step", "id", "metadata", "images")}
    origin = content["origin"]
    return task_digest(
        task_text({**origin["task"], **told}), origin.get("needed", ()), origin.get("rule", "")
    )


def _images(content: Mapping[str, Any]) -> tuple[Any, ...]:
    """The images of a record, each as the values of a `Seen`."""
    return tuple(
        (each["path"], each.get("size"), each.get("mtime"), each.get("sha256"), each.get("version", ""))
        for each in content["origin"]["inputs"]
    )


def _read(path: Path) -> dict[str, bytes]:
    """The index, or none if it is missing, damaged, or of another version."""
    try:
        content = path.read_bytes()
        head = len(_FORMAT) + 4
        body = memoryview(content)[head:]
        if not content.startswith(_FORMAT):
            return {}
        if zlib.crc32(body) != int.from_bytes(content[len(_FORMAT) : head], "little"):
            return {}
        known: dict[str, bytes] = marshal.loads(body)
        return known
    except (OSError, ValueError, EOFError, TypeError):
        return {}


def _write(path: Path, known: dict[str, bytes]) -> None:
    content = marshal.dumps(known)
    try:
        with written_whole(path) as temporary:
            temporary.write_bytes(_FORMAT + zlib.crc32(content).to_bytes(4, "little") + content)
    except OSError:
        return  # a project that may not be written to: the records are read again
