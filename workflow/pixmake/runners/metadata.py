"""What an analysis is told of its image: its row of the table, and what the image itself says."""

from __future__ import annotations

from typing import Any

from pixmake import tiffs
from pixmake.axes import ImageError, Part, is_zarr, pixel_sizes
from pixmake.images import describe, is_tiff
from pixmake.runners import Call

PIXEL_SIZE = "pixel_size"


def metadata(call: Call) -> dict[str, Any]:
    """The row's values, and of TIFF and OME-Zarr the size of a pixel by axis, each with its unit.

    In a group ``pixel_size`` is one value if its images agree, else a list, an entry an image; as other
    terms are. A column of this name wins.
    """
    told = dict(call.task.metadata)
    if PIXEL_SIZE in told:
        return told
    sizes = [_sizes(path, part) for path, part in zip(call.images, call.parts, strict=True)]
    if any(sizes):
        told[PIXEL_SIZE] = sizes[0] if sizes.count(sizes[0]) == len(sizes) else sizes
    return told


def _sizes(path: str, part: Part) -> dict[str, dict[str, Any]]:
    if not is_zarr(path) and not (is_tiff(path) and tiffs.is_installed()):
        return {}
    try:
        return pixel_sizes(describe(path, part.get("level", 0), part.get("page")))
    except ImageError:  # who reads it will be told
        return {}
