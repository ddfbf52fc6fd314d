"""Small pictures for the page, and the outlines of masks over them.

Each lies in a file of its own that has the modification time of what it was made of: so only those of new
or changed images are made, and a page that was interrupted goes on where it was.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from pixmake.base.errors import PixmakeError
from pixmake.base.files import written_whole
from pixmake.images import formats
from pixmake.images.axes import ImageError, Part, is_zarr
from pixmake.images.preview import preview
from pixmake.images.remote.objects import cached, is_remote

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

SIDE = 288
"""Pixels of a thumbnail's longer side."""

LARGE_SIDE = 1600
"""Pixels of the longer side of a copy that stands in for an image which no browser shows."""

OUTLINE_SIDE = 512
"""Pixels of the longer side of the mask from which an outline is taken."""

SHOWN_BY_BROWSERS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}
_UNCHANGED = -1
"""OpenCV's ``IMREAD_UNCHANGED``, which is not imported at once."""
MOST_LABELS = 400
"""Objects of a mask that are outlined one by one; of more only the whole is."""


@dataclass(frozen=True)
class Picture:
    """What an image of the page is made of."""

    id: str
    path: str
    files: tuple[tuple[str, str], ...] = ()
    """The image files that its steps made: what each is called, and its path."""
    part: Part = field(default_factory=dict)
    """Which part of the image is meant."""
    version: str = ""
    """Of an image at a URI: the version that was measured. A file is shown as long as its local copy is here,
    a Zarr as long as its server answers."""


@dataclass(frozen=True)
class Thumbnail:
    """The files of one image of the page, by name, below the folder of small pictures."""

    small: str = ""
    large: str = ""
    outline: str = ""
    damaged: bool = False
    """The image is there, but cannot be decoded."""


def make_thumbnails(pictures: Sequence[Picture], folder: Path, workers: int) -> Mapping[str, Thumbnail]:
    """Make the small pictures that are missing or older than their image, and remove those of other images.

    Returns
    -------
    mapping
        By id. What cannot be decoded has no files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    masks = mask_names(pictures)
    there = {entry.name: entry.stat().st_mtime_ns for entry in os.scandir(folder)}
    kept = {picture.id: _kept(picture, masks, there) for picture in pictures}
    missing = [picture for picture in pictures if kept[picture.id] is None]
    found: dict[str, Thumbnail] = {}
    if missing:
        given_up = Event()
        with ThreadPoolExecutor(workers) as pool:
            found.update(pool.map(lambda each: _make(each, masks, folder, there, given_up), missing))
    made = {job_id: each or found[job_id] for job_id, each in kept.items()}
    for name in there.keys() - _names(made):
        (folder / name).unlink(missing_ok=True)
    return made


def small_picture(path: str, part: Part) -> bytes:
    """A thumbnail as JPEG; empty if the image cannot be decoded."""
    import cv2

    image = _decoded(path, SIDE, part)
    return b"" if image is None else cv2.imencode(".jpg", _shrunk(image, SIDE))[1].tobytes()


def outline_of(path: str) -> str:
    """The outlines of a mask's file as SVG; empty if it is no mask."""
    mask = _mask(path)
    return "" if mask is None else outline_svg(mask)


