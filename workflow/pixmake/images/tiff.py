"""Decodes TIFF, BigTIFF and OME-TIFF: whole images, planes, pages, regions and resolution levels.

What a decoder is asked for stands in the tags (`pixmake.images.tiff_tags`): OpenCV decodes plain images as a
whole, tifffile all else, and the array is the same whichever it was. tifffile says where what is; of a tiled
page the tiles are read that a region touches, of one without compression its bytes. The colours of a pixel
(samples) stand last, in OpenCV's order as everywhere; other samples and channels are in the file's. Standard
library only at import.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from pixmake.base.errors import MissingPackageError, PixmakeError
from pixmake.images import tiff_tags
from pixmake.images.axes import UNNAMED, Described, ImageError, Part, fit_axes, index_of, left_of, mismatch
from pixmake.images.orientation import is_swapped, stored_spans, upright
from pixmake.images.tiff_metadata import channel_names, ome_image, ome_pixels, pixel_sizes
from pixmake.images.tiff_segments import damage, short_lzw
from pixmake.images.tiff_sets import AXES, planes_of
from pixmake.images.tiff_tags import Directory, Segment, read_directory, read_segments

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_UNNAMED = UNNAMED + "jklmnopq"
_COLOURS = (tiff_tags.RGB, tiff_tags.YCBCR)
"""The photometric interpretations of colours; YCbCr is decoded to RGB."""

_REFUSED = {
    5: "CMYK or other inks",
    8: "colours in CIE L*a*b*",
    9: "colours in ICC L*a*b*",
    10: "colours in ITU L*a*b*",
    32803: "the mosaic of a colour sensor, as cameras' raw files have it",
    32844: "logarithmic luminances",
    32845: "colours in CIE Log2(L)(u',v')",
    34892: "a camera's linear raw colours",
}
"""Photometric interpretations of pixels that are neither grey values nor red, green and blue."""

_DECODES_YCBCR = frozenset({6, 7, 33007, 34892, 50001, 50002, 52546})
"""Compressions of the JPEG family, and others, whose decoders make RGB of YCbCr."""

_WITHOUT_IMAGECODECS = frozenset(
    {tiff_tags.NONE, tiff_tags.DEFLATE, tiff_tags.OLD_DEFLATE, tiff_tags.PACKBITS, 34925}
)

_FORMATS_OF_ONE = frozenset(
    {"avs", "bif", "indica", "lsm", "mdgel", "ndpi", "philips", "qpi", "scn", "sis", "svs"}
)
"""tifffile's names of formats that say which image is the one, and which are labels, maps and thumbnails."""

_NO_IMAGES = ("label", "macro", "thumbnail", "overview", "preview")
"""Words in the names of OME images that are not the image itself."""

_REGION = {"y", "x", "height", "width"}

_HEADER = 8
"""Bytes before any pixels."""


@dataclass(frozen=True)
class _Image:
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


def is_installed() -> bool:
    """Whether tifffile is there."""
    return importlib.util.find_spec("tifffile") is not None


def describe(path: str, level: int = 0, page: int | None = None) -> Described:
    """What an image of a TIFF is: one level of it, or one page.

    Raises
    ------
    ImageError
        The file is no TIFF, or has no such level or page.
    MissingPackageError
        tifffile is not installed.
    """
    directory = looked_at(path)  # tifffile takes a page that is not there for the end of the file
    with _opened(path, "telling the axes of a TIFF") as file:
        return _image(file, directory, level, page, path).described


def read(path: str, part: Part, axes: str | None) -> Array:
    """A TIFF, or a part of it, in the axes that are asked for; see `pixmake.images.read.read_image`.

    Raises
    ------
    ImageError
        The file is no TIFF, is cut short or damaged, has no such part, or not those axes.
    MissingPackageError
        Only tifffile reads it, and that, or what it needs, is not installed.
    """
    with _file(path) as opened:
        directory = read_directory(opened, path)
        image, why = _by_opencv(opened, directory, path, part)
    if image is None:
        return _by_tifffile(path, directory, part, axes, why)
    described = Described("yx" if image.ndim == 2 else "yxc", image.shape, str(image.dtype))
    return fit_axes(image[index_of(described, part, path)], left_of(described, part).axes, axes, path)


