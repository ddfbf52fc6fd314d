"""Source ``zarr``: OME-Zarr images and plates; a row for each image, field, plane or tile."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.system_names import is_of_system
from pixmake.config.images import Images
from pixmake.images import ngff
from pixmake.images.axes import Described, ImageError, is_zarr
from pixmake.images.remote.objects import RemoteError, zarrs_below
from pixmake.images.remote.uris import is_remote
from pixmake.images.zarr_paths import outermost
from pixmake.table.planes import labels, misfit, rows_of
from pixmake.table.table import MISSING, PATH, Note, Table, make_table

COLUMNS = (
    "plate",
    "row",
    "column",
    "well",
    "field",
    "acquisition",
    "channel",
    "t",
    "c",
    "z",
    "level",
    "y",
    "x",
    "height",
    "width",
)
"""In this order; a column of which no row has a value is left out."""


def read(images: Images) -> Table:
    """List the images that `images.zarr` names, cut into planes and tiles as it says.

    Paths are relative to the folder that holds the image, or to the folder of images. Only metadata are
    read, no pixels.

    Raises
    ------
    PixmakeError
        With every image that is none, or has not the axes or the level that are asked for.
    """
    asked = images.zarr
    assert asked is not None
    root, paths = _listed(asked.path)
    problems: list[Problem] = []
    broken: list[tuple[dict[str, Any], ImageError]] = []
    notes: list[Note] = []
    rows: list[dict[str, Any]] = []
    places: list[tuple[str, Mapping[str, Any]]] = []
    for path in paths:
        try:
            for place, metadata in _places(root, path):
                if place:
                    places.append((place, metadata))
                elif images.missing == "skip":
                    where = f"{_joined(root, path)}, {metadata['well']}"
                    notes.append(Note(_NO_WELL, where=where, left_out=True))
                else:
                    what = f"the well {metadata['row']}/{metadata['column']} is not there"
                    problems.append(Problem(what, _joined(root, path), _SKIP))
        except ImageError as error:
            broken.append(({PATH: path}, error))
    with ThreadPoolExecutor(ngff.AT_ONCE) as threads:
        found = threads.map(lambda place: _described(_joined(root, place[0]), asked.level), places)
        for (path, metadata), described in zip(places, found, strict=True):
            full = _joined(root, path)
            if isinstance(described, ImageError):
                if images.missing == "skip" and not is_remote(full) and not os.path.isdir(full):
                    notes.append(Note(MISSING, full, full, left_out=True))
                else:
                    broken.append(({PATH: path, **metadata}, described))
            elif why := misfit(described, asked):
                problems.append(Problem(why, full))
            else:
                rows += rows_of({PATH: path, **metadata}, described, asked)
    if problems or not rows:
        problems += [_problem(failed) for _, failed in broken]
        raise PixmakeError(problems or [Problem("no image: all are left out", asked.path)])
    for row, failed in broken:  # one of many stops no others: its own job will say what is wrong
        told = _problem(failed)
        notes.append(Note("its metadata cannot be read", _joined(root, row[PATH]), told.where, told.what))
        rows.append(row)
    columns = {
        name: [row.get(name) for row in rows]
        for name in (PATH, *COLUMNS)
        if name == PATH or any(name in row for row in rows)
    }
    return make_table(columns, labels(rows), asked.path, root, notes)


_NO_WELL = "a well that its plate lists is not there"
_SKIP = "`missing: skip` leaves such images out"


def _listed(path: str) -> tuple[str, list[str]]:
    """The folder that paths start from, and the images and plates in it.

    Raises
    ------
    PixmakeError
        There is none.
    """
    path = path.rstrip("/") or path
    if is_zarr(path):
        root = outermost(path).rpartition("/")[0]
        return root or ("/" if path.startswith("/") else "."), [path[len(root) :].lstrip("/")]
    found = sorted(_zarrs_below(path))
    if not found:
        if is_remote(path) or os.path.isdir(path):
            hint = "an OME-Zarr is a folder called *.zarr"
            raise PixmakeError([Problem("no OME-Zarr in this folder", path, hint)])
        what = "is no folder" if os.path.exists(path) else "there is no such folder"
        raise PixmakeError([Problem(what, path, "an OME-Zarr is a folder called *.zarr")])
    return path, found


def _zarrs_below(folder: str) -> Iterator[str]:
    """The OME-Zarrs in a folder and those inside it, by path from there."""
    if is_remote(folder):
        try:
            yield from zarrs_below(folder)
        except RemoteError as error:
            raise PixmakeError([_problem(error)]) from None
        return
    seen: set[tuple[int, int]] = set()
    for here, folders, _ in os.walk(folder, followlinks=True):
        inner = os.path.relpath(here, folder)
        # what is inside an OME-Zarr are its chunks
        below = [name for name in folders if not is_of_system(name, folder=True)]
        yield from (name if inner == "." else f"{inner}/{name}" for name in below if is_zarr(name))
        folders[:] = [name for name in below if not is_zarr(name) and _is_new(f"{here}/{name}", seen)]


def _is_new(folder: str, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder is met for the first time: links may lead in a circle."""
    state = os.stat(folder)
    is_new = (state.st_dev, state.st_ino) not in seen
    seen.add((state.st_dev, state.st_ino))
    return is_new


def _places(root: str, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The images of one OME-Zarr: the path of each, and what a plate says of it; none of a missing well."""
    full = _joined(root, path)
    group = ngff.open_node(full)
    if ngff.is_array(group):
        yield path, {}
        return
    said = ngff.attributes(group)
    if "plate" in said or "well" in said:
        plate = said.get("plate", {}).get("name") or _stem(path)
        for each in ngff.fields_of(full, group, said):
            metadata = {"plate": plate, "row": each.row, "column": each.column}
            metadata |= {"well": f"{each.row}{each.column}", "field": each.field}
            if each.acquisition is not None:
                metadata["acquisition"] = each.acquisition
            yield f"{path}/{each.path}" if each.field else "", metadata
        return
    series = ngff.series_of(group, said)
    yield from ((f"{path}/{name}", {}) for name in series)
    if not series:
        yield path, {}


def _described(path: str, level: int) -> Described | ImageError:
    try:
        return ngff.describe(path, level)
    except ImageError as error:
        return error


def _problem(error: ImageError) -> Problem:
    where, _, what = str(error).partition(": ")
    return Problem(what, where) if what else Problem(where)


def _joined(root: str, path: str) -> str:
    return path if root == "." else f"{root.rstrip('/')}/{path}"


def _stem(path: str) -> str:
    """The name of an OME-Zarr without its suffixes."""
    name = outermost(path).rpartition("/")[2][: -len(".zarr")]
    return name[: -len(".ome")] if name.endswith(".ome") else name
