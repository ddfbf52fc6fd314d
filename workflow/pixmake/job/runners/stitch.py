"""Kind of step ``stitch``: what a step made of each tile becomes one file of the whole image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base.files import is_folder, remove, written_whole
from pixmake.images.axes import WHOLE
from pixmake.images.pyramid import CHUNK
from pixmake.images.read import describe_part, read_file, write_file
from pixmake.images.stitch import LEAST_SHARED, Numbers, Region, cores, match_labels, moved, object_rows
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.metadata import source_of, stamp_for

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

LABEL = "label"
"""The column of a table that holds an object's label in its tile."""


@dataclass(frozen=True)
class _Tiles:
    """The tiles of one image for which the needed step has a result."""

    regions: list[Region]
    shape: tuple[int, int]
    """Rows and columns of the whole image."""
    own: list[Region]
    """What of each tile stands in the result."""


def run(call: Call) -> Outcome:
    """Write each file, and count the objects."""
    asked = call.task.work["stitch"]
    tiles = _tiles(call)
    files = {name: list(call.gathered.files[name]) for name in asked}
    labels = next((name for name, what in asked.items() if what == "labels"), None)
    numbers: list[Numbers] = []
    stamp = stamp_for(call)
    found = {"tiles": {"value": len(tiles.regions)}}
    if labels is not None:
        least = float(call.task.params.get("least_shared", LEAST_SHARED))
        read = _reader(files[labels], tiles.regions)
        numbers = match_labels(tiles.regions, lambda at: _labels(read(at)), tiles.shape, least)
        found["objects"] = {"value": max((int(each.numbers.max(initial=0)) for each in numbers), default=0)}
    for name, what in asked.items():
        with written_whole(call.outputs[name]) as temporary:
            if what == "table":
                label = str(call.task.params.get("label", LABEL))
                write_file(_whole_table(files[name], tiles, numbers, label), temporary, stamp=stamp)
                continue
            read = _reader(files[name], tiles.regions)
            of_tile = _renumbered(read, numbers) if what == "labels" else read
            _write_whole(of_tile, tiles, temporary, call, name, stamp)
    return Outcome(found)


def _tiles(call: Call) -> _Tiles:
    rows = call.gathered.rows
    regions = [Region(*(int(row[term]) for term in Region._fields)) for row in rows]
    (path,), parts = call.gathered.images[0].values(), call.gathered.parts[0]
    image = describe_part(path, parts.get("", WHOLE))
    return _Tiles(regions, (image.size("y"), image.size("x")), cores(regions))


def _reader(files: Sequence[str], regions: Sequence[Region]) -> Callable[[int], Array]:
    """Reads what a step made of a tile; rows and columns first."""

    def read(number: int) -> Array:
        array: Array = read_file(files[number])
        region = regions[number]
        size = (region.height, region.width)
        if not hasattr(array, "shape"):
            raise TypeError(f"{files[number]}: is no image")
        if array.ndim == 3 and array.shape[:2] != size:
            array = array.transpose(1, 2, 0)
        if array.ndim not in (2, 3) or array.shape[:2] != size:
            found = " × ".join(map(str, array.shape))
            raise ValueError(f"{files[number]}: is {found} pixels, but its tile {size[0]} × {size[1]}")
        return array

    return read


def _labels(array: Array) -> Array:
    if array.ndim != 2 or array.dtype.kind not in "biu":
        raise TypeError(
            f"a label image is H × W integers, not {' × '.join(map(str, array.shape))} {array.dtype}"
        )
    return array


def _renumbered(read: Callable[[int], Array], numbers: Sequence[Numbers]) -> Callable[[int], Array]:
    return lambda number: numbers[number].of(read(number))


def _whole_table(files: Sequence[str], tiles: _Tiles, numbers: Sequence[Numbers], label: str) -> Any:
    """The tables of all tiles as one; with labels, a row an object."""
    import pandas as pd

    tables = []
    for file, region in zip(files, tiles.regions, strict=True):
        table = _read_table(file)
        if numbers and len(table) and label not in table.columns:
            known = ", ".join(map(str, table.columns))
            raise KeyError(f"{file}: has no column {label!r} (params: label), but {known}")
        tables.append(moved(table, region))
    # a table without rows says nothing of the types of its columns
    filled = [number for number, table in enumerate(tables) if len(table)]
    if not filled:
        return tables[0]
    if not numbers:
        return pd.concat([tables[number] for number in filled], ignore_index=True)
    return object_rows([tables[number] for number in filled], [numbers[number] for number in filled], label)


def _read_table(path: str) -> Any:
    import pandas as pd

    if path.lower().endswith(".parquet"):
        return pd.read_parquet(path)
    try:
        return pd.read_csv(path, sep="\t" if path.lower().endswith(".tsv") else ",")
    except pd.errors.EmptyDataError:  # a table without columns: no object in this tile
        return pd.DataFrame()


def _write_whole(
    read: Callable[[int], Array], tiles: _Tiles, path: Path, call: Call, name: str, stamp: str
) -> None:
    """Write the tiles' own parts beside one another; as OME-Zarr without having them all in memory."""
    import numpy as np

    first = read(0)
    shape = (*tiles.shape, *first.shape[2:])
    if not is_folder(path):
        whole = np.zeros(shape, first.dtype)
        _fill(whole, read, tiles)
        write_file(whole, path, name, stamp=stamp)
        return
    import zarr

    level = path.with_name(f"{path.name}.full")
    chunks = (*(min(CHUNK, size) for size in tiles.shape), *first.shape[2:])
    try:
        stored = zarr.create_array(str(level), shape=shape, chunks=chunks, dtype=first.dtype, fill_value=0)
        _fill(stored, read, tiles)
        write_file(stored, path, name, source_of(call), stamp)
    finally:
        remove(level)


def _fill(whole: Any, read: Callable[[int], Array], tiles: _Tiles) -> None:
    for number, (region, own) in enumerate(zip(tiles.regions, tiles.own, strict=True)):
        whole[own.y : own.bottom, own.x : own.right] = read(number)[own.inside(region)]
