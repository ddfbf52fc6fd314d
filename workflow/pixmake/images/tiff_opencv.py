"""Plain TIFFs as OpenCV decodes them, once their strips and tiles have been seen to be whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images import tiff_tags
from pixmake.images.axes import Part
from pixmake.images.fingerprint import decoding
from pixmake.images.tiff_segments import cut_short, damage, damaged, jpeg_damage, short_lzw, unwritten
from pixmake.images.tiff_support import missing_package
from pixmake.images.tiff_tags import Directory, Segment, read_segments

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_REGION = {"y", "x", "height", "width"}


def by_opencv(file: Any, directory: Directory, path: str, part: Part) -> tuple[Array | None, str]:
    """The image as OpenCV decodes it, or why it does not."""
    why = tiff_tags.why_not_opencv(directory)
    if why or _asks_for_more(part, directory):
        return None, why or "a part that is asked for"
    segments = read_segments(directory)
    if not segments:
        return None, "strips or tiles that it does not tell in full"
    import cv2
    import numpy as np

    file.seek(0)
    content = file.read()
    decoding(path, content)
    _see_segments(directory, segments, content, path)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        return None, "what OpenCV cannot decode"
    if directory.compression == tiff_tags.LZW and image.dtype == np.uint8:
        _see_ends(directory.segment_shape, segments, content, image, path)
    return image, ""


def _asks_for_more(part: Part, directory: Directory) -> bool:
    """Whether a part is asked for that is not read by decoding the whole first.

    Where tifffile could not decode such a file, it is.
    """
    if part.get("level") or part.get("page"):
        return True
    return not _REGION.isdisjoint(part) and missing_package(directory.compression) is None


def _see_segments(directory: Directory, segments: Sequence[Segment], content: bytes, path: str) -> None:
    """See that the strips and tiles are there and whole: OpenCV would fill up with zeros.

    Raises
    ------
    ImageError
        One is not.
    """
    compression, samples = directory.compression, directory.one(tiff_tags.SAMPLES, 1)
    for number, (offset, count, size) in enumerate(segments):
        if not offset or not count:
            raise unwritten(path)
        if offset + count > len(content):
            raise cut_short(path)
        if compression == tiff_tags.NONE:
            continue
        data = content[offset : offset + count]
        if compression == tiff_tags.JPEG:
            why = jpeg_damage(data, *directory.seen_of(number), samples)
        else:
            why = damage(compression, data, (size, segments[0].size))
        if why:
            raise damaged(path, offset, compression, why)


def _see_ends(
    shape: tuple[int, int], segments: Sequence[Segment], content: bytes, image: Array, path: str
) -> None:
    """See that no strip or tile of LZW ended too early: what is missing of it has become zeros.

    Raises
    ------
    ImageError
        One did.
    """
    height, width = image.shape[:2]
    last = image if image.ndim == 2 else image[..., 0]  # of the samples of a pixel, blue is stored last
    rows, columns = shape
    across = math.ceil(width / columns)
    for number, (offset, count, size) in enumerate(segments):
        row = min(height, (number // across + 1) * rows) - 1
        column = min(width, (number % across + 1) * columns) - 1
        if not last[row, column]:
            why = short_lzw(content[offset : offset + count], size)
            if why:
                raise damaged(path, offset, tiff_tags.LZW, why)
