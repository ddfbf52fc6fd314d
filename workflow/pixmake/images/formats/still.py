"""What AVIF and JPEG XL have in common: decoded as a whole, frames are looked for, and blue comes first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pixmake.images.axes import Described
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


class Decode(Protocol):
    """How imagecodecs decodes a format: all that a file holds, or one frame of it."""

    def __call__(self, content: bytes, /, index: int | None = None) -> Array:
        """The pixels."""


class Still(NamedTuple):
    """A decoded file."""

    array: Array
    """Its frames if there are several, its rows and columns, its colours, blue first."""
    frames: bool
    """Whether there are several."""


def decoded(path: str, decode: Decode) -> Still:
    """All that a file holds. Whether its first axis are frames shows where the first one is decoded alone."""
    import numpy as np

    content = Path(path).read_bytes()
    array = np.asarray(decode(content))
    frames = array.ndim > 2 and np.asarray(decode(content, index=0)).ndim < array.ndim
    return Still(_blue_first(array) if array.ndim > 2 + frames else array, frames)


def scenes(still: Still) -> Sequence[Scene]:
    """The one image of the file."""
    axes = ("i" if still.frames else "") + "yx"
    if still.array.ndim > len(axes):
        axes += "c"
    return [Scene((Described(axes, still.array.shape, str(still.array.dtype)),))]


def pixels(still: Still, region: Region) -> Array:
    """A region of it, which does not hold the rest of it in memory."""
    return still.array[region].copy()


def _blue_first(array: Array) -> Array:
    """The colours of a picture in OpenCV's order, where they are red, green, blue, and perhaps alpha."""
    if array.shape[-1] not in (3, 4):
        return array
    return array[..., [2, 1, 0, *range(3, array.shape[-1])]]
