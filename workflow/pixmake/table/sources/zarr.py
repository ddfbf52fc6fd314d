"""Source ``zarr``: OME-Zarr images and plates; a row for each image, field, plane or tile."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.images import Images
from pixmake.images import ngff
from pixmake.images.axes import Described, ImageError, is_zarr
from pixmake.images.remote.objects import RemoteError, is_remote, zarrs_below
from pixmake.images.zarr_paths import outermost
from pixmake.table.planes import labels, misfit, rows_of
from pixmake.table.table import PATH, Table, make_table

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
    rows: list[dict[str, Any]] = []
    places: list[tuple[str, Mapping[str, Any]]] = []
    for path in paths:
        try:
            places += _places(root, path)
        except ImageError as error:
            problems.append(_problem(error))
    with ThreadPoolExecutor(ngff.AT_ONCE) as threads:
        found = threads.map(lambda place: _described(_joined(root, place[0]), asked.level), places)
        for (path, metadata), described in zip(places, found, strict=True):
            if isinstance(described, ImageError):
                problems.append(_problem(described))
            elif why := misfit(described, asked):
                problems.append(Problem(why, _joined(root, path)))
            else:
                rows += rows_of({PATH: path, **metadata}, described, asked)
    if problems:
        raise PixmakeError(problems)
    columns = {
        name: [row.get(name) for row in rows]
        for name in (PATH, *COLUMNS)
        if name == PATH or any(name in row for row in rows)
    }
    return make_table(columns, labels(rows), asked.path, root)


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
    for here, folders, _ in os.walk(folder, followlinks=True):
        inner = os.path.relpath(here, folder)
        for name in folders:
            if is_zarr(name) and not name.startswith("."):
                yield name if inner == "." else f"{inner}/{name}"
        # what is inside an OME-Zarr are its chunks
        folders[:] = [name for name in folders if not is_zarr(name) and not name.startswith(".")]


def _places(root: str, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The images of one OME-Zarr: the path of each, and what a plate says of it."""
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
            yield f"{path}/{each.path}", metadata
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
