"""Pixels of a TIFF's pages as tifffile decodes them: of a tiled page the tiles that a region touches.

Of one without compression no more is read than its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from pixmake.images import tiff_tags
from pixmake.images.axes import ImageError
from pixmake.images.orientation import stored_spans, upright
from pixmake.images.tiff_images import TiffImage, inside_of, orientation_of_page
from pixmake.images.tiff_segments import cut_short, damage, damaged, jpeg_damage, unwritten

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_HEADER = 8
"""Bytes before any pixels."""


def pixels_of(image: TiffImage, index: tuple[int | slice, ...], path: str) -> Array:
    """The part of an image that an index or a slice for each of its axes names.

    Raises
    ------
    ImageError
        The file is cut short or damaged, or lacks a plane.
    """
    import numpy as np

    array = _stored(image, index, path)
    # adding or taking away half of all values turns over their first bit
    return (array ^ np.uint16(0x8000)).view(np.int16) if image.is_signed else array


def _stored(image: TiffImage, index: tuple[int | slice, ...], path: str) -> Array:
    import numpy as np

    if image.is_whole:
        return _whole(image, index, path)
    taken = (*index[:-1], slice(None)) if image.is_colour else index
    sizes = image.described.shape
    numbers = np.arange(math.prod(sizes[: image.leading])).reshape(sizes[: image.leading])
    numbers = np.asarray(numbers[taken[: image.leading]])
    inside = taken[image.leading :]
    planes = [_plane(image.pages[number], inside, image.inside, path) for number in numbers.flat]
    array = np.stack(planes) if len(planes) > 1 else planes[0][None]
    array = array.reshape(numbers.shape + array.shape[1:])
    return _bgr(array)[..., index[-1]] if image.is_colour else array


def _whole(image: TiffImage, index: tuple[int | slice, ...], path: str) -> Array:
    """An image whose planes lie one after the other behind one page, or as tifffile puts them together."""
    import numpy as np

    series, shape = image.pages, image.described.shape
    keyframe = series.keyframe
    if series.dataoffset is None:
        array = np.asarray(series.asarray())
        if array.shape != shape:
            said = " × ".join(map(str, shape))
            raise ImageError(
                f"{path}: its description tells of {said}, and its {len(series)} pages are not that: "
                "name one of its pages by a column page"
            )
    else:
        file = keyframe.parent.filehandle
        stored = np.dtype(keyframe.dtype).newbyteorder(keyframe.parent.byteorder)
        if series.dataoffset + math.prod(shape) * stored.itemsize > file.size:
            raise cut_short(path)
        array = file.memmap_array(stored, shape, offset=series.dataoffset, mode="r")
    if not image.is_colour or image.described.axes[-1] not in "cs":
        array = array[index]
    else:
        array = _bgr(array[(*index[:-1], slice(None))])[..., index[-1]]
    return _values(np.array(array, array.dtype.newbyteorder("=")))


def _bgr(array: Array) -> Array:
    """Samples in OpenCV's order: the colours the other way round, and then what comes after them."""
    import numpy as np

    turned = np.empty(array.shape, array.dtype)
    for sample in range(array.shape[-1]):
        turned[..., sample] = array[..., 2 - sample if sample < 3 else sample]
    return turned


def _values(array: Array) -> Array:
    """Single bits as 0 and 255."""
    import numpy as np

    return array.astype(np.uint8) * 255 if array.dtype == bool else array


def _plane(page: Any, index: tuple[int | slice, ...], letters: str, path: str) -> Array:
    """A region of a page, upright, by the index of each of its axes that has more than one pixel."""
    import numpy as np

    if page is None:
        raise ImageError(f"{path}: lacks this plane: its metadata names it, but it is not there")
    sizes = dict(inside_of(page.keyframe, letters[0] == "S"))
    given = list(index)
    at = {letter: given.pop(0) if sizes[letter] > 1 or letter in "YX" else 0 for letter in letters}
    spans = {
        letter: range(*each.indices(sizes[letter])) if isinstance(each, slice) else range(each, each + 1)
        for letter, each in at.items()
    }
    orientation = orientation_of_page(page.keyframe)
    rows, columns = stored_spans(orientation, spans["Y"], spans["X"], sizes["Y"], sizes["X"])
    separate = page.keyframe.shaped[0] > 1
    samples = (spans["S"], range(1)) if separate else (range(1), spans["S"])
    region = _region(page, [samples[0], spans["Z"], rows, columns, samples[1]], path)
    region = np.moveaxis(region[..., 0], 0, -1) if separate else region[0]
    region = upright(region, orientation, rows=1)
    if letters[0] == "S":
        region = np.moveaxis(region, -1, 0)
    drop = tuple(slice(None) if isinstance(at[letter], slice) else 0 for letter in letters)
    return _values(np.asarray(region[drop]))


