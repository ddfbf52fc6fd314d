"""How good a picture is as a camera left it: its focus, its exposure, its colours; not what it shows.

The figures are of use beside those of other pictures of the same camera and of the like things: the page
compares them by camera, day and plate. Standard library only at import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

TILES, TILE = 8, 68
"""Tiles along each side of a picture that are looked at, and the pixels of a tile's side: 0.3 megapixels in
all, in full resolution, since focus is lost where a picture is made smaller."""

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
    import numpy as np

    sample = _sample(plane)
    if sample.ndim == 4:
        sample = sample[..., None]
    colours = sample[..., :3]
    values = colours[..., min(1, colours.shape[-1] - 1)].astype(np.float32)
    np.nan_to_num(values, copy=False, posinf=0, neginf=0)
    most = float(np.iinfo(plane.dtype).max) if np.issubdtype(plane.dtype, np.integer) else 1.0
    means = [float(colours[..., number].mean(dtype=np.float64)) for number in range(colours.shape[-1])]
    low, high = values.min(), values.max()
    found = {"focus": _focus(values), "brightness": sum(means) / len(means) / most}
    if high > low:
        found["saturated"] = float((values == high).mean())
        found["dark"] = float((values == low).mean())
    if len(means) == 3 and means[0] > 0 and means[2] > 0:
        found["warmth"] = float(np.log2(means[2] / means[0]))
    return {name: float(f"{value:.{DIGITS}g}") for name, value in found.items() if np.isfinite(value)}


def _sample(plane: Array) -> Array:
    """Tiles from all over a picture: rows of tiles × H × columns of tiles × W; of a small one all of it."""
    import numpy as np

    height, width = plane.shape[:2]
    if height * width <= (TILES * TILE) ** 2:
        return plane[None, :, None]
    # of a long and narrow picture the tiles are as long as it is narrow
    high = max(1, min(TILE, height // TILES))
    wide = max(1, min(width // TILES, TILE * TILE // high))
    sample = np.empty((TILES, high, TILES, wide, *plane.shape[2:]), plane.dtype)
    for row in range(TILES):
        top = (height - high) * row // (TILES - 1)
        for column in range(TILES):
            left = (width - wide) * column // (TILES - 1)
            sample[row, :, column] = plane[top : top + high, left : left + wide]
    return sample


def _focus(values: Array) -> float:
    """How strongly the slope changes at a distance of two pixels, beside the contrast; NaN of a flat picture.

    Pixels are taken four together, which halves noise: at full resolution a blurred picture with noise has
    finer details than a sharp one.
    """
    import numpy as np

    height, width = values.shape[1] // 2 * 2, values.shape[3] // 2 * 2
    contrast = float(values.std())
    if min(height, width) < 6 or contrast == 0:
        return float("nan")
    pairs = values[:, 0:height:2] + values[:, 1:height:2]
    four = (pairs[..., 0:width:2] + pairs[..., 1:width:2]) / 4
    down = four[:, :-2] + four[:, 2:] - 2 * four[:, 1:-1]
    right = four[..., :-2] + four[..., 2:] - 2 * four[..., 1:-1]
    return float(np.sqrt((_mean_square(down) + _mean_square(right)) / 2)) / contrast


def _mean_square(values: Array) -> float:
    import numpy as np

    flat = values.ravel()
    return float(np.dot(flat, flat)) / flat.size
