"""The images that the files of a folder hold, each a row: scenes, and the planes and tiles they are cut into.

Only headers are read for it, many at a time, and what they said is kept for as long as a file stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.images import Cut
from pixmake.images import formats
from pixmake.images.axes import PARTS, Described, ImageError, Part
from pixmake.images.formats.shape import Scene
from pixmake.images.read import describe
from pixmake.images.remote.uris import is_remote
from pixmake.table.header_cache import remembered
from pixmake.table.planes import labels, rows_of
from pixmake.table.table import PATH, Note, Table, located

AT_ONCE = 32
"""Files whose headers are read at once: each is some waits, on a network file system."""

COLUMNS = ("scene", "scene_name", "channel", *PARTS[1:-1])
"""The columns that such rows get; one of which no row has a value is left out."""

UNREAD = "its images are not known"


def with_file_images(table: Table, asked: Cut) -> Table:
    """The table with a row for each image that a file holds, cut as it is asked for.

    Parameters
    ----------
    table
        Files, a row each.
    asked
        The planes, the tiles and the level.

    Raises
    ------
    PixmakeError
        Files are no images, or the library that reads them is not installed, and they are to be cut; or the
        table has a column that such rows get.
    """
    cut = bool(asked.split or asked.tile or asked.level)
    paths = [None if path is None else located(path, table.root) for path in table.cells[PATH].tolist()]
    headers = remembered(
        f"images.{asked.level}",
        [path for path in paths if path and (cut or formats.may_hold_several(path)) and not is_remote(path)],
        lambda some: _read_all(some, asked.level),
    )
    far = [path for path in paths if cut and path and is_remote(path)]
    if far:
        what = (
            f"images are cut by what their headers say, and {len(far)} are not on a disk here, e.g. {far[0]}"
        )
        raise PixmakeError([Problem(what, table.source, "give a table with a row for each plane")])
    if not headers:
        return table
    rows: list[dict[str, Any]] = []
    of: list[int] = []
    notes, problems = [], []
    for position, path in enumerate(paths):
        known: dict[str, Any] = {PATH: table.cells[PATH][position]}
        found = headers.get(path or "")
        if isinstance(found, str):  # the file stays a row, and its job says the same
            problems.append(Problem(found.removeprefix(f"{path}: "), path or ""))
            notes.append(Note(UNREAD, path or "", table.place(position), found.removeprefix(f"{path}: ")))
        several = [] if found is None or isinstance(found, str) else list(_rows(known, found, asked))
        for row in several or [known]:
            rows.append(row)
            of.append(position)
    if cut and problems:
        raise PixmakeError(problems)
    return _grown(table, rows, of).noting(notes)


def _read_all(paths: Sequence[str], level: int) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda path: _read(path, level), paths))


def _read(path: str, level: int) -> list[dict[str, Any]] | str:
    """The images of a file, as JSON has them, or why they are not known."""
    try:
        if not formats.recognised(path):
            return [_as_json(Scene((describe(path, level),)), 0)]
        return [_as_json(scene, level) for scene in formats.scenes(path)]
    except (ImageError, PixmakeError) as error:
        return str(error)


def _as_json(scene: Scene, level: int) -> dict[str, Any]:
    if level >= len(scene.levels):
        raise ImageError(f"has no level {level}, but {len(scene.levels)} (0 is the full resolution)")
    described = scene.levels[level]
    told = {"name": scene.name, "inside": scene.inside, "is_main": scene.is_main}
    return {**told, "axes": described.axes, "shape": described.shape, "channels": described.channels}


def _rows(
    known: Mapping[str, Any], found: Sequence[Mapping[str, Any]], asked: Cut
) -> Iterator[dict[str, Any]]:
    """The rows of a file; which of its images a row means is said where there are several."""
    main = [number for number, each in enumerate(found) if each["is_main"]]
    for number in main:
        scene, own = found[number], dict(known)
        if len(main) > 1:
            own |= {PATH: f"{known[PATH]}/{scene['inside']}"} if scene["inside"] else {"scene": number}
        if scene["name"]:
            own["scene_name"] = scene["name"]
        described = Described(scene["axes"], tuple(scene["shape"]), "", channels=tuple(scene["channels"]))
        yield from rows_of(own, described, asked)


def _grown(table: Table, rows: Sequence[dict[str, Any]], of: Sequence[int]) -> Table:
    """The table with these rows, each of which is of a row that was there."""
    added = [name for name in COLUMNS if any(name in row for row in rows)]
    problems = [
        Problem(f"the names of files have a term {name!r}, and so have the images in them", table.source)
        for name in added
        if name in table.cells
    ]
    if problems:
        raise PixmakeError(problems)
    positions = np.array(of, dtype=np.intp)
    parts = np.empty(len(rows), dtype=object)
    names = np.empty(len(rows), dtype=object)
    paths = np.empty(len(rows), dtype=object)
    for number, (row, label) in enumerate(zip(rows, labels(rows), strict=True)):
        parts[number] = _part(row)
        names[number] = label if parts[number] else table.labels[of[number]]
        paths[number] = row[PATH]
    cells = {name: cells[positions] for name, cells in table.cells.items()} | {PATH: paths}
    grown = replace(table, cells=cells, labels=names, parts=parts if any(parts) else None)
    return grown.with_columns({name: [row.get(name) for row in rows] for name in added})


def _part(row: Mapping[str, Any]) -> Part:
    return {name: row[name] for name in PARTS if name in row}
