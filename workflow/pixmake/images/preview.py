"""A picture of an image, however many axes it has and however large it is: for pages and notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import PLANES, WHOLE, Described, Part
from pixmake.images.read import describe_part, read_image, says_what_it_is

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


def preview(path: str | Path, part: Part | None = None, side: int = 0) -> Array:
    """A plane of an image: the first time and channel, the middle of its depth.

    Parameters
    ----------
    path
        The image.
    part
        Which part of it is meant.
    side
        Pixels that the longer side has to have: of an image with several resolutions the smallest is read
        that has them. 0: the full one.

    Returns
    -------
    ndarray
        H × W, or H × W × 3 or 4 of a colour file, in its own type.

    Raises
    ------
    ImageError
        It cannot be decoded.
    MissingExtraError
        The library that reads such files is not installed.
    """
    name, part = str(path), dict(part or WHOLE)
    if not says_what_it_is(name):
        return read_image(name, part)
    described = describe_part(name, part)
    if not part and described.levels == 1 and described.axes in ("yx", "yxc"):
        return read_image(name)
    if side and described.levels > 1 and not part.keys() & {"level", "y", "x", "height", "width", "page"}:
        part["level"], described = _level(name, part, described, side)
    for axis in PLANES:
        # the colours of a pixel stand last; they are a picture's, channels are not
        if axis in described.axes and axis not in part and not described.axes.endswith(axis):
            part[axis] = described.size(axis) // 2 if axis == "z" else 0
    image = read_image(name, part)
    colours = 1 if described.axes[-1] in "cs" and "c" not in part else 0
    while image.ndim > 2 + colours:
        image = image[0]
    return image


def _level(path: str, part: Part, full: Described, side: int) -> tuple[int, Described]:
    for level in range(full.levels - 1, 0, -1):
        found = describe_part(path, {**part, "level": level})
        if max(found.size("y"), found.size("x")) >= side:
            return level, found
    return 0, full
