"""How a stored image is turned upright: by TIFF's numbers of orientations, which are EXIF's, too.

Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""Whether rows and columns are swapped, and then which of both run the other way."""


def is_swapped(orientation: int) -> bool:
    """Whether the upright image is as high as the stored one is wide."""
    return _TURNS.get(orientation, _TURNS[1])[0]


def upright(array: Array, orientation: int, rows: int = 0) -> Array:
    """A stored array turned upright; its columns are the axis after that of its rows."""
    import numpy as np

    swapped, down, right = _TURNS.get(orientation, _TURNS[1])
    if not (swapped or down or right):
        return array
    if swapped:
        array = array.swapaxes(rows, rows + 1)
    turns = (slice(None, None, -1 if down else 1), slice(None, None, -1 if right else 1))
    # OpenCV takes no array that runs backwards
    return np.ascontiguousarray(array[(*[slice(None)] * rows, *turns)])


def stored_spans(
    orientation: int, rows: range, columns: range, height: int, width: int
) -> tuple[range, range]:
    """Where a region of the upright image, which is this high and wide, is in the stored one."""
    swapped, down, right = _TURNS.get(orientation, _TURNS[1])
    if down:
        rows = range(height - rows.stop, height - rows.start)
    if right:
        columns = range(width - columns.stop, width - columns.start)
    return (columns, rows) if swapped else (rows, columns)
