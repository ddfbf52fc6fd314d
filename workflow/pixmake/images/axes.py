"""The axes of an image: which it has, which part of them is meant, and how an analysis gets what it asks for.

Axes are named by one letter each, as in OME: ``t`` time, ``c`` channel, ``z`` depth, ``y`` rows and ``x``
columns. ``i`` stands for pages that their file does not name. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

PARTS = ("scene", "t", "c", "z", "level", "y", "x", "height", "width", "page")
"""What says which part of an image is meant; columns of the table are called so."""

PLANES = ("t", "c", "z")
"""The axes of which a part names one index."""

NAMED = "tczyx"
"""The axes that an analysis can ask for."""

UNNAMED = "i"

Part = Mapping[str, Any]
"""Of `PARTS`: which image of a file that holds several, from 0; indices of planes from 0; a resolution level,
0 the full one; a region in pixels of that level; a page of a TIFF. And ``inside``, a text: the path of an
image inside its file. Empty: the whole image."""

WHOLE: Part = MappingProxyType({})


_ZARR = re.compile(r"\.zarr(/|$)")


class ImageError(Exception):
    """A file that is not the image it should be; the message says why."""


@dataclass(frozen=True)
class Described:
    """What an image is, known without its pixels."""

    axes: str
    """A letter each, in the order of the array: ``tczyx``, ``yx``; ``yxc`` for colour files."""
    shape: tuple[int, ...]
    """Pixels along each axis."""
    dtype: str
    """As NumPy calls it, such as ``uint16``."""
    pixel_size: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """By axis, its step and the unit of that, such as ``(0.65, "micrometer")``."""
    channels: tuple[str, ...] = ()
    """What the channels are called, if anything."""
    levels: int = 1
    """How many resolutions there are."""

    def size(self, axis: str) -> int:
        """Pixels along an axis; 1 along one that the image does not have."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def __str__(self) -> str:
        """Axes and shape in words: ``axes tczyx of 3×2×1×512×512``."""
        return f"axes {self.axes} of {'×'.join(map(str, self.shape))}"


class Format(Protocol):
    """What a module that decodes a format has; `pixmake.images.read` chooses the module by what a path is."""

    def describe(self, path: str, level: int = 0) -> Described:
        """What an image is: ``shape`` and ``pixel_size`` are those of the resolution level."""
        ...

    def read(self, path: str, part: Part, axes: str | None) -> Array:
        """The part of an image, in the axes that are asked for; see `fit_axes`."""
        ...


def named(path: str, part: Part) -> str:
    """An image and the part of it that is meant, for a message: ``a.zarr (t 0, c 1)``."""
    return f"{path} ({', '.join(f'{name} {number}' for name, number in part.items())})" if part else path


def is_zarr(path: str) -> bool:
    """Whether a path is an OME-Zarr, or an image inside one such as ``plate.zarr/A/1/0``."""
    return ".zarr" in path and _ZARR.search(path) is not None


def left_of(described: Described, part: Part, path: str = "") -> Described:
    """What a part of an image is: without the axes of which it names one index, as large as its region.

    Parameters
    ----------
    described
        The image, at the part's level.
    part
        Which part; ``level`` and ``page`` are the business of who described it.
    path
        The image, for messages.

    Raises
    ------
    ImageError
        The image has no such part.
    """
    index = index_of(described, part, path)
    left = [
        (axis, len(range(*at.indices(size))))
        for axis, size, at in zip(described.axes, described.shape, index, strict=True)
        if isinstance(at, slice)
    ]
    channel = part.get("c")
    channels = described.channels
    return replace(
        described,
        axes="".join(axis for axis, _ in left),
        shape=tuple(size for _, size in left),
        channels=channels if channel is None or not channels else (channels[channel],),
    )


def index_of(described: Described, part: Part, path: str = "") -> tuple[int | slice, ...]:
    """Where a part is in the image's array: an index or a slice for each axis.

    Raises
    ------
    ImageError
        The image has no such part.
    """
    problems = []
    for axis in PLANES:
        size, wanted = described.size(axis), part.get(axis)
        if wanted is not None and not 0 <= wanted < size:
            there = f"{size} ({axis} is 0 to {size - 1})" if size > 1 else "one (0)"
            problems.append(f"has no {axis} = {wanted}, but {there}")
    spans = {axis: _span(described, part, axis, extent) for axis, extent in (("y", "height"), ("x", "width"))}
    for axis, (start, stop) in spans.items():
        if not 0 <= start < stop <= described.size(axis):
            problems.append(
                f"has no {axis} from {start} to {stop}, but {described.size(axis)} pixels along {axis}"
            )
    if problems:
        raise ImageError(f"{path}: {'; '.join(problems)}" if path else "; ".join(problems))
    index: list[int | slice] = []
    for axis in described.axes:
        at = part.get(axis) if axis in PLANES else None
        index.append(slice(*spans.get(axis, (None, None))) if at is None else at)
    return tuple(index)


