"""Decodes TIFF, BigTIFF and OME-TIFF: planes, pages, regions and resolution levels, and no more than those.

tifffile says where what is; of a tiled page the tiles are read that a region touches, of one without
compression its bytes. The colours of a pixel (samples) come in OpenCV's order as everywhere, channels in
the file's. Standard library only at import.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from pixmake.base.errors import MissingExtraError
from pixmake.images.axes import UNNAMED, Described, ImageError, Part, fit_axes, index_of, left_of, mismatch
from pixmake.images.tiff_metadata import channel_names, pixel_sizes

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_UNNAMED = UNNAMED + "jklmnopq"
_COLOURS = (2, 6)
"""TIFF's numbers of the photometric interpretations RGB and YCbCr, which is decoded to RGB."""


@dataclass(frozen=True)
class _Image:
    """An image of a TIFF at one level: its pages, and how they lie in its array."""

    described: Described
    pages: Any
    """Of tifffile, one for each position along the leading axes; ``None`` where the file lacks one."""
    leading: int
    """How many axes the pages lie along; the others are those of a page."""
    colours: int | None = None
    """The axis of the colours of a pixel, red first."""
    is_whole: bool = False
    """Whether it is read as a whole, since tifffile does not say how its pages make its array."""


def is_installed() -> bool:
    """Whether tifffile is there."""
    return importlib.util.find_spec("tifffile") is not None


def describe(path: str, level: int = 0, page: int | None = None) -> Described:
    """What an image of a TIFF is: one level of it, or one page.

    Raises
    ------
    ImageError
        The file is no TIFF, or has no such level or page.
    MissingExtraError
        tifffile is not installed.
    """
    with _opened(path) as file:
        return _image(file, level, page, path).described


def read(path: str, part: Part, axes: str | None) -> Array:
    """A part of a TIFF in the axes that are asked for; see `pixmake.images.read.read_image`.

    Raises
    ------
    ImageError
        The file is no TIFF or is cut short, has no such part, or not those axes.
    MissingExtraError
        tifffile is not installed.
    """
    with _opened(path) as file:
        image = _image(file, part.get("level", 0), part.get("page"), path)
        left = left_of(image.described, part, path)
        problem = mismatch(left, axes)
        if problem:
            raise ImageError(f"{path}: {problem}")
        array = _pixels(image, index_of(image.described, part, path), path)
    return fit_axes(array, left.axes, axes, path)


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """The file as tifffile has it; what is wrong with it as an `ImageError`."""
    try:
        import tifffile
    except ImportError:
        raise MissingExtraError(
            f"{path}: reading a part of a TIFF, or several pages,", "tifffile", "tiff"
        ) from None
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    except (ImageError, MemoryError):
        raise
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # decoders raise what they like
        raise ImageError(f"{path}: cannot be decoded as TIFF: {error or type(error).__name__}") from None


def _image(file: Any, level: int, page: int | None, path: str) -> _Image:
    if page is not None:
        if not 0 <= page < len(file.pages):
            raise ImageError(
                f"{path}: has no page {page}, but {len(file.pages)} (0 to {len(file.pages) - 1})"
            )
        return _of_pages([file.pages[page]], "", ())
    series = _main_series(file.series, path)
    if not 0 <= level < len(series.levels):
        raise ImageError(f"{path}: has no level {level}, but {len(series.levels)} (0 is the full resolution)")
    image = _of_series(series.levels[level])
    full = image if level == 0 else _of_series(series)
    sizes = {
        axis: (size * full.described.size(axis) / image.described.size(axis) if axis in "yx" else size, unit)
        for axis, (size, unit) in pixel_sizes(file, series).items()
        if axis in image.described.axes
    }
    names = channel_names(file, series)
    if len(names) != image.described.size("c"):
        names = ()
    described = replace(image.described, pixel_size=sizes, channels=names, levels=len(series.levels))
    return replace(image, described=described)


def _main_series(found: Sequence[Any], path: str) -> Any:
    """The image of a file: the largest, as beside it a slide has a label and a thumbnail.

    Raises
    ------
    ImageError
        There are several of one size, of which none is the image.
    """
    if not found:
        raise ImageError(f"{path}: holds no image")
    largest = max(found, key=lambda series: int(series.size))
    same = [series for series in found if series.size == largest.size]
    if len(same) > 1:
        raise ImageError(
            f"{path}: holds {len(same)} images of one size: name one of its pages by a column page"
        )
    return largest


def _of_series(series: Any) -> _Image:
    letters, shape = series.get_axes(False), series.get_shape(False)
    separate, depth, *_ = series.keyframe.shaped
    leading = letters.find("Y") - (separate > 1) - (depth > 1)
    if leading < 0 or series.transform is not None or math.prod(shape[:leading]) != len(series):
        named = _named(series.axes, series.shape)
        return _Image(Described(named, tuple(series.shape), str(series.dtype)), series, 0, is_whole=True)
    return _of_pages(series, letters[:leading], shape[:leading])


def _of_pages(pages: Sequence[Any], letters: str, shape: Sequence[int]) -> _Image:
    """An image of pages that lie along axes of these letters (tifffile's) and sizes."""
    keyframe = next(page for page in pages if page is not None).keyframe
    separate, depth, height, width, contiguous = keyframe.shaped
    inside = [("S", separate), ("Z", depth), ("Y", height), ("X", width), ("S", contiguous)]
    inside = [(letter, size) for letter, size in inside if size > 1 or letter in "YX"]
    outside = [(letter, size) for letter, size in zip(letters, shape, strict=True)]
    outside = [
        (letter, size)
        for letter, size in outside
        if size > 1 or (letter in "TCZ" and {"C": "S"}.get(letter, letter) not in dict(inside))
    ]
    sizes = [size for _, size in (*outside, *inside)]
    named = _named("".join(letter for letter, _ in (*outside, *inside)), sizes)
    described = Described(named, tuple(sizes), str(keyframe.dtype))
    colours = None
    if keyframe.photometric in _COLOURS and keyframe.samplesperpixel in (3, 4):
        colours = len(outside) + [letter for letter, _ in inside].index("S")
    return _Image(described, pages, len(outside), colours)


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


