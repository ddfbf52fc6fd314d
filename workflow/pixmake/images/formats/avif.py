"""AVIF: a picture, upright, in all of its bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.formats import still
from pixmake.images.formats.shape import Region, Scene
from pixmake.images.orientation import upright

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
    return still.scenes(_decoded(path))


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """All of it is decoded."""
    return still.pixels(_decoded(path), region)


def _decoded(path: str) -> still.Still:
    """Upright: imagecodecs leaves a picture as the camera held it, and Pillow tells how that was."""
    import imagecodecs
    from PIL import Image

    found = still.decoded(path, imagecodecs.avif_decode)
    if found.frames:
        return found
    with Image.open(path) as picture:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    return found._replace(array=upright(found.array, orientation))
