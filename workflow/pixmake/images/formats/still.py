"""What AVIF and JPEG XL have in common: a picture is decoded as a whole, and blue comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Described

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


def described(array: Array, frames: bool = False) -> Described:
    """What a decoded picture is: its frames, its rows and columns, its colours."""
    axes = ("i" if frames else "") + "yx"
    if array.ndim > len(axes):
        axes += "c"
    return Described(axes, array.shape, str(array.dtype))


def blue_first(array: Array, colours: bool) -> Array:
    """The colours of a picture in OpenCV's order, where they are red, green, blue, and perhaps alpha."""
    if not colours or array.shape[-1] not in (3, 4):
        return array
    return array[..., [2, 1, 0, *range(3, array.shape[-1])]]
