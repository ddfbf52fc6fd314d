"""Kind of step ``stitch``: what a step made of each tile becomes one file of the whole image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixmake.images import describe, read_file, read_table, write_file
from pixmake.outputs import is_folder
from pixmake.records import written_whole
from pixmake.runners import Call, Outcome
from pixmake.stitch import LEAST_SHARED, Numbers, Region, cores, match_labels, moved, object_rows

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
                write_file(_whole_table(files[name], tiles, numbers, label), temporary)
                continue
            read = _reader(files[name], tiles.regions)
            of_tile = _renumbered(read, numbers) if what == "labels" else read
            _write_whole(of_tile, tiles, temporary, call, name)
    return Outcome(found)
