"""What a file is: its size, its time and its checksum, and whether it stays so while a job works.

Standard library only: it runs in whatever Python environment a step runs in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixmake.images.axes import is_zarr
from pixmake.images.zarr_paths import metadata_file

WHOLE = 32 * 1024 * 1024
"""Bytes up to which a job takes the checksum of its image, some milliseconds while the file is in memory
anyway. A larger file may serve many jobs (a video, a stack): its checksum is taken once, after the run."""


def fingerprint(path: str, *, most: int | None = WHOLE, known: str | None = None) -> dict[str, Any]:
    """A file's path, size, time of change (seconds since the epoch) and SHA-256.

    Parameters
    ----------
    path
        A file; of an OME-Zarr its metadata's size, time and checksum are told; of another folder its time;
        of what is not on a disk here, only the path.
    most
        The largest file to read, in bytes; None reads any.
    known
        Its checksum, if the bytes were read already.
    """
    told: dict[str, Any] = {"path": path}
    file = looked_at(path)
    try:
        status = os.stat(file)
        if known or stat.S_ISDIR(status.st_mode):
            checksum = {"sha256": known} if known else {}
            return {**told, **_size_and_time(status), **checksum}
        with open(file, "rb") as content:
            status = os.stat(content.fileno())
            told.update(_size_and_time(status))
            if most is None or status.st_size <= most:
                digest = hashlib.sha256()
                while part := content.read(_PART):
                    digest.update(part)
                told["sha256"] = digest.hexdigest()
    except OSError:
        return told  # not on a disk here; what could not be read is in the job's error
    return told


def state(path: str) -> tuple[int | None, float | None]:
    """A file's size and time of change, as in `fingerprint`; ``None`` for what it has not."""
    try:
        status = os.stat(looked_at(path))
    except OSError:
        return None, None
    return _size(status), _time(status)


def looked_at(path: str) -> str:
    """The file that tells whether an image has changed: itself, or of a Zarr its metadata."""
    return metadata_file(path) if is_zarr(path) else path


class ImageChangedError(Exception):
    """An image became another one while a job worked on it."""


@dataclass
class Watched:
    """The images of a job while it works."""

    before: Mapping[str, tuple[int, ...] | None]
    """What identifies each file."""
    checksums: dict[str, str] = field(default_factory=dict)
    """Of the bytes that were decoded."""

    def still(self) -> None:
        """See that the images are those with which the job began.

        Raises
        ------
        ImageChangedError
            One of them is not.
        """
        for path, was in self.before.items():
            if was is not None and _identity(path) != was:
                what = "has changed while it was measured; the next run measures what is there then"
                raise ImageChangedError(f"{path} {what}")


_WATCHED: list[Watched] = []


@contextlib.contextmanager
def watching(paths: Iterable[str]) -> Iterator[Watched]:
    """Watch the images of a job: see `Watched.still`."""
    _WATCHED.append(Watched({path: _identity(path) for path in paths}))
    try:
        yield _WATCHED[-1]
    finally:
        _WATCHED.pop()


def decoding(path: str, content: bytes) -> None:
    """Note the checksum of the very bytes that are decoded, where a job is watched."""
    if _WATCHED and path in _WATCHED[-1].before and len(content) <= WHOLE:
        _WATCHED[-1].checksums[path] = hashlib.sha256(content).hexdigest()


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(looked_at(path))
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _size_and_time(status: os.stat_result) -> dict[str, Any]:
    size = _size(status)
    return {**({} if size is None else {"size": size}), "mtime": _time(status)}


def _size(status: os.stat_result) -> int | None:
    """Of a file; a folder's is that of its list of names, and differs from file system to file system."""
    return None if stat.S_ISDIR(status.st_mode) else status.st_size


def _time(status: os.stat_result) -> float:
    return round(status.st_mtime, 3)


_PART = 1024 * 1024