def _region(page: Any, spans: Sequence[range], path: str) -> Array:
    """Pixels of a page: spans of its separate samples, depth, length, width and samples."""
    import numpy as np

    keyframe, file = page.keyframe, page.parent.filehandle
    if file.closed:  # one of the other files of an image that lies in several
        file.open()
    cut = tuple(slice(span.start, span.stop) for span in spans)
    if keyframe.is_contiguous:
        if page.dataoffsets[0] < _HEADER:
            raise unwritten(path)
        end = page.dataoffsets[0] + keyframe.nbytes
        if end > file.size:
            raise cut_short(path)
        if page.dataoffsets[0] < page.offset < end:
            raise ImageError(
                f"{path}: is damaged: its tags lie where its pixels should, at byte {page.offset}"
            )
    if keyframe.is_memmappable:
        stored = np.dtype(keyframe.dtype).newbyteorder(keyframe.parent.byteorder)
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
    if not any(counts):
        raise unwritten(path)
    found = file.read_segments(
        [offsets[number] for number in numbers], [counts[number] for number in numbers], numbers
    )
    for data, number in found:
        if data is None and keyframe.is_tiled:  # where nothing is in the picture, tiles are left out
            continue
        pixels, at = _segment(page, data, number, path)
        # a decoded segment has no axis of separate samples: it belongs to one of them
        inner, outer = [], []
        for start, size, span in zip(at, (1, *pixels.shape), spans, strict=True):
            first, last = max(start, span.start), min(start + size, span.stop)
            inner.append(slice(first - start, last - start))
            outer.append(slice(first - span.start, last - span.start))
        region[tuple(outer)] = pixels[None][tuple(inner)]
    return region


def _segment(page: Any, data: bytes | None, number: int, path: str) -> tuple[Array, tuple[int, ...]]:
    """A strip or tile, decoded, and where it begins along the axes of the page."""
    keyframe, offset = page.keyframe, page.dataoffsets[number]
    compression = int(keyframe.compression)
    if data is None:
        raise unwritten(path)
    if len(data) < page.databytecounts[number]:
        raise cut_short(path)
    why = ""
    if compression in (tiff_tags.LZW, tiff_tags.PACKBITS):
        why = damage(compression, data, _bytes_of(keyframe, number))
    elif compression == tiff_tags.JPEG:
        why = jpeg_damage(data, *_seen_of(keyframe, number), keyframe.shaped[4])
    if why:
        raise damaged(path, offset, compression, why)
    tables = {"jpegtables": page.jpegtables} if page.jpegtables is not None else {}
    try:
        pixels, at, _ = keyframe.decode(data, number, **tables)
    except (NotImplementedError, ImportError, MemoryError):
        raise
    except Exception as error:  # whatever a codec raises
        raise damaged(path, offset, compression, str(error) or type(error).__name__) from None
    return pixels, at


def _bytes_of(keyframe: Any, number: int) -> tuple[int, int]:
    """How many bytes a strip or tile makes, and how many if it is filled up to the length of the others."""
    samples = keyframe.shaped[4]
    if keyframe.is_tiled:
        rows, columns, full = (
            keyframe.tilelength * keyframe.tiledepth,
            keyframe.tilewidth,
            keyframe.tilelength,
        )
    else:
        full, columns = min(keyframe.rowsperstrip, keyframe.imagelength), keyframe.imagewidth
        strips = math.ceil(keyframe.imagelength / full)
        rows = min(full, keyframe.imagelength - number % strips * full)
    row = math.ceil(columns * samples * keyframe.bitspersample / 8)
    return rows * row, full * row


def _seen_of(keyframe: Any, number: int) -> tuple[int, int]:
    """Rows and columns of the picture that a strip or tile of a page holds."""
    picture = keyframe.imagelength, keyframe.imagewidth
    if keyframe.is_tiled:
        return tiff_tags.seen_of(number, picture, (keyframe.tilelength, keyframe.tilewidth))
    return tiff_tags.seen_of(number, picture, (keyframe.rowsperstrip, keyframe.imagewidth))


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