def pages_of(path: str, every: int = 1) -> Iterator[tuple[int, Array, bool]]:
    """Pages of a TIFF, the first one included: their numbers, their pixels, and whether they have colours.

    Raises
    ------
    ImageError
        The file is no TIFF, is cut short or damaged.
    """
    if not tiff_tags.is_tiff(path):
        raise ImageError(f"{path}: is no TIFF")
    directory = looked_at(path)
    with _opened(path, "reading the pages of a TIFF") as file:
        for number in range(0, len(file.pages), every):
            image = _image(file, directory, 0, number, path)
            array = _pixels(image, index_of(image.described, {}, path), path)
            yield number, fit_axes(array, image.described.axes, None, path), image.is_colour


def looked_at(path: str) -> Directory:
    """What the first directory of a TIFF says.

    Raises
    ------
    ImageError
        The file cannot be read, or a directory is not there.
    """
    with _file(path) as file:
        return read_directory(file, path)


def needs_tifffile(path: str) -> bool:
    """Whether a file is a TIFF that OpenCV is not asked to read."""
    try:
        return tiff_tags.is_tiff(path) and bool(tiff_tags.why_not_opencv(looked_at(path)))
    except ImageError:
        return False


@contextmanager
def _file(path: str) -> Iterator[Any]:
    try:
        # no buffer: a directory is some hundred bytes, often at the end of a large file
        with open(path, "rb", buffering=0) as file:
            yield file
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from None


def _by_opencv(file: Any, directory: Directory, path: str, part: Part) -> tuple[Array | None, str]:
    """The image as OpenCV decodes it, or why it does not."""
    why = tiff_tags.why_not_opencv(directory)
    if why or _asks_for_more(part, directory):
        return None, why or "a part that is asked for"
    segments = read_segments(file, path, directory)
    if not segments:
        return None, "strips or tiles that it does not tell in full"
    import cv2
    import numpy as np

    file.seek(0)
    content = file.read()
    _see_segments(directory.compression, segments, content, path)
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
    return not _REGION.isdisjoint(part) and _missing(directory.compression) is None


def _missing(compression: int) -> str | None:
    """The package that decoding needs and that is not there."""
    if not is_installed():
        return "tifffile"
    if compression not in _WITHOUT_IMAGECODECS and importlib.util.find_spec("imagecodecs") is None:
        return "imagecodecs"
    return None


def _see_segments(compression: int, segments: Sequence[Segment], content: bytes, path: str) -> None:
    """See that the strips and tiles are there and whole: OpenCV would fill up with zeros.

    Raises
    ------
    ImageError
        One is not.
    """
    for offset, count, size in segments:
        if not offset or not count:
            raise _unwritten(path)
        if offset + count > len(content):
            raise _cut_short(path)
        if compression not in (tiff_tags.NONE, tiff_tags.JPEG):
            why = damage(compression, content[offset : offset + count], (size, segments[0].size))
            if why:
                raise _damaged(path, offset, compression, why)


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
                raise _damaged(path, offset, tiff_tags.LZW, why)


def _unwritten(path: str) -> ImageError:
    return ImageError(f"{path}: is damaged: a part of its pixels was never written")


def _cut_short(path: str) -> ImageError:
    return ImageError(f"{path}: the file is cut short: its last part is missing")


def _damaged(path: str, offset: int, compression: int, why: str) -> ImageError:
    name = tiff_tags.compression_name(compression)
    return ImageError(f"{path}: is damaged at byte {offset}: a strip or tile of {name} is not whole ({why})")


def _by_tifffile(path: str, directory: Directory, part: Part, axes: str | None, why: str) -> Array:
    with _opened(path, f"reading a TIFF with {why}") as file:
        image = _image(file, directory, part.get("level", 0), part.get("page"), path)
        left = left_of(image.described, part, path)
        problem = mismatch(left, axes) or (_nameless(left) if axes is None else "")
        if problem:
            raise ImageError(f"{path}: {problem}")
        array = _pixels(image, index_of(image.described, part, path), path)
    return fit_axes(array, left.axes, axes, path)


def _nameless(left: Described) -> str:
    """Why an image of several pages that nothing names is none."""
    if left.size(UNNAMED) == 1:
        return ""
    return (
        f"has {left.size(UNNAMED)} pages; one image a file is read: name one of them in a column `page` "
        "(images.read_by), or ask for all of them: `axes: zyx`"
    )