def lay_out(thumbnails: Mapping[str, Thumbnail], kept: Path, folder: Path) -> None:
    """Put the pictures that are kept in one folder into another: as the same files, where that can be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _names(thumbnails):
        source, target = f"{kept}/{name}", f"{folder}/{name}"
        try:
            try:
                os.link(source, target)
            except FileExistsError:
                os.unlink(target)
                os.link(source, target)
        except OSError:  # another file system, or one without such links
            shutil.copy2(source, target)


def _names(thumbnails: Mapping[str, Thumbnail]) -> set[str]:
    found = {name for each in thumbnails.values() for name in (each.small, each.large, each.outline)}
    return found - {""}


def _make(
    picture: Picture, masks: Sequence[str], folder: Path, there: Mapping[str, int], given_up: Event
) -> tuple[str, Thumbnail]:
    small, large, wants_large = _wanted(picture)
    time = _time_of(picture)
    if time is None:
        return picture.id, Thumbnail()
    if there.get(small) != time or (wants_large and there.get(large) != time):
        path = _readable(picture, given_up)
        if path is None:
            return picture.id, Thumbnail()
        image = _decoded(path, LARGE_SIDE if wants_large else SIDE, picture.part)
        if image is None and is_remote(path):
            # a page is not worth waiting for a server once for each image
            given_up.set()
            return picture.id, Thumbnail()
        if image is None:
            return picture.id, Thumbnail(damaged=True)
        if wants_large:
            _save(_shrunk(image, LARGE_SIDE), folder / large, time)
        _save(_shrunk(image, SIDE), folder / small, time)
    files = dict(picture.files)
    outline = _outline(picture.id, [files[name] for name in masks if name in files], folder, there, time)
    return picture.id, Thumbnail(small, large if wants_large else "", outline)


def _kept(picture: Picture, masks: Sequence[str], there: Mapping[str, int]) -> Thumbnail | None:
    """The small pictures of an image if all of them are there; no file is opened for that."""
    small, large, wants_large = _wanted(picture)
    time = _time_of(picture)
    if time is None:
        return Thumbnail()
    if there.get(small) != time or (wants_large and there.get(large) != time):
        return None
    outline, files = "", dict(picture.files) if masks else {}
    for path in (files[name] for name in masks if name in files):
        made = _modified(path)
        if made is not None and os.path.getsize(path):
            outline = f"{picture.id}.svg"
            if there.get(outline) != max(time, made):
                return None  # or it is no mask
            break
    return Thumbnail(small, large if wants_large else "", outline)


def _wanted(picture: Picture) -> tuple[str, str, bool]:
    """What the small and the large copy of an image are called, and whether there is to be a large one."""
    suffix = os.path.splitext(picture.path)[1].lower()
    wants_large = bool(picture.part) or suffix not in SHOWN_BY_BROWSERS
    return f"{picture.id}.jpg", f"{picture.id}.large.jpg", wants_large


def _readable(picture: Picture, given_up: Event) -> str | None:
    """What a picture is made from, if that is here; of a Zarr at a URI a small resolution is fetched."""
    if not picture.version:
        return picture.path
    if is_zarr(picture.path):
        return None if given_up.is_set() else picture.path
    return cached(picture.path, picture.version)


def _time_of(picture: Picture) -> int | None:
    """When an image was written; of one at a URI a time before all others, which stands for its version."""
    if not picture.version:
        return _modified(picture.path)
    digest = hashlib.sha256(f"{picture.path}\0{picture.version}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big") % 10**9 * 10**9


def _modified(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return None


def _decoded(path: str, side: int, part: Part) -> Array | None:
    """An image in 8 bits, BGR or grey; a JPEG as small as ``side`` allows, which is quicker."""
    import cv2
    import numpy as np

    image = None
    if formats.first_bytes(path, 2) == b"\xff\xd8" and not part:
        content = np.fromfile(path, np.uint8)
        for factor, flag in ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4)):
            small = _as_it_is(content, flag)
            if small is not None and max(small.shape[:2]) >= side:
                image = small
                break
            if small is not None and max(small.shape[:2]) * factor <= side:
                break
    if image is None:
        try:
            image = preview(path, part, side)
        except (ImageError, PixmakeError, OSError, ValueError, MemoryError, cv2.error):
            image = None if part else _as_far_as_it_goes(path)
    return None if image is None or image.ndim not in (2, 3) else _eight_bits(image)


def _as_far_as_it_goes(path: str) -> Array | None:
    """What OpenCV makes of a damaged picture; nothing of a format that it does not know."""
    import numpy as np

    if not os.path.isfile(path) or not os.path.getsize(path) or formats.recognised(path):
        return None
    return _as_it_is(np.fromfile(path, np.uint8))


def _as_it_is(content: Array, flag: int = _UNCHANGED) -> Array | None:
    """An encoded image, if it can be decoded: a header may claim more pixels than there may be."""
    import cv2

    try:
        return cv2.imdecode(content, flag)
    except (MemoryError, cv2.error):
        return None


def _eight_bits(image: Array) -> Array:
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


def _most(image: Array) -> float:
    import numpy as np

    return float(np.iinfo(image.dtype).max) if np.issubdtype(image.dtype, np.integer) else 1.0


def _shrunk(image: Array, side: int) -> Array:
    import cv2

    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _save(image: Array, path: Path, time: int) -> None:
    import cv2

    # JPEG and not WebP: twice as large, and thirty times as quick to write
    written, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 78])
    if written:
        _write(content.tobytes(), path, time)


def _write(content: bytes, path: Path, time: int) -> None:
    with written_whole(path) as temporary:
        temporary.write_bytes(content)
        os.utime(temporary, ns=(time, time))


def mask_names(pictures: Sequence[Picture]) -> list[str]:
    """Which of the files that steps make are masks, by the first of each; those called so come first."""
    found: dict[str, bool] = {}
    for picture in pictures:
        for name, path in picture.files:
            if name not in found and _modified(path) is not None and os.path.getsize(path):
                found[name] = _mask(path) is not None
    return sorted((name for name, is_mask in found.items() if is_mask), key=lambda name: "mask" not in name)


def _outline(
    job_id: str, masks: Sequence[str], folder: Path, there: Mapping[str, int], image_time: int
) -> str:
    """The name of the file with the outline of an image's mask, made if it is missing."""
    name = f"{job_id}.svg"
    for path in masks:
        made = _modified(path)
        if made is None or not os.path.getsize(path):
            continue
        time = max(image_time, made)
        if there.get(name) == time:
            return name
        mask = _mask(path)
        if mask is not None:
            _write(outline_svg(mask).encode(), folder / name, time)
            return name
    return ""


