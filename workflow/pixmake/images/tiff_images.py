"""Which image of a TIFF is meant, and how its pages make an array: by tags, OME-XML and tifffile's series."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from pixmake.images import tiff_tags
from pixmake.images.axes import UNNAMED, Described, ImageError
from pixmake.images.orientation import is_swapped
from pixmake.images.tiff_metadata import channel_names, ome_image, ome_pixels, pixel_sizes
from pixmake.images.tiff_sets import AXES, planes_of
from pixmake.images.tiff_support import refuse
from pixmake.images.tiff_tags import Directory

_UNNAMED = UNNAMED + "jklmnopq"

_COLOURS = (tiff_tags.RGB, tiff_tags.YCBCR)
"""The photometric interpretations of colours; YCbCr is decoded to RGB."""

_FORMATS_OF_ONE = frozenset(
    {"avs", "bif", "indica", "lsm", "mdgel", "ndpi", "philips", "qpi", "scn", "sis", "svs"}
)
"""tifffile's names of formats that say which image is the one, and which are labels, maps and thumbnails."""

_NO_IMAGES = ("label", "macro", "thumbnail", "overview", "preview")
"""Words in the names of OME images that are not the image itself."""


@dataclass(frozen=True)
class TiffImage:
    """An image of a TIFF at one level: its pages, and how they lie in its array."""

    described: Described
    pages: Any
    """Of tifffile, one for each position along the leading axes; ``None`` where the file lacks one."""
    leading: int
    """How many axes the pages lie along; the others are those of a page."""
    inside: str = ""
    """tifffile's letters of a page's axes: depth, rows, columns and samples."""
    is_colour: bool = False
    """Whether the last axis is that of the colours of a pixel, red first."""
    is_whole: bool = False
    """Whether it is read as a whole, since tifffile does not say how its pages make its array."""
    is_signed: bool = False
    """Whether its values are stored with 32768 added."""


def image_of(file: Any, directory: Directory, level: int, page: int | None, path: str) -> TiffImage:
    """The image that is meant, at a level, or one page.

    Parameters
    ----------
    file
        Of tifffile.
    directory
        What its first directory says.

    Raises
    ------
    ImageError
        There is none, or no such level or page, or it has neither grey values nor colours.
    """
    image = _image(file, directory, level, page, path)
    if not tiff_tags.has_signed_values(directory):
        return image
    return replace(image, is_signed=True, described=replace(image.described, dtype="int16"))


def _image(file: Any, directory: Directory, level: int, page: int | None, path: str) -> TiffImage:
    if page is not None:
        if not 0 <= page < len(file.pages):
            raise ImageError(
                f"{path}: has no page {page}, but {len(file.pages)} (0 to {len(file.pages) - 1})"
            )
        return _of_pages([file.pages[page]], "", (), path)
    own = planes_of(file.ome_metadata, path, len(file.pages)) if file.is_ome and file.ome_metadata else None
    if own is not None:
        pages = [None if at is None else file.pages[at] for at in own.pages]
        made: Callable[[int], TiffImage] = partial(_of_own, pages, own.shape, path)
        number, channels, levels = own.image, own.channels, _levels(pages)
    else:
        series = _main_series(file.series, file, path)
        _see_planes(series, file, directory, path)
        made = partial(_of_level, series, file, path)
        number, channels, levels = file.series.index(series), None, len(series.levels)
    if not 0 <= level < levels:
        raise ImageError(f"{path}: has no level {level}, but {levels} (0 is the full resolution)")
    image = made(level)
    full = made(0) if level else image
    return replace(image, described=_with_metadata(file, image, full, number, channels, levels))


def _see_planes(series: Any, file: Any, directory: Directory, path: str) -> None:
    """See that what lies behind one directory is there: tifffile leaves out what is not.

    Raises
    ------
    ImageError
        The description speaks of more planes.
    """
    page = math.prod(directory.one(tag, 1) for tag in (tiff_tags.WIDTH, tiff_tags.LENGTH, tiff_tags.SAMPLES))
    if not file.is_ome and tiff_tags.speaks_of_more(directory) and series.size <= page * directory.pages:
        raise ImageError(
            f"{path}: is cut short, or one of several: its description speaks of more planes than it has "
            "(name one of those that are there by a column page)"
        )


def _with_metadata(
    file: Any, image: TiffImage, full: TiffImage, number: int, channels: Sequence[int] | None, levels: int
) -> Described:
    """What an image is, with what the file says beside its pixels."""
    keyframe = next(page for page in image.pages if page is not None).keyframe
    pixels = ome_pixels(file, number)
    sizes = {
        axis: (size * full.described.size(axis) / image.described.size(axis) if axis in "yx" else size, unit)
        for axis, (size, unit) in pixel_sizes(file, keyframe, pixels).items()
        if axis in image.described.axes
    }
    names = channel_names(pixels)
    if channels is not None and names:
        names = tuple(names[channel] for channel in channels if channel < len(names))
    if len(names) != image.described.size("c"):
        names = ()
    return replace(image.described, pixel_size=sizes, channels=names, levels=levels)


def _main_series(found: Sequence[Any], file: Any, path: str) -> Any:
    """The image of a file: the one that tags, or the format, do not call a preview, a label or a level.

    Raises
    ------
    ImageError
        There are several, of which none is the image.
    """
    if not found:
        raise ImageError(f"{path}: holds no image")
    images = [series for series in found if not _is_beside(series, file)] or list(found)
    if found[0].kind in _FORMATS_OF_ONE:
        largest = max(images, key=lambda series: int(series.size))
        images = [series for series in images if series.size == largest.size]
    levels = [level for series in images for level in series.levels[1:] if not _is_level(level.keyframe)]
    every = [*images, *levels]
    if len(every) == 1:
        return every[0]
    sizes = list(dict.fromkeys(f"{each.keyframe.imagewidth} × {each.keyframe.imagelength}" for each in every))
    some = ", ".join(sizes[:4]) + (", …" if len(sizes) > 4 else "")
    how = "of one size" if len(sizes) == 1 else f"of unlike sizes ({some})"
    raise ImageError(f"{path}: holds {len(every)} images {how}: name one of its pages by a column page")


