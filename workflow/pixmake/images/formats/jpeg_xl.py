"""JPEG XL: a picture, or its frames, upright, in its own type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.formats import still
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "JPEG XL"
SUFFIXES = ("jxl",)
SEARCHED = True
EXTRA = "jxl"
PACKAGES = ("imagecodecs",)
SEVERAL = False

_SIGNS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


def recognises(head: bytes, path: str) -> bool:
    """By its first bytes."""
    return head.startswith(_SIGNS)


def scenes(path: str) -> Sequence[Scene]:
    """The picture; its frames if there are several."""
    return still.scenes(_decoded(path))


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """All of it is decoded."""
    return still.pixels(_decoded(path), region)


def _decoded(path: str) -> still.Still:
    import imagecodecs

    return still.decoded(path, imagecodecs.jpegxl_decode)
