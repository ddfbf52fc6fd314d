"""Paths that name a file once they are written as they are meant: of Windows, or with space around them."""

from __future__ import annotations

import os
from dataclasses import replace

from pixmake.images.remote.uris import is_remote
from pixmake.table.table import PATH, Note, Table, located


def with_mended_paths(table: Table) -> Table:
    r"""The table with ``/`` for ``\`` and without space around paths, where only so there is such a file."""
    odd = [
        row
        for row, path in enumerate(table.cells[PATH].tolist())
        if path is not None and ("\\" in path or path[0].isspace() or path[-1].isspace())
    ]
    if not odd:
        return table
    paths = table.cells[PATH].copy()
    notes = []
    for row in odd:
        mended = _mended(paths[row], table.root)
        if mended is not None:
            why = "a path of Windows, read with /" if "\\" in paths[row] else "space around a path, left out"
            notes.append(Note(why, where=table.place(row), detail=repr(paths[row])))
            paths[row] = mended
    return replace(table, cells={**table.cells, PATH: paths}).noting(notes)


def _mended(path: str, root: str) -> str | None:
    """Another spelling of a path, if there is no file by this one and one by that."""
    if is_remote(path) or is_remote(root) or "\0" in path or os.path.exists(located(path, root)):
        return None
    for other in (path.strip(), path.strip().replace("\\", "/")):
        if other and _is_image(located(other, root)):
            return other
    return None


def _is_image(path: str) -> bool:
    """Whether it may be one: ``/`` and ``..`` are there, too."""
    return os.path.isfile(path) or (".zarr" in path.lower() and os.path.exists(path))
