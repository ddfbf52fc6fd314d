"""Planes and tiles of images as rows of the table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.config.images import Cut, Tile
from pixmake.images.axes import Described
from pixmake.table.table import PATH


def rows_of(known: Mapping[str, Any], described: Described, asked: Cut) -> Iterator[dict[str, Any]]:
    """A row for each plane and tile of an image."""
    planes = itertools.product(*(range(described.size(axis)) for axis in asked.split))
    cut: list[dict[str, int]] = [{}]
    if asked.tile is not None:
        cut = list(tiles(described.size("y"), described.size("x"), asked.tile))
    level = {"level": asked.level} if asked.level else {}
    for plane in planes:
        index: dict[str, int] = dict(zip(asked.split, plane, strict=True))
        named: dict[str, Any] = {}
        if "c" in index and index["c"] < len(described.channels):
            named["channel"] = described.channels[index["c"]]
        for tile in cut:
            yield {**known, **named, **index, **level, **tile}


def misfit(described: Described, asked: Cut) -> str:
    """Why an image cannot be cut as it is asked for; empty if it can."""
    missing = [axis for axis in asked.split if axis not in described.axes]
    return f"has {described}: it cannot be split along {' and '.join(missing)}" if missing else ""


def labels(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each row is called in messages: its path and what tells it from others of that path."""
    told = ("scene", "t", "c", "z", "y", "x")
    return [
        " ".join([str(row[PATH]), *(f"{name}={row[name]}" for name in told if name in row)]) for row in rows
    ]


def tiles(height: int, width: int, tile: Tile) -> Iterator[dict[str, int]]:
    """The squares that an image is cut into, row by row: ``y``, ``x``, ``height`` and ``width`` of each.

    Neighbours share `tile.overlap` pixels. No tile lies wholly inside another.

    Examples
    --------
    >>> [each["x"] for each in tiles(10, 25, Tile(size=10, overlap=2))]
    [0, 8, 16]
    """
    for y, x in itertools.product(_starts(height, tile), _starts(width, tile)):
        yield {"y": y, "x": x, "height": min(tile.size, height - y), "width": min(tile.size, width - x)}


def _starts(extent: int, tile: Tile) -> range:
    return range(0, max(1, extent - tile.overlap), tile.size - tile.overlap)