@contextmanager
def _opened(path: str, what: str) -> Iterator[Any]:
    """The file as tifffile has it; what is wrong with it as an `ImageError`."""
    try:
        import tifffile
    except ImportError:
        raise MissingPackageError(f"{path}: {what}", "tifffile") from None
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    except (ImageError, PixmakeError, MemoryError):
        raise
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # decoders raise what they like
        if "incompatible keyframe" in str(error):
            raise ImageError(
                f"{path}: its pages are of unlike sizes or types: name one of its pages by a column page"
            ) from None
        if "imagecodecs" in str(error) and importlib.util.find_spec("imagecodecs") is None:
            raise MissingPackageError(f"{path}: {what}", "imagecodecs") from None
        raise ImageError(f"{path}: cannot be decoded as TIFF: {error or type(error).__name__}") from None


def _image(file: Any, directory: Directory, level: int, page: int | None, path: str) -> _Image:
    if page is not None:
        if not 0 <= page < len(file.pages):
            raise ImageError(
                f"{path}: has no page {page}, but {len(file.pages)} (0 to {len(file.pages) - 1})"
            )
        return _of_pages([file.pages[page]], "", (), path)
    own = planes_of(file.ome_metadata, path, len(file.pages)) if file.is_ome and file.ome_metadata else None
    if own is not None:
        number, channels = own.image, own.channels
        pages = [None if at is None else file.pages[at] for at in own.pages]
        levels = [lambda at=at: _of_own(pages, own.shape, at, path) for at in range(_levels(pages))]
    else:
        series = _main_series(file.series, file, path)
        if (
            tiff_tags.speaks_of_more(directory)
            and not file.is_ome
            and series.size <= _pixels_of_pages(directory)
        ):
            raise ImageError(
                f"{path}: is cut short, or one of several: its description speaks of more planes than it has "
                "(what is there is read by a column page)"
            )
        number, channels = file.series.index(series), None
        levels = [lambda each=each: _of_series(each, file, path) for each in series.levels]
    if not 0 <= level < len(levels):
        raise ImageError(f"{path}: has no level {level}, but {len(levels)} (0 is the full resolution)")
    image = levels[level]()
    full = image if level == 0 else levels[0]()
    return replace(image, described=_with_metadata(file, image, full, number, channels, len(levels)))


def _pixels_of_pages(directory: Directory) -> int:
    page = (
        directory.one(tiff_tags.WIDTH) * directory.one(tiff_tags.LENGTH) * directory.one(tiff_tags.SAMPLES, 1)
    )
    return page * directory.pages


