"""MRC of electron microscopes: a picture, a stack or a volume, its axes as the header's map has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pixmake.images.axes import UNNAMED, Described, ImageError
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "MRC"
SUFFIXES = ("mrc", "mrcs", "rec")
SEARCHED = True
EXTRA = "mrc"
PACKAGES = ("mrcfile",)
SEVERAL = False

_COMPLEX = "c"
_HEADER = 1024


def recognises(head: bytes, path: str) -> bool:
    """By the word in its header."""
    return head[208:211] == b"MAP"


def scenes(path: str) -> Sequence[Scene]:
    """The one image of the file."""
    with _opened(path) as file:
        header, data = file.header, file.data
        if data.dtype.kind == _COMPLEX:
            raise ImageError(f"{path}: holds complex numbers, a transform and no image")
        letters = _letters(header)[-data.ndim :]
        axes = (UNNAMED if data.ndim > 3 else "") + letters
        sizes = _sizes(file, letters)
        return [Scene((Described(axes, data.shape, data.dtype.newbyteorder("=").name, sizes),))]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The region alone: the file is mapped, and what is not touched is not read."""
    import numpy as np

    with _opened(path) as file:
        return np.array(file.data[region])


def _opened(path: str) -> Any:
    import mrcfile

    _refuse_a_cut_header(path)
    return mrcfile.mmap(path, "r")


def _refuse_a_cut_header(path: str) -> None:
    """The library takes memory for as many bytes as a header says that follow it, up to 2 GiB."""
    with open(path, "rb") as file:
        head = file.read(_HEADER)
    order: Literal["big", "little"] = "big" if head[212:214] == b"\x11\x11" else "little"
    if _HEADER + int.from_bytes(head[92:96], order) > os.path.getsize(path):
        raise ImageError(f"{path}: cannot be read as MRC (it ends within its header)")


def _letters(header: Any) -> str:
    """The letters of sections, rows and columns: ``mapc`` says which axis the columns are, and so on."""
    mapped = [int(number) for number in (header.maps, header.mapr, header.mapc)]
    # in old files nothing is said: columns are x then
    return "".join("xyz"[number - 1] for number in mapped) if sorted(mapped) == [1, 2, 3] else "zyx"


def _sizes(file: Any, letters: str) -> dict[str, tuple[float, str]]:
    """In ångström, 0 where the file says nothing; pictures of a stack are at no distance from each other."""
    voxel = file.voxel_size
    known = {axis: float(getattr(voxel, axis)) for axis in "xyz"}
    if file.is_image_stack():
        known.pop(letters[0], None)
    return {
        axis: (round(size, 6), "angstrom") for axis, size in known.items() if axis in letters and size > 0
    }
