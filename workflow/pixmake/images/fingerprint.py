"""What a file was when it was read: its size, its time and its checksum.

Standard library only: it runs in whatever Python environment a step runs in.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from pixmake.images.axes import is_zarr
from pixmake.images.zarr_paths import metadata_file

WHOLE = 32 * 1024 * 1024
"""Bytes up to which a job takes the checksum of its image, some milliseconds while the file is in memory
anyway. A larger file may serve many jobs (a video, a stack): its checksum is taken once, after the run."""


def fingerprint(path: str, *, most: int | None = WHOLE) -> dict[str, Any]:
    """A file's path, size, time of change (seconds since the epoch) and SHA-256.

    Parameters
    ----------
    path
        A file; of an OME-Zarr its metadata's size, time and checksum are told; of another folder, or of
        what is not on a disk here, only the path.
    most
        The largest file to read, in bytes; None reads any.
    """
    told: dict[str, Any] = {"path": path}
    file = metadata_file(path) if is_zarr(path) else path
    if os.path.isdir(file):
        return told
    try:
        with open(file, "rb") as content:
            status = os.stat(content.fileno())
            told.update(size=status.st_size, mtime=round(status.st_mtime, 3))
            if most is None or status.st_size <= most:
                digest = hashlib.sha256()
                while part := content.read(_PART):
                    digest.update(part)
                told["sha256"] = digest.hexdigest()
    except OSError:
        return told  # not on a disk here; what could not be read is in the job's error
    return told


_PART = 1024 * 1024
