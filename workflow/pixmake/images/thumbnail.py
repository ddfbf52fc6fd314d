"""The small picture of an image for the page, and the large copy of one that no browser shows.

An image's own job makes them while its pixels are in memory; the page makes what is not there. A file has
the modification time of its image, so that it is known whether it is still that image's. Standard library
only at import.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from pixmake.base.files import write_whole
from pixmake.images.axes import Part
from pixmake.images.remote.uris import is_remote

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

SIDE = 288
"""Pixels of a thumbnail's longer side."""

LARGE_SIDE = 1600
"""Pixels of the longer side of a copy that stands in for an image which no browser shows."""

SHOWN_BY_BROWSERS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}

_RESIZABLE = "BbHhfd"
"""The types of pixels that OpenCV resizes, by NumPy's letters: `dtype.name` is made anew each time."""


def names_of(picture_id: str, path: str, part: Part) -> tuple[str, str]:
    """What the files of an image are called: the small one, and the large one, empty if it has none."""
    shown = not part and os.path.splitext(path)[1].lower() in SHOWN_BY_BROWSERS
    return f"{picture_id}.jpg", "" if shown else f"{picture_id}.large.jpg"


def time_of(path: str, version: str) -> int | None:
    """When an image was written, in nanoseconds; None if it is not there.

    Of an image at a URI it is a time before all others, which stands for its version.
    """
    if is_remote(path):
        digest = hashlib.sha256(f"{path}\0{version}".encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:4], "big") % 10**9 * 10**9 if version else None
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return None


def plane_of(array: Array, axes: str | None) -> Array | None:
    """The plane of an image that is shown: the first time and channel, the middle of its depth.

    Parameters
    ----------
    array
        An image, or a part of it.
    axes
        The letters of its axes. ``None``: H × W, or H × W with the 1, 3 or 4 colours of a pixel.

    Returns
    -------
    ndarray or None
        H × W or H × W × 1, 3 or 4; None if that is not known.
    """
    if axes is None:
        is_plane = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
        return array if is_plane else None
    if array.ndim != len(axes) or not {"y", "x"} <= set(axes):
        return None
    colours = axes[-1] in "cs" and array.shape[-1] in (1, 3, 4)
    kept = ("y", "x", axes[-1]) if colours else ("y", "x")
    index = tuple(
        slice(None) if axis in kept else size // 2 if axis == "z" else 0
        for axis, size in zip(axes, array.shape, strict=True)
    )
    plane: Array = array[index]
    return plane if axes.index("y") < axes.index("x") else plane.swapaxes(0, 1)


def save_pictures(plane: Array, folder: str, names: tuple[str, str], time: int) -> None:
    """Write the small picture of a plane, and the large one if it has a name.

    Parameters
    ----------
    plane
        H × W, or H × W × 1, 3 (BGR) or 4 (BGRA), of any type.
    time
        The modification time of the files, in nanoseconds.
    """
    small, large = names
    image = as_shown(shrunk(plane, LARGE_SIDE if large else SIDE))
    if large:
        save(image, f"{folder}/{large}", time)
    save(shrunk(image, SIDE), f"{folder}/{small}", time)


def shrunk(image: Array, side: int) -> Array:
    """An image whose longer side has at most so many pixels.

    It is halved first, as often as can be: OpenCV is nine times as fast at that as at other shares.
    """
    import cv2
    import numpy as np

    if image.dtype.char not in _RESIZABLE:
        image = image.astype(np.uint8) * 255 if image.dtype == bool else image.astype(np.float32)
    height, width = image.shape[:2]
    while max(height, width) >= 2 * side and min(height, width) >= 2:
        image = cv2.resize(
            image[: height // 2 * 2, : width // 2 * 2],
            (width // 2, height // 2),
            interpolation=cv2.INTER_AREA,
        )
        height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def as_shown(image: Array) -> Array:
    """An image as a browser shows it; more than 8 bits are stretched, but for 1 % of the values."""
    import numpy as np

    if image.ndim == 3 and image.shape[2] == 4:
        alpha = image[..., 3:].astype(np.float32) / _most(image)
        image = (image[..., :3] * alpha + _most(image) * (1 - alpha)).astype(image.dtype)
    elif image.ndim == 3 and image.shape[2] not in (1, 3):
        image = image[..., 0]
    if image.dtype == np.uint8:
        return image
    values = np.nan_to_num(image.astype(np.float32), posinf=0, neginf=0)
    low, high = np.percentile(values[:: max(1, len(values) // 500)], (0.5, 99.5))
    stretched = (values - low) * (255.0 / max(high - low, 1e-9))
    shown: Array = np.clip(stretched, 0, 255).astype(np.uint8)
    return shown


def save(image: Array, path: str, time: int) -> None:
    """Write a picture of 8 bits with a modification time in nanoseconds."""
    import cv2

    # JPEG and not WebP: twice as large, and thirty times as quick to write
    written, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 78])
    if written:
        write_whole(path, content.tobytes(), time)


def _most(image: Array) -> float:
    import numpy as np

    return float(np.iinfo(image.dtype).max) if np.issubdtype(image.dtype, np.integer) else 1.0
