"""Thermograms: ``THERMOG1``, rows and columns, then a temperature a pixel in hundredths of a kelvin.

Standard library only at import: it runs in whatever Python a step names.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Described, ImageError
from pixmake.images.formats import strided
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "thermogram"
SUFFIXES = ("thm",)
SEARCHED = True
EXTRA = ""
PACKAGES = ("numpy",)
SEVERAL = False

_SIGN, _HEADER = b"THERMOG1", struct.Struct("<8sII")
_KELVIN = 273.15


def recognises(head: bytes, path: str) -> bool:
    """By its first word."""
    return head.startswith(_SIGN)


def scenes(path: str) -> Sequence[Scene]:
    """The one image of the file, in degrees Celsius."""
    return [Scene((Described("yx", _shape(path), "float32"),))]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The region alone."""
    import numpy as np

    _, width = _shape(path)
    found = strided.read(path, _HEADER.size, np.dtype("<u2"), (2 * width, 2), region)
    return found.astype(np.float32) / np.float32(100) - np.float32(_KELVIN)


def _shape(path: str) -> tuple[int, int]:
    with open(path, "rb") as file:
        head = file.read(_HEADER.size)
        size = os.fstat(file.fileno()).st_size
    if len(head) < _HEADER.size:
        raise ImageError(f"{path}: the file is cut short: its header is not whole")
    _, height, width = _HEADER.unpack(head)
    if size < _HEADER.size + 2 * height * width:
        raise ImageError(f"{path}: the file is cut short: {height} × {width} pixels are more than it holds")
    return height, width
