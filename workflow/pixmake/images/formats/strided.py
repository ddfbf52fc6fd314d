"""Regions of arrays that lie in a file as they are: what is read is little more than the region.

The file is not mapped: where a mapped one ends too early, or its server is gone, the process ends with it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

SMALL, LARGE = 64 * 1024, 4 * 1024 * 1024
"""Bytes that are read at once whatever is in them, and those that never are more than once at a time."""


def read(path: str, offset: int, dtype: Any, strides: Sequence[int], region: Sequence[slice]) -> Array:
    """A region of an array in a file.

    Parameters
    ----------
    path, offset
        The file, and where in it the array's first value stands.
    dtype
        Of the values, with their byte order.
    strides
        Of each axis the bytes from one index to the next.
    region
        Of each axis a start and a stop.

    Raises
    ------
    ImageError
        The file ends before the region does.
    """
    import numpy as np

    counts = [at.stop - at.start for at in region]
    out = np.empty(counts, dtype)
    inner = _read_at_once(counts, strides, out.dtype.itemsize)
    outer = [axis for axis in range(len(counts)) if axis not in inner]
    first = offset + sum(at.start * stride for at, stride in zip(region, strides, strict=True))
    span = out.dtype.itemsize + sum((counts[axis] - 1) * strides[axis] for axis in inner)
    with open(path, "rb") as file:
        for index in itertools.product(*(range(counts[axis]) for axis in outer)):
            at = first + sum(number * strides[axis] for number, axis in zip(index, outer, strict=True))
            data = os.pread(file.fileno(), span, at)
            if len(data) < span:
                raise ImageError(f"{path}: the file is cut short: its last part is missing")
            view: Array = np.ndarray(
                [counts[axis] for axis in inner], dtype, data, 0, [strides[axis] for axis in inner]
            )
            where: list[Any] = [slice(None)] * len(counts)
            for number, axis in zip(index, outer, strict=True):
                where[axis] = number
            out[tuple(where)] = view
    return out


def _read_at_once(counts: Sequence[int], strides: Sequence[int], size: int) -> list[int]:
    """The axes of a block that is read at once: the fastest ones, as long as little else lies between."""
    span, wanted, axes = size, size, []
    for axis in sorted(range(len(counts)), key=lambda axis: strides[axis]):
        grown, more = span + (counts[axis] - 1) * strides[axis], wanted * counts[axis]
        dense = grown <= 1.25 * more and grown <= LARGE
        if counts[axis] > 1 and not (dense or grown <= SMALL):
            continue
        span, wanted = grown, more
        axes.append(axis)
    return sorted(axes)
