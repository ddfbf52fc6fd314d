"""The files of a step on disk: most are files, some are folders, such as an OME-Zarr.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDERS = ("zarr",)
"""Suffixes of outputs that are folders."""

_STAMP = ".snakemake_timestamp"
"""What Snakemake puts into each folder that a rule has made."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""What an operating system answers where nothing can be written: the disk is full, or not for this user."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)

_PROBE = 65_536
"""Bytes that are written to see whether there is room."""


def why_not_writable(folder: str | os.PathLike[str]) -> str:
    """Why nothing can be written to a folder, which is made if need be; nothing if it can be."""
    probe = Path(folder) / f".room.{os.urandom(4).hex()}.tmp"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"\0" * _PROBE)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether an output of this name is a folder.

    Examples
    --------
    >>> is_folder("results/segment/a.labels.ome.zarr"), is_folder("results/segment/a.mask.png")
    (True, False)
    """
    return os.path.splitext(path)[1].lstrip(".").lower() in FOLDERS


def is_blank(path: str | os.PathLike[str]) -> bool:
    """Whether a file, or a folder, is there and empty: it stands for one that could not be made."""
    if os.path.isdir(path):
        return not set(os.listdir(path)) - {_STAMP}
    return os.path.getsize(path) == 0


def make_blank(path: str | os.PathLike[str]) -> None:
    """Put an empty file, or an empty folder, where one could not be made."""
    if not is_folder(path):
        Path(path).write_bytes(b"")
        return
    remove(path)
    Path(path).mkdir(parents=True)


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a file or a folder, if it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil  # a job that writes plain files does without it

        shutil.rmtree(path)
    else:
        Path(path).unlink(missing_ok=True)


def rename(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Give a file, or a folder, its place; what was there is gone."""
    if os.path.isdir(source):
        remove(target)
    os.replace(source, target)


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path``, renamed to it once the block has ended well.

    The temporary name keeps the file's suffix, since image writers choose the format by it.
    """
    path = Path(path)
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{os.urandom(4).hex()}.tmp{path.suffix}"
    try:
        yield temporary
        rename(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def write_whole(path: str | os.PathLike[str], content: bytes, mtime_ns: int | None = None) -> None:
    """Write a file under a temporary name, and rename it: it is there whole, or not at all.

    Python's own files and paths do twice as much, and an image's process writes some of these.

    Parameters
    ----------
    path, content
        The file, and what stands in it. Its folder is made if need be.
    mtime_ns
        The time of change that it is to have, in nanoseconds.
    """
    folder, name = os.path.split(os.fspath(path))
    temporary = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.tmp{os.path.splitext(name)[1]}")
    try:
        handle = os.open(temporary, _NEW, 0o666)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        handle = os.open(temporary, _NEW, 0o666)
    try:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(handle, left) :]
        finally:
            os.close(handle)
        if mtime_ns is not None:
            os.utime(temporary, ns=(mtime_ns, mtime_ns))
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def duplicate(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    copy: Callable[[str, str], object] | None = None,
) -> None:
    """Copy a file or a folder, each file by ``copy``: it may link instead."""
    if copy is None or os.path.isdir(source):
        import shutil

        copy = copy or shutil.copy2
    if os.path.isdir(source):
        shutil.copytree(source, target, copy_function=copy)
    else:
        copy(os.fspath(source), os.fspath(target))