def _mask(path: str) -> Array | None:
    """A file as a mask of labels, if it is one: a single channel with a background of zeros."""
    import cv2
    import numpy as np

    content = np.fromfile(path, np.uint8) if os.path.isfile(path) else np.empty(0, np.uint8)
    mask = _as_it_is(content) if content.size else None
    if mask is not None and mask.ndim == 3 and (mask[..., :1] == mask[..., 1:3]).all():
        mask = mask[..., 0]
    if mask is None or mask.ndim != 2 or mask.dtype == np.float32:
        return None
    height, width = mask.shape
    scale = OUTLINE_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    # a photograph in grey has most of its values and next to no background; a mask has background and objects
    if len(_values(mask)) > 100 and np.count_nonzero(mask == 0) < mask.size * 0.02:
        return None
    return mask


def _values(mask: Array) -> list[int]:
    """The values that occur in a mask."""
    import numpy as np

    if mask.dtype in (np.uint8, np.uint16):
        return [int(value) for value in np.flatnonzero(np.bincount(mask.ravel()))]
    return [int(value) for value in np.unique(mask)]


def outline_svg(mask: Array) -> str:
    """The outlines of a mask as an SVG that is laid over its image at any size.

    Parameters
    ----------
    mask
        H × W; 0 is the background, each other value an object.
    """
    import cv2
    import numpy as np

    height, width = mask.shape
    labels = [value for value in _values(mask) if value != 0]
    layers = [mask == value for value in labels] if len(labels) <= MOST_LABELS else [mask > 0]
    parts = []
    for layer in layers:
        # doubled, so that an outline runs around its pixels and not through their middles
        doubled = cv2.resize(layer.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        for contour in contours:
            points = cv2.approxPolyDP(contour, 1.6, True).reshape(-1, 2) / 2
            if len(points) > 2:
                parts.append("M" + " ".join(f"{x:g},{y:g}" for x, y in points) + "Z")
    path = f'<path d="{"".join(parts)}" vector-effect="non-scaling-stroke"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" fill="none" stroke-linejoin="round">'
        f'{path} stroke="#000" stroke-opacity=".55" stroke-width="3.2"/>'
        f'{path} stroke="#ff3df2" stroke-width="1.6"/></svg>'
    )