def _pixels(image: _Image, index: tuple[int | slice, ...], path: str) -> Array:
    import numpy as np

    if image.is_whole:
        whole: Array = image.pages.asarray()
        return whole[index]
    colours, taken = image.colours, index
    if colours is not None:
        taken = (*index[:colours], slice(None), *index[colours + 1 :])
    sizes = image.described.shape
    numbers = np.arange(math.prod(sizes[: image.leading])).reshape(sizes[: image.leading])
    numbers = np.asarray(numbers[taken[: image.leading]])
    planes = [_plane(image.pages[number], taken[image.leading :], path) for number in numbers.flat]
    array = np.stack(planes) if len(planes) > 1 else planes[0][None]
    array = array.reshape(numbers.shape + array.shape[1:])
    if colours is None:
        return array
    # one letter fewer for each axis of which one index was taken
    axis = sum(isinstance(at, slice) for at in taken[:colours])
    count = array.shape[axis]
    array = np.take(array, [2, 1, 0, *range(3, count)], axis)
    return array[(*[slice(None)] * axis, index[colours])]


def _plane(page: Any, index: tuple[int | slice, ...], path: str) -> Array:
    """A region of a page, by the index of each of its axes that has more than one pixel."""
    import numpy as np

    if page is None:
        raise ImageError(f"{path}: lacks this plane: its metadata names it, but it is not there")
    shaped = page.keyframe.shaped
    given = list(index)
    whole = [
        slice(None) if size == 1 and axis not in (2, 3) else given.pop(0) for axis, size in enumerate(shaped)
    ]
    spans = [
        range(*at.indices(size)) if isinstance(at, slice) else range(at, at + 1)
        for at, size in zip(whole, shaped, strict=True)
    ]
    region = _region(page, spans, path)
    drop = tuple(
        0 if isinstance(at, int) or (size == 1 and axis not in (2, 3)) else slice(None)
        for axis, (at, size) in enumerate(zip(whole, shaped, strict=True))
    )
    return np.asarray(region[drop])


def _region(page: Any, spans: Sequence[range], path: str) -> Array:
    """Pixels of a page: spans of its separate samples, depth, length, width and samples."""
    import numpy as np

    keyframe, file = page.keyframe, page.parent.filehandle
    if file.closed:  # one of the other files of an image that lies in several
        file.open()
    cut = tuple(slice(span.start, span.stop) for span in spans)
    if keyframe.is_memmappable:
        stored = np.dtype(keyframe.dtype).newbyteorder(keyframe.parent.byteorder)
        if page.dataoffsets[0] + keyframe.nbytes > file.size:
            raise ImageError(f"{path}: the file is cut short: its last part is missing")
        mapped = file.memmap_array(stored, keyframe.shaped, offset=page.dataoffsets[0], mode="r")
        return np.array(mapped[cut], keyframe.dtype)
    if keyframe.is_contiguous or keyframe.jpegheader is not None:
        whole: Array = page.asarray(squeeze=False)
        return whole[cut]
    region = np.full([len(span) for span in spans], keyframe.nodata, keyframe.dtype)
    numbers = _segments(keyframe, spans)
    offsets, counts = page.dataoffsets, page.databytecounts
    if numbers and max(numbers) >= min(len(offsets), len(counts)):
        raise ImageError(f"{path}: the file is cut short: it does not say where all of its pixels are")
    tables = {"jpegtables": page.jpegtables} if page.jpegtables is not None else {}
    found = file.read_segments(
        [offsets[number] for number in numbers], [counts[number] for number in numbers], numbers
    )
    for data, number in found:
        if data is not None and len(data) < counts[number]:
            raise ImageError(f"{path}: the file is cut short: its last part is missing")
        pixels, at, _ = keyframe.decode(data, number, **tables)
        if pixels is None:  # a tile that was never written
            continue
        # a decoded segment has no axis of separate samples: it belongs to one of them
        inner, outer = [], []
        for start, size, span in zip(at, (1, *pixels.shape), spans, strict=True):
            first, last = max(start, span.start), min(start + size, span.stop)
            inner.append(slice(first - start, last - start))
            outer.append(slice(first - span.start, last - span.start))
        region[tuple(outer)] = pixels[None][tuple(inner)]
    return region


def _segments(keyframe: Any, spans: Sequence[range]) -> list[int]:
    """The numbers of the tiles, or strips, of a page that a region touches."""
    _, depth, height, width, _ = keyframe.shaped
    sides = (1, keyframe.rowsperstrip, width)
    if keyframe.is_tiled:
        sides = (keyframe.tiledepth, keyframe.tilelength, keyframe.tilewidth)
    counts = [math.ceil(size / side) for size, side in zip((depth, height, width), sides, strict=True)]
    touched = [
        range(span.start // side, (span.stop - 1) // side + 1)
        for span, side in zip(spans[1:4], sides, strict=True)
    ]
    return [
        ((sample * counts[0] + deep) * counts[1] + row) * counts[2] + column
        for sample, deep, row, column in product(spans[0], *touched)
    ]
