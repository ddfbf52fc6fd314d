"""Small pictures for the page, and the outlines of masks over them.

Most thumbnails were made by the images' own jobs (`pixmake.job.pictures`); here they are gathered, and what
is missing is made. Each lies in a file of its own that has the modification time of what it was made of: so
only those of new or changed images are made, and a page that was interrupted goes on where it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from pixmake.base.errors import PixmakeError
from pixmake.base.files import write_whole
from pixmake.images import formats
from pixmake.images.axes import ImageError, Part, is_zarr
from pixmake.images.preview import preview
from pixmake.images.remote.objects import cached
from pixmake.images.remote.uris import is_remote
from pixmake.images.thumbnail import (
    LARGE_SIDE,
    SIDE,
    as_shown,
    names_of,
    save_pictures,
    shrunk,
    time_of,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

OUTLINE_SIDE = 512
"""Pixels of the longer side of the mask from which an outline is taken."""

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
    return b"" if image is None else cv2.imencode(".jpg", as_shown(shrunk(image, SIDE)))[1].tobytes()


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
    small, large = names_of(picture.id, picture.path, picture.part)
    time = time_of(picture.path, picture.version)
    if time is None:
        return picture.id, Thumbnail()
    if there.get(small) != time or (large and there.get(large) != time):
        path = _readable(picture, given_up)
        if path is None:
            return picture.id, Thumbnail()
        image = _decoded(path, LARGE_SIDE if large else SIDE, picture.part)
        if image is None and is_remote(path):
            # a page is not worth waiting for a server once for each image
            given_up.set()
            return picture.id, Thumbnail()
        if image is None:
            return picture.id, Thumbnail(damaged=True)
        save_pictures(image, str(folder), (small, large), time)
    files = dict(picture.files)
    outline = _outline(picture.id, [files[name] for name in masks if name in files], folder, there, time)
    return picture.id, Thumbnail(small, large, outline)


def _kept(picture: Picture, masks: Sequence[str], there: Mapping[str, int]) -> Thumbnail | None:
    """The small pictures of an image if all of them are there; no file is opened for that."""
    small, large = names_of(picture.id, picture.path, picture.part)
    time = time_of(picture.path, picture.version)
    if time is None:
        return Thumbnail()
    if there.get(small) != time or (large and there.get(large) != time):
        return None
    outline, files = "", dict(picture.files) if masks else {}
    for path in (files[name] for name in masks if name in files):
        made = _modified(path)
        if made is not None and os.path.getsize(path):
            outline = f"{picture.id}.svg"
            if there.get(outline) != max(time, made):
                return None  # or it is no mask
            break
    return Thumbnail(small, large, outline)


def _readable(picture: Picture, given_up: Event) -> str | None:
    """What a picture is made from, if that is here; of a Zarr at a URI a small resolution is fetched."""
    if not is_remote(picture.path):
        return picture.path
    if is_zarr(picture.path):
        return None if given_up.is_set() else picture.path
    return cached(picture.path, picture.version)


def _modified(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return None


def _decoded(path: str, side: int, part: Part) -> Array | None:
    """An image, BGR or grey, in its own type; a JPEG as small as ``side`` allows, which is quicker."""
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
    return None if image is None or image.ndim not in (2, 3) else image


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
            write_whole(folder / name, outline_svg(mask).encode(), time)
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
