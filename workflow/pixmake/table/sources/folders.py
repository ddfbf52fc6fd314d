"""What lies in a folder and in those inside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.system_names import is_of_system
from pixmake.table.table import Note

OF_SYSTEM = "is hidden, or a system's own"
SEEN = "is a link to a folder that is listed already"

OF_PROJECT = re.compile(r"\.snakemake|Snakefile|README\.md|tune_.*\.html|try_.*\.ipynb")
"""What `pixmake init .` and other commands write beside the pictures: nobody takes it for one."""


def listed_files(folder: str, recursive: bool, notes: list[Note], results: str = "") -> Iterator[str]:
    """The files of a folder by path from there, with ``/`` between folders, but for those of a system.

    Paths are sorted piece by piece, so that what is in one folder stands together. Links to folders are
    followed, each folder once. In a project's own folder what pixmake has written there is passed over.

    Parameters
    ----------
    folder
        Where.
    recursive
        Whether the folders inside it are listed, too.
    notes
        What is left out is added to them.
    results
        A folder that is passed over where it is inside: the masks of one run are no images of the next.

    Raises
    ------
    PixmakeError
        A folder cannot be listed.
    """
    seen: set[tuple[int, int]] = set()
    is_project = os.path.abspath(folder) == os.getcwd()
    of_results = _identity(results) if results else None

    def walk(inner: str) -> Iterator[str]:
        here = os.path.join(folder, inner) if inner else folder
        try:
            with os.scandir(here) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise PixmakeError([Problem(f"cannot be listed: {error.strerror}", here)]) from None
        for entry in entries:
            path = f"{inner}/{entry.name}" if inner else entry.name
            if is_project and OF_PROJECT.fullmatch(path):
                continue
            is_folder = _is_folder(entry)
            if is_of_system(entry.name, folder=is_folder):
                notes.append(Note(OF_SYSTEM, os.path.join(folder, path), left_out=True))
            elif not is_folder:
                yield path
            elif recursive:
                state = entry.stat()
                if (state.st_dev, state.st_ino) == of_results:
                    continue
                if (state.st_dev, state.st_ino) in seen:
                    notes.append(Note(SEEN, os.path.join(folder, path), left_out=True))
                    continue
                seen.add((state.st_dev, state.st_ino))
                yield from walk(path)

    state = os.stat(folder)
    seen.add((state.st_dev, state.st_ino))
    return walk("")


def _identity(folder: str) -> tuple[int, int] | None:
    """What tells a folder from all others, by whatever path it is reached; nothing if it is not there."""
    try:
        state = os.stat(folder)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself is no file either, which is told of it
        return False
