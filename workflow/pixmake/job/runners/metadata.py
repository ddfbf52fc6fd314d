"""What an analysis is told of its image: its row of the table, and what the image itself says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pixmake.base.errors import PixmakeError
from pixmake.base.files import is_folder
from pixmake.images import ngff
from pixmake.images.axes import PLANES, WHOLE, ImageError, Part, is_zarr, left_of, pixel_sizes
from pixmake.images.pyramid import Source
from pixmake.images.read import describe_part, says_what_it_is
from pixmake.images.stamp import holds_stamp
from pixmake.job.runners import Call

PIXEL_SIZE = "pixel_size"


def metadata(call: Call) -> dict[str, Any]:
    """The row's values, and of images that say it the size of a pixel by axis, each with its unit.

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


def source_of(call: Call) -> Source | None:
    """What the files of a job are made of, if one of them is an OME-Zarr, which says so.

    Of several images it is the first one's plane: tiles of it have been put together.
    """
    if not any(is_folder(path) for path in call.outputs.values()):
        return None
    path, part = (call.images or ("",))[0], (call.parts or (WHOLE,))[0]
    if call.gathered.images:
        (name, path), parts = next(iter(call.gathered.images[0].items())), call.gathered.parts[0]
        part = {term: at for term, at in parts.get(name, WHOLE).items() if term in (*PLANES, "level", "page")}
    if not path:
        return None
    try:
        described = left_of(describe_part(path, part), part, path)
    except ImageError:  # the job has read what it needed of it
        return Source(path)
    if call.axes:
        sizes = tuple(described.size(axis) for axis in call.axes)
        described = replace(described, axes=call.axes, shape=sizes)
    return Source(path, described, ngff.open_image(path).version if is_zarr(path) else "")


def stamp_for(call: Call) -> str:
    """What the files of a job are to say of where they come from; nothing if none of them can."""
    return call.stamp() if any(holds_stamp(path) for path in call.outputs.values()) else ""


def _sizes(path: str, part: Part) -> dict[str, dict[str, Any]]:
    if not says_what_it_is(path):
        return {}
    try:
        return pixel_sizes(describe_part(path, part))
    except (ImageError, PixmakeError):  # who reads it will be told
        return {}
