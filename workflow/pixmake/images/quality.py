"""How good a picture is as a camera left it: its focus, its exposure, its colours; not what it shows.

The figures are of use beside those of other pictures of the same camera and of the like things: the page
compares them by camera, day and plate. Standard library only at import.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

TILES, TILE = 8, 68
"""Tiles along each side of a picture that are looked at, and the pixels of a tile's side: 0.3 megapixels in
all, in full resolution, since focus is lost where a picture is made smaller."""

_OF_OPENCV = "BbHhfd"
"""The types of pixels that OpenCV takes, by NumPy's letters."""

DIGITS = 4
"""Significant digits that are kept."""


def quality_of(plane: Array) -> dict[str, float]:
    """The quality of a picture, from at most 0.3 megapixels of it.

    Parameters
    ----------
    plane
        H × W, or H × W × 1, 3 (BGR) or 4 (BGRA), of any type.

    Returns
    -------
    dict
        ``focus``: how strong its fine details are beside its contrast; less where it is blurred, the same
        where it is brighter. ``brightness``: its mean, as a share of what its integers
        can hold (of other types the mean itself). ``saturated`` and ``dark``: the shares of its pixels that
        have its own highest and lowest value. ``warmth``: log2 of its red over its blue, of a colour picture.
        One that cannot be said is left out.
    """
    # of NumPy what is written in C: each function of its Python costs a fork more pages than it has pixels
    import cv2
    import numpy as np

    if plane.dtype.char not in _OF_OPENCV:
        plane = plane.astype(np.float32)
    kind, bits = plane.dtype.kind, 8 * plane.dtype.itemsize
    most = 2.0**bits - 1 if kind == "u" else 2.0 ** (bits - 1) - 1 if kind == "i" else 1.0
    sample, tile = _sample(plane)
    means = cv2.mean(sample)[: min(3, sample.shape[2] if sample.ndim == 3 else 1)]
    values = sample if sample.ndim == 2 else sample[..., min(1, len(means) - 1)].copy()
    low, high, _, _ = cv2.minMaxLoc(values)
    found = {"focus": _focus(values.astype(np.float32), tile), "brightness": sum(means) / len(means) / most}
    if high > low:
        found["saturated"] = np.count_nonzero(values == values.dtype.type(high)) / values.size
        found["dark"] = np.count_nonzero(values == values.dtype.type(low)) / values.size
    if len(means) == 3 and means[0] > 0 and means[2] > 0:
        found["warmth"] = math.log2(means[2] / means[0])
    return {name: float(f"{value:.{DIGITS}g}") for name, value in found.items() if math.isfinite(value)}


def _sample(plane: Array) -> tuple[Array, tuple[int, int]]:
    """Tiles from all over a picture, side by side, and the size of one; of a small one all of it."""
    import numpy as np

    height, width = plane.shape[:2]
    if height * width <= (TILES * TILE) ** 2:
        high, wide = height // 2 * 2 or height, width // 2 * 2 or width
        return np.ascontiguousarray(plane[:high, :wide]), (high, wide)
    # of a long and narrow picture the tiles are as long as it is narrow
    high = max(1, min(TILE, height // TILES // 2 * 2))
    wide = max(1, min(width // TILES, TILE * TILE // high) // 2 * 2)
    sample = np.empty((TILES * high, TILES * wide, *plane.shape[2:]), plane.dtype)
    for row in range(TILES):
        top = (height - high) * row // (TILES - 1)
        for column in range(TILES):
            left = (width - wide) * column // (TILES - 1)
            tile = plane[top : top + high, left : left + wide]
            sample[row * high : (row + 1) * high, column * wide : (column + 1) * wide] = tile
    return sample, (high, wide)


def _focus(values: Array, tile: tuple[int, int]) -> float:
    """How strongly the slope changes at a distance of two pixels, beside the contrast; NaN of a flat picture.

    Pixels are taken four together, which halves noise: at full resolution a blurred picture with noise has
    finer details than a sharp one. What lies across the seam of two tiles is left out.
    """
    import cv2

    _, deviation = cv2.meanStdDev(values)
    contrast = float(deviation[0, 0])
    high, wide = tile[0] // 2, tile[1] // 2
    if min(high, wide) < 3 or not contrast > 0:
        return math.nan
    height, width = values.shape
    four = cv2.resize(values, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    four = four.reshape(height // 2 // high, high, width // 2 // wide, wide)
    down = four[:, :-2] + four[:, 2:] - 2 * four[:, 1:-1]
    right = four[..., :-2] + four[..., 2:] - 2 * four[..., 1:-1]
    return math.sqrt((_mean_square(down) + _mean_square(right)) / 2) / contrast


def _mean_square(values: Array) -> float:
    flat = values.ravel()
    return float(flat.dot(flat)) / flat.size
