"""AVIF: a picture, upright, in all of its bits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.images.formats import still
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "AVIF"
SUFFIXES = ("avif",)
SEARCHED = True
EXTRA = "avif"
PACKAGES = ("imagecodecs", "PIL.Image=pillow")
SEVERAL = False

_ORIENTATION = 0x0112


def recognises(head: bytes, path: str) -> bool:
    """By the brands in its first box."""
    size = int.from_bytes(head[:4], "big")
    return head[4:8] == b"ftyp" and b"avif" in head[8 : min(size, len(head))]


def scenes(path: str) -> Sequence[Scene]:
    """The picture; its frames if there are several."""
    return [Scene((still.described(*_decoded(path)),))]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """All of it is decoded."""
    return _decoded(path)[0][region].copy()


def _decoded(path: str) -> tuple[Array, bool]:
    """The pixels, and whether they are several frames."""
    import imagecodecs
    import numpy as np

    content = Path(path).read_bytes()
    array = np.asarray(imagecodecs.avif_decode(content))
    frames = np.asarray(imagecodecs.avif_decode(content, index=0)).ndim < array.ndim
    array = still.blue_first(array, colours=array.ndim > 2 + frames)
    return (array if frames else _upright(array, path)), frames


def _upright(array: Array, path: str) -> Array:
    """Imagecodecs leaves a picture as the camera held it; Pillow tells how that was, as EXIF has it."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    rows, columns = _FLIPPED.get(orientation, (False, False))
    return np.ascontiguousarray(array[:: -1 if rows else 1, :: -1 if columns else 1])


_FLIPPED = {
    2: (False, True),
    3: (True, True),
    4: (True, False),
    6: (False, True),
    7: (True, True),
    8: (True, False),
}
"""By the number of EXIF: whether rows and columns run backwards, once they are rows and columns."""