def _with_metadata(
    file: Any, image: _Image, full: _Image, number: int, channels: Sequence[int] | None, levels: int
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
    how = (
        "of one size"
        if len(sizes) == 1
        else f"of unlike sizes ({', '.join(sizes[:4])}{', …' * (len(sizes) > 4)})"
    )
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


def _of_series(series: Any, file: Any, path: str) -> _Image:
    letters, shape = series.get_axes(False), series.get_shape(False)
    separate, depth, *_ = series.keyframe.shaped
    leading = letters.find("Y") - (separate > 1) - (depth > 1)
    if leading < 0 or series.transform is not None or math.prod(shape[:leading]) != len(series):
        _refuse(series.keyframe, path)
        named = _named(series.axes, series.shape)
        described = Described(named, tuple(series.shape), _dtype(series.keyframe))
        return _Image(described, series, 0, is_colour=_is_colour(series.keyframe), is_whole=True)
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


def _of_own(pages: Sequence[Any], shape: Sequence[int], level: int, path: str) -> _Image:
    """The image of a file's own pages at a level, which lies in their SubIFDs."""
    if level:
        pages = [None if page is None else page.aspage().pages[level - 1] for page in pages]
    return _of_pages(pages, AXES.upper(), shape, path)


def _of_pages(
    pages: Sequence[Any], letters: str, shape: Sequence[int], path: str, *, channels: bool = False
) -> _Image:
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
    _refuse(keyframe, path)
    inside = _inside(keyframe, channels)
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
    return _Image(described, pages, len(outside), "".join(letter for letter, _ in inside), is_colour)


def _inside(keyframe: Any, channels: bool) -> list[tuple[str, int]]:
    """The axes of a page as they are handed on, and their sizes."""
    separate, depth, height, width, contiguous = keyframe.shaped
    if is_swapped(_orientation(keyframe)):
        height, width = width, height
    samples = ("S", separate * contiguous)
    plane = [("Z", depth), ("Y", height), ("X", width)]
    return [samples, *plane] if channels else [*plane, samples]


def _orientation(keyframe: Any) -> int:
    tag = keyframe.tags.get(tiff_tags.ORIENTATION)
    return int(tag.value) if tag is not None and tag.value in range(1, 9) else 1


def _is_colour(keyframe: Any) -> bool:
    return keyframe.photometric in _COLOURS and keyframe.samplesperpixel >= 3


def _dtype(keyframe: Any) -> str:
    return "uint8" if keyframe.dtype.kind == "b" else str(keyframe.dtype)


def _refuse(keyframe: Any, path: str) -> None:
    """See that a page has grey values or colours, and of a type that there is.

    Raises
    ------
    ImageError
        It has not.
    """
    photometric, compression = int(keyframe.photometric), int(keyframe.compression)
    name = tiff_tags.compression_name(compression)
    if photometric in _REFUSED:
        what = f"{_REFUSED[photometric]}, which are neither grey values nor red, green and blue"
        raise ImageError(f"{path}: holds {what}: convert it first")
    if photometric == tiff_tags.YCBCR and compression not in _DECODES_YCBCR:
        how = "without compression" if compression == tiff_tags.NONE else f"in the compression {name}"
        raise ImageError(f"{path}: holds colours in YCbCr {how}: convert it to RGB first")
    if compression == 33003:
        raise ImageError(f"{path}: is compressed as {name}, which is not decoded to RGB: convert it first")
    if keyframe.dtype is None:
        bits = keyframe.bitspersample
        raise ImageError(f"{path}: has samples of {bits} bits of a format that cannot be decoded")
    missing = _missing(compression)
    if missing is not None:
        raise MissingPackageError(f"{path}: decoding the compression {name}", missing)
    if compression != tiff_tags.NONE:
        import tifffile

        try:
            tifffile.TIFF.DECOMPRESSORS[compression]
        except KeyError:
            raise ImageError(f"{path}: is compressed as {name}, which cannot be decoded") from None


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


def _whole(image: _Image, index: tuple[int | slice, ...], path: str) -> Array:
    """An image whose planes lie one after the other behind one page, or as tifffile puts them together."""
    import numpy as np

    series, shape = image.pages, image.described.shape
    keyframe = series.keyframe
    if series.dataoffset is None:
        array = np.asarray(series.asarray())
    else:
        file = keyframe.parent.filehandle
        stored = np.dtype(keyframe.dtype).newbyteorder(keyframe.parent.byteorder)
        if series.dataoffset + math.prod(shape) * stored.itemsize > file.size:
            raise _cut_short(path)
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
    sizes = dict(_inside(page.keyframe, letters[0] == "S"))
    given = list(index)
    at = {letter: given.pop(0) if sizes[letter] > 1 or letter in "YX" else 0 for letter in letters}
    spans = {
        letter: range(*each.indices(sizes[letter])) if isinstance(each, slice) else range(each, each + 1)
        for letter, each in at.items()
    }
    orientation = _orientation(page.keyframe)
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
            raise _unwritten(path)
        if page.dataoffsets[0] + keyframe.nbytes > file.size:
            raise _cut_short(path)
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
        raise _unwritten(path)
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
        raise _unwritten(path)
    if len(data) < page.databytecounts[number]:
        raise _cut_short(path)
    if compression in (tiff_tags.LZW, tiff_tags.PACKBITS):
        why = damage(compression, data, _bytes_of(keyframe, number))
        if why:
            raise _damaged(path, offset, compression, why)
    tables = {"jpegtables": page.jpegtables} if page.jpegtables is not None else {}
    try:
        pixels, at, _ = keyframe.decode(data, number, **tables)
    except (NotImplementedError, ImportError, MemoryError):
        raise
    except Exception as error:  # whatever a codec raises
        raise _damaged(path, offset, compression, str(error) or type(error).__name__) from None
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