def _is_level(keyframe: Any) -> bool:
    return bool(keyframe.is_reduced or keyframe.is_subifd)


def _is_beside(series: Any, file: Any) -> bool:
    """Whether an image is a preview, a mask or a label of another."""
    if series.kind == "ome":
        said = ome_image(file, file.series.index(series))
        name = "" if said is None else str(said.get("Name") or "").lower()
        return any(word in name for word in _NO_IMAGES)
    return bool(series.keyframe.is_reduced or series.keyframe.is_mask)


def _of_level(series: Any, file: Any, path: str, level: int) -> TiffImage:
    """An image that is one of tifffile's series, at a level."""
    series = series.levels[level]
    letters, shape = series.get_axes(False), series.get_shape(False)
    separate, depth, *_ = series.keyframe.shaped
    leading = letters.find("Y") - (separate > 1) - (depth > 1)
    if leading < 0 or series.transform is not None or math.prod(shape[:leading]) != len(series):
        refuse(series.keyframe, path)
        named = _named(series.axes, series.shape)
        described = Described(named, tuple(series.shape), _dtype(series.keyframe))
        return TiffImage(described, series, 0, is_colour=_is_colour(series.keyframe), is_whole=True)
    # a maker of microscopes may keep channels where others keep colours
    channels = letters[leading] == "C" and (series.kind == "lsm" or not _is_colour(series.keyframe))
    pages, sizes = list(series), shape[:leading]
    if series.is_multifile:
        pages, sizes = _own_of(pages, sizes, file)
    return _of_pages(pages, letters[:leading], sizes, path, channels=channels)


def _own_of(pages: Sequence[Any], shape: Sequence[int], file: Any) -> tuple[list[Any], tuple[int, ...]]:
    """Of the pages of several files those of one, and how they lie."""
    places = list(product(*map(range, shape)))
    own = {place: page for place, page in zip(places, pages, strict=True) if page and page.parent is file}
    there = [sorted({place[axis] for place in own}) for axis in range(len(shape))]
    return [own.get(place) for place in product(*there)], tuple(map(len, there))


def _levels(pages: Sequence[Any]) -> int:
    """How many resolutions pages have, their own one included."""
    first = next((page for page in pages if page is not None), None)
    return 1 if first is None else 1 + len(first.keyframe.subifds or ())


def _of_own(pages: Sequence[Any], shape: Sequence[int], path: str, level: int) -> TiffImage:
    """The image of a file's own pages at a level, which lies in their SubIFDs."""
    if level:
        pages = [None if page is None else page.aspage().pages[level - 1] for page in pages]
    return _of_pages(pages, AXES.upper(), shape, path)


def _of_pages(
    pages: Sequence[Any], letters: str, shape: Sequence[int], path: str, *, channels: bool = False
) -> TiffImage:
    """An image of pages that lie along axes of these letters (tifffile's) and sizes.

    Parameters
    ----------
    channels
        Whether the samples of a page, which stand last, are channels, which do not.
    """
    keyframe = next((page for page in pages if page is not None), None)
    if keyframe is None:
        raise ImageError(f"{path}: lacks all planes that its metadata name")
    keyframe = keyframe.keyframe
    refuse(keyframe, path)
    inside = inside_of(keyframe, channels)
    present = [(letter, size) for letter, size in inside if size > 1 or letter in "YX"]
    outside = [
        (letter, size)
        for letter, size in zip(letters, shape, strict=True)
        if size > 1 or (letter in "TCZ" and {"C": "S"}.get(letter, letter) not in dict(present))
    ]
    sizes = tuple(size for _, size in (*outside, *present))
    letters = "".join(letter for letter, _ in (*outside, *present))
    named = _named(letters.replace("S", "C") if channels else letters, sizes)
    described = Described(named, sizes, _dtype(keyframe))
    is_colour = _is_colour(keyframe) and not channels
    return TiffImage(described, pages, len(outside), "".join(letter for letter, _ in inside), is_colour)


def inside_of(keyframe: Any, channels: bool) -> list[tuple[str, int]]:
    """The axes of a page as they are handed on, and their sizes."""
    separate, depth, height, width, contiguous = keyframe.shaped
    if is_swapped(orientation_of_page(keyframe)):
        height, width = width, height
    samples = ("S", separate * contiguous)
    plane = [("Z", depth), ("Y", height), ("X", width)]
    return [samples, *plane] if channels else [*plane, samples]


def orientation_of_page(keyframe: Any) -> int:
    """The orientation that a page's tag tells; 1, upright, without one."""
    tag = keyframe.tags.get(tiff_tags.ORIENTATION)
    return int(tag.value) if tag is not None and tag.value in range(1, 9) else 1


def _is_colour(keyframe: Any) -> bool:
    return keyframe.photometric in _COLOURS and keyframe.samplesperpixel >= 3


def _dtype(keyframe: Any) -> str:
    return "uint8" if keyframe.dtype.kind == "b" else str(keyframe.dtype)


def _named(letters: str, shape: Sequence[int]) -> str:
    """Our names for tifffile's axes: samples are channels, if there are no others."""
    unnamed = iter(_UNNAMED)
    named = ""
    for letter in letters:
        if letter == "S":
            named += "s" if "C" in letters else "c"
        else:
            named += letter.lower() if letter in "TCZYX" else next(unnamed)
    return named
