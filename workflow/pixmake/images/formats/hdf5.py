"""HDF5: each array of a file an image, named by its path inside, as ``cells.h5/raw``.

Axes are those of ilastik's axis tags; without them rows and columns come last, or stand before up to four
colours. Channels stay in the file's order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import NAMED, UNNAMED, Described
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "HDF5"
SUFFIXES = ("h5", "hdf5", "hdf", "he5")
SEARCHED = False
EXTRA = "hdf5"
PACKAGES = ("h5py",)
SEVERAL = True

_LETTERS = UNNAMED + "jklmnopq"


def recognises(head: bytes, path: str) -> bool:
    """By its first bytes."""
    return head.startswith(b"\x89HDF\r\n\x1a\n")


def scenes(path: str) -> Sequence[Scene]:
    """Each array of two axes or more, in the order of their paths."""
    import h5py

    found: list[Scene] = []
    with h5py.File(path, "r") as file:

        def look(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.ndim >= 2 and item.dtype.kind in "biuf":
                found.append(Scene((_described(item),), inside=name))

        file.visititems(look)
    return found


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The chunks that the region touches."""
    import h5py

    name = scenes(path)[scene].inside
    with h5py.File(path, "r") as file:
        array: Array = file[name][region]
    return array


def _described(item: Any) -> Described:
    axes = _axes(item)
    sizes = item.attrs.get("element_size_um")
    known = {}
    if sizes is not None and len(sizes) == 3:  # as plantseg and Fiji's HDF5 plugin write it
        known = {
            axis: (float(size), "micrometer") for axis, size in zip("zyx", sizes, strict=True) if size > 0
        }
    return Described(
        axes,
        tuple(item.shape),
        str(item.dtype.newbyteorder("=")),
        {a: s for a, s in known.items() if a in axes},
    )


def _axes(item: Any) -> str:
    """The letters of the axis tags, or those that are most probable."""
    tags = item.attrs.get("axistags")
    if tags is not None:
        text = tags.decode() if isinstance(tags, bytes) else str(tags)
        try:
            letters = [str(each["key"]) for each in json.loads(text)["axes"]]
        except (ValueError, KeyError, TypeError):
            letters = []
        if len(letters) == item.ndim and len(set(letters)) == item.ndim and {"y", "x"} <= set(letters):
            unnamed = iter(_LETTERS)
            return "".join(letter if letter in NAMED else next(unnamed) for letter in letters)
    colours = "c" if item.ndim > 2 and item.shape[-1] <= 4 else ""
    return _LETTERS[: item.ndim - 2 - len(colours)] + "yx" + colours
