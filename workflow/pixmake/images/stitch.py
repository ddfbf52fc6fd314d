"""One image of its tiles: objects that a border cuts become one, and each has one number everywhere.

Neighbouring tiles that overlap are compared where they do: two labels are one object if they share enough of
the pixels there. Tiles that only touch are compared along the border. What belongs together is found with
a union-find, so an object may go through any number of tiles. Overlaps are then cut in the middle.

Two tiles are never needed at once: of each, the parts that later ones are compared with are kept.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[Any]

LEAST_SHARED = 0.5
"""Which share of the smaller of two labels, in the part that two tiles have in common, makes them one."""

CUT = "cut"
"""The column that says whether no tile holds the whole object."""

_POINT = "(?:(?:weighted_)?centroid(?:_weighted)?|cent(?:er|re)|bbox|pos|position|peak|seed)"
_COORDINATE = re.compile(rf"(?:{_POINT}[_-])?(?:(y|row)|(x|col))(?:[_-]?(?:min|max))?")
_OF_AXIS = re.compile(rf"{_POINT}-([0-3])")  # as scikit-image's `regionprops_table` names them


class Region(NamedTuple):
    """Where a tile is in its image, in pixels."""

    y: int
    x: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """The row below it."""
        return self.y + self.height

    @property
    def right(self) -> int:
        """The column beside it."""
        return self.x + self.width

    def inside(self, outer: Region) -> tuple[slice, slice]:
        """Where it is in the array of another region around it."""
        return (
            slice(self.y - outer.y, self.bottom - outer.y),
            slice(self.x - outer.x, self.right - outer.x),
        )


@dataclass(frozen=True)
class Numbers:
    """Of one tile, the labels that the stitched image shows, or that are part of an object that it shows."""

    labels: Array
    """Sorted."""
    numbers: Array
    """Of each the number in the stitched image."""
    pixels: Array
    """How many pixels of the tile it has."""
    cut: Array
    """Whether it reaches a border of the tile that is not one of the image."""

    def of(self, tile: Array) -> Array:
        """A part of the tile with the numbers of the stitched image."""
        import numpy as np

        if not self.labels.size:
            return np.zeros(tile.shape, self.numbers.dtype)
        at = np.minimum(np.searchsorted(self.labels, tile), self.labels.size - 1)
        return np.where(self.labels[at] == tile, self.numbers[at], self.numbers.dtype.type(0))


class GridError(ValueError):
    """Tiles that do not make a grid."""


def cores(regions: Sequence[Region]) -> list[Region]:
    """The part of each tile that stands in the stitched image: overlaps are cut in the middle.

    Raises
    ------
    GridError
        The tiles make no grid.

    Examples
    --------
    >>> cores([Region(0, 0, 4, 10), Region(0, 6, 4, 10)])
    [Region(y=0, x=0, height=4, width=8), Region(y=0, x=8, height=4, width=8)]
    """
    rows = _own_spans({(region.y, region.bottom) for region in regions})
    columns = _own_spans({(region.x, region.right) for region in regions})
    if len(set(regions)) < len(regions):
        raise GridError("a tile stands twice")
    found = []
    for region in regions:
        top, bottom = rows[region.y, region.bottom]
        left, right = columns[region.x, region.right]
        found.append(Region(top, left, bottom - top, right - left))
    return found


def _own_spans(spans: set[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    ordered = sorted(spans)
    starts = [start for start, _ in ordered]
    stops = [stop for _, stop in ordered]
    for before, after in itertools.pairwise(ordered):
        if after[0] == before[0] or after[1] <= before[1]:
            raise GridError(
                f"the tiles make no grid: one goes from {before[0]} to {before[1]}, "
                f"another from {after[0]} to {after[1]}"
            )
    for number in range(1, len(ordered)):
        if starts[number] < stops[number - 1]:
            starts[number] = stops[number - 1] = (starts[number] + stops[number - 1] + 1) // 2
    return dict(zip(ordered, zip(starts, stops, strict=True), strict=True))


def match_labels(
    regions: Sequence[Region],
    read: Callable[[int], Array],
    shape: tuple[int, int],
    least_shared: float = LEAST_SHARED,
) -> list[Numbers]:
    """Find which labels of different tiles are one object, and number all objects from 1 on.

    Parameters
    ----------
    regions
        Where each tile is.
    read
        Gives the labels of a tile, H × W integers with 0 for background; called once a tile.
    shape
        Rows and columns of the whole image.
    least_shared
        Labels of two tiles are one object if they share more than this fraction of the smaller one's
        pixels, in the part that both tiles have; 0: if they share any. Where tiles only touch, it is the
        pixels along the border that count.

    Returns
    -------
    list of Numbers
        One a tile. Numbers follow the order of tiles, and of labels in a tile.

    Raises
    ------
    GridError
        The tiles make no grid.
    """
    import numpy as np

    own = cores(regions)
    later = _neighbours(regions)
    waiting: dict[int, list[tuple[int, Array]]] = {}
    same = UnionFind()
    found: list[tuple[Array, Array, Array, Array]] = []
    for number, region in enumerate(regions):
        tile = read(number)
        labels, pixels = np.unique(tile, return_counts=True)
        labels, pixels = labels[labels != 0], pixels[labels != 0]
        shown = np.isin(labels, np.unique(tile[own[number].inside(region)]))
        found.append((labels, pixels, shown, np.isin(labels, _at_inner_borders(tile, region, shape))))
        for other in later[number]:
            waiting.setdefault(other, []).append((number, tile[_part_towards(region, regions[other])].copy()))
        for before, theirs in waiting.pop(number, ()):
            mine = tile[_part_towards(region, regions[before])]
            for one, other_one in _shared(theirs, mine, least_shared):
                same.join((before, one), (number, other_one))
    numbers: dict[tuple[int, int], int] = {}
    for tile_number, (labels, _, shown, _) in enumerate(found):
        for label in labels[shown].tolist():
            numbers.setdefault(same.root((tile_number, label)), len(numbers) + 1)
    dtype = np.uint32 if len(numbers) < 2**32 else np.uint64
    tiles = []
    for tile_number, (labels, pixels, _, cut) in enumerate(found):
        new = [numbers.get(same.root((tile_number, label)), 0) for label in labels.tolist()]
        tiles.append(Numbers(labels, np.array(new, dtype), pixels, cut))
    return tiles


def object_rows(tables: Sequence[pd.DataFrame], tiles: Sequence[Numbers], label: str) -> pd.DataFrame:
    """The rows of tables of objects, one a tile, as one row an object.

    Of an object that several tiles hold, the row of one that holds all of it is kept. If none does, it is
    that of the tile which holds most of it, and the column ``cut`` says so: its measurements are of a part.

    Parameters
    ----------
    tables
        Of each tile; see `moved`.
    tiles
        What `match_labels` found.
    label
        The column that holds the object's label in its tile; afterwards its number.
    """
    import pandas as pd

    parts = []
    for table, tile in zip(tables, tiles, strict=True):
        known = pd.DataFrame(
            {label: tile.labels, "_number": tile.numbers, "_pixels": tile.pixels, CUT: tile.cut}
        )
        parts.append(table.drop(columns=CUT, errors="ignore").merge(known, on=label, how="inner"))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["_number"] != 0]
    rows = rows.sort_values(["_number", CUT, "_pixels"], ascending=[True, True, False], kind="stable")
    rows = rows.drop_duplicates("_number").reset_index(drop=True)
    rows[label] = rows["_number"]
    return rows.drop(columns=["_number", "_pixels"])


def moved(table: pd.DataFrame, region: Region) -> pd.DataFrame:
    """A tile's table with its coordinates as those of the whole image.

    Coordinates are the columns ``y`` and ``x`` (or ``row`` and ``col``), alone or behind ``centroid``,
    ``center``, ``bbox``, ``pos``, ``position``, ``peak`` or ``seed`` (``centroid_y``), also with ``min`` or
    ``max`` behind, and scikit-image's ``centroid-0``, ``bbox-0``. In pixels, as all that is told of tiles.
    """
    steps = {column: _step(str(column), region) for column in table.columns}
    return table.assign(**{column: table[column] + step for column, step in steps.items() if step})


def _step(column: str, region: Region) -> int:
    if named := _COORDINATE.fullmatch(column.lower()):
        return region.y if named[1] else region.x
    if axis := _OF_AXIS.fullmatch(column.lower()):
        return region.y if int(axis[1]) % 2 == 0 else region.x
    return 0


class UnionFind:
    """Which things belong together, as pairs of them become known."""

    def __init__(self) -> None:
        self._above: dict[Any, Any] = {}

    def root(self, thing: Any) -> Any:
        """The one that stands for all that belong together."""
        path = []
        while thing in self._above:
            path.append(thing)
            thing = self._above[thing]
        for passed in path:
            self._above[passed] = thing
        return thing

    def join(self, one: Any, other: Any) -> None:
        """Say that two belong together."""
        one, other = self.root(one), self.root(other)
        if one != other:
            self._above[max(one, other)] = min(one, other)


def _neighbours(regions: Sequence[Region]) -> list[list[int]]:
    """Of each tile the later ones that it overlaps, or touches along a side."""
    by_start = {(each.y, each.x): n for n, each in enumerate(regions)}
    ys, xs = sorted({each.y for each in regions}), sorted({each.x for each in regions})
    row, column = {y: n for n, y in enumerate(ys)}, {x: n for n, x in enumerate(xs)}
    found: list[list[int]] = []
    for number, region in enumerate(regions):
        near = []
        for y in ys[max(0, row[region.y] - 1) : row[region.y] + 2]:
            for x in xs[max(0, column[region.x] - 1) : column[region.x] + 2]:
                other = by_start.get((y, x), -1)
                if other > number and _meet(region, regions[other]):
                    near.append(other)
        found.append(near)
    return found


def _meet(one: Region, other: Region) -> bool:
    """Whether two tiles overlap, or touch along a side; a corner is not enough."""
    rows = min(one.bottom, other.bottom) - max(one.y, other.y)
    columns = min(one.right, other.right) - max(one.x, other.x)
    return min(rows, columns) >= 0 and max(rows, columns) > 0


def _part_towards(one: Region, other: Region) -> tuple[slice, slice]:
    """Where a tile overlaps another; or, where they only touch, its line along that border."""
    return _span(one.y, one.bottom, other.y, other.bottom), _span(one.x, one.right, other.x, other.right)


def _span(start: int, stop: int, other_start: int, other_stop: int) -> slice:
    first, last = max(start, other_start), min(stop, other_stop)
    if first == last:
        return slice(0, 1) if first == start else slice(stop - start - 1, stop - start)
    return slice(first - start, last - start)


def _shared(one: Array, other: Array, least: float) -> Iterator[tuple[int, int]]:
    """The labels that are one object, of two arrays of the same pixels."""
    import numpy as np

    both = (one != 0) & (other != 0)
    if not both.any():
        return
    pairs, counts = np.unique(np.stack([one[both], other[both]]), axis=1, return_counts=True)
    sizes = [
        dict(zip(*map(np.ndarray.tolist, np.unique(each, return_counts=True)), strict=True))
        for each in (one, other)
    ]
    for (mine, theirs), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        if count > least * min(sizes[0][mine], sizes[1][theirs]):
            yield mine, theirs


def _at_inner_borders(tile: Array, region: Region, shape: tuple[int, int]) -> Array:
    """The labels along those borders of a tile that are not borders of the image."""
    import numpy as np

    lines = [tile[:0, 0]]
    lines += [tile[0]] if region.y > 0 else []
    lines += [tile[-1]] if region.bottom < shape[0] else []
    lines += [tile[:, 0]] if region.x > 0 else []
    lines += [tile[:, -1]] if region.right < shape[1] else []
    return np.unique(np.concatenate(lines))