ONE_IMAGE = "one image a file is read"
NAME_A_PAGE = "give a column page, and say that it is one: `images: {read_by: [page]}`"


def mismatch(described: Described, asked: str | None) -> str:
    """Why an image, or a part of one, cannot be had in the axes that are asked for; empty if it can."""
    if asked is None:
        return ""
    named = _with_pages_named(described.axes, described.shape, asked)
    too_many = [
        axis for axis, size in zip(named, described.shape, strict=True) if size > 1 and axis not in asked
    ]
    if not too_many:
        return ""
    which = " and ".join(f"one {'page' if axis == UNNAMED else axis}" for axis in too_many)
    what = f"has {described}; `axes: {asked}` needs {which}: "
    if set(too_many) <= set(PLANES):
        columns = " and ".join(too_many)
        plural = "columns" if len(too_many) > 1 else "a column"
        split = f"split them in the source, `split: [{', '.join(too_many)}]`"
        return f"{what}{split}, or give {plural} {columns} (images.read_by)"
    if too_many == [UNNAMED]:
        return f"{what}{NAME_A_PAGE}"
    return f"{what}ask for axes that hold {which.replace('one ', '')}"


def nameless(left: Described) -> str:
    """Why an image of several pages that nothing names is none, for a step that asks for no axes."""
    if left.size(UNNAMED) == 1:
        return ""
    return (
        f"has {left.size(UNNAMED)} pages; {ONE_IMAGE}: name one of them in a column `page` "
        "(images.read_by), or ask for all of them: `axes: zyx`"
    )


def fit_axes(array: Array, axes: str, asked: str | None, path: str = "") -> Array:
    """An array in just the axes that are asked for: a view of it, if its bytes are in this machine's order.

    Axes of size 1 that are not asked for are dropped, the others brought into the order asked for, and
    those that are asked for and not there added with size 1. Pages that their file does not name stand for
    the one axis that is asked for and not there.

    Parameters
    ----------
    array, axes
        The array, and the letters of its axes in their order.
    asked
        The letters to have. ``None``: the array's own order, without axes of size 1 but ``y`` and ``x``.
    path
        The image, for messages.

    Raises
    ------
    ImageError
        An axis that is not asked for has more than one pixel.
    """
    array = native(array)
    if asked is None:
        return array[
            tuple(
                0 if size == 1 and axis not in "yx" else slice(None)
                for axis, size in zip(axes, array.shape, strict=True)
            )
        ]
    problem = mismatch(Described(axes, array.shape, str(array.dtype)), asked)
    if problem:
        raise ImageError(f"{path}: {problem}" if path else problem)
    axes = _with_pages_named(axes, array.shape, asked)
    array = array[tuple(slice(None) if axis in asked else 0 for axis in axes)]
    left = [axis for axis in axes if axis in asked]
    array = array.transpose([left.index(axis) for axis in asked if axis in left])
    return array[tuple(slice(None) if axis in left else None for axis in asked)]


def native(array: Array) -> Array:
    """An array in this machine's byte order: OpenCV takes any array to have it, and reads other numbers."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def pixel_sizes(described: Described) -> dict[str, dict[str, Any]]:
    """The pixel sizes as an analysis gets them: ``{"y": {"value": 0.65, "unit": "micrometer"}}``."""
    return {axis: {"value": value, "unit": unit} for axis, (value, unit) in described.pixel_size.items()}


def _with_pages_named(axes: str, shape: tuple[int, ...], asked: str) -> str:
    """The axes, with nameless pages called by the one plane axis that is asked for and not there."""
    lacking = [axis for axis in asked if axis not in axes]
    if UNNAMED in axes and shape[axes.index(UNNAMED)] > 1 and len(lacking) == 1:
        return axes.replace(UNNAMED, lacking[0])
    return axes


def _span(described: Described, part: Part, axis: str, extent: str) -> tuple[int, int]:
    """From where to where a region goes along an axis: without its size, to the edge."""
    start = part.get(axis, 0)
    return start, start + part[extent] if extent in part else described.size(axis)
