"""TIFF, BigTIFF and OME-TIFF: whole images, planes, pages, regions and resolution levels.

Which decoder is asked stands in the tags (`tiff_tags`): OpenCV decodes plain images whole (`tiff_opencv`),
tifffile all else, and the array is the same whichever it was. `tiff_images` says which image is meant,
`tiff_pixels` reads no more of it than is asked for. The colours of a pixel (samples) stand last, in OpenCV's
order as everywhere; other samples and channels are in the file's. Standard library only at import.
"""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pixmake.base.errors import MissingPackageError, PixmakeError
from pixmake.images import tiff_tags
from pixmake.images.axes import Described, ImageError, Part, fit_axes, index_of, left_of, mismatch, nameless
from pixmake.images.formats import SMALL
from pixmake.images.tiff_images import image_of
from pixmake.images.tiff_opencv import by_opencv
from pixmake.images.tiff_pixels import pixels_of
from pixmake.images.tiff_tags import Directory, read_directory

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


_ASSOCIATED = 1
"""TIFF's number of an extra sample that is an alpha by which the colours are multiplied."""


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
        return image_of(file, directory, level, page, path).described


def read(path: str, part: Part, axes: str | None, content: bytes | None = None) -> Array:
    """A TIFF, or a part of it, in the axes that are asked for; see `pixmake.images.read.read_image`.

    Parameters
    ----------
    path, part, axes
        As there.
    content
        All of the file, if it was read already.

    Raises
    ------
    ImageError
        The file is no TIFF, is cut short or damaged, has no such part, or not those axes.
    MissingPackageError
        Only tifffile reads it, and that, or what it needs, is not installed.
    """
    with _file(path) if content is None else io.BytesIO(content) as opened:
        directory = read_directory(opened, path)
        image, why = by_opencv(opened, directory, path, part)
    if image is None:
        return _by_tifffile(path, directory, part, axes, why)
    if not part and axes is None:
        return image
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
            image = image_of(file, directory, 0, number, path)
            array = pixels_of(image, index_of(image.described, {}, path), path)
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


def may_need_imagecodecs(path: str) -> bool:
    """Whether a file is a TIFF of LZW: a decoder in C sees sooner that its strips are whole."""
    try:
        return tiff_tags.is_tiff(path) and looked_at(path).compression == tiff_tags.LZW
    except ImageError:
        return False


def is_multiplied(path: str) -> bool:
    """Whether the colours of a TIFF were multiplied by their alpha before they were stored."""
    try:
        return tiff_tags.is_tiff(path) and _ASSOCIATED in looked_at(path).tags.get(
            tiff_tags.EXTRA_SAMPLES, ()
        )
    except ImageError:
        return False


@contextmanager
def _file(path: str) -> Iterator[Any]:
    try:
        # no buffer: a directory is some hundred bytes, often at the end of a large file
        with open(path, "rb", buffering=0) as file:
            small = os.fstat(file.fileno()).st_size <= SMALL
            yield io.BytesIO(file.read()) if small else file
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from None


def _by_tifffile(path: str, directory: Directory, part: Part, axes: str | None, why: str) -> Array:
    with _opened(path, f"reading a TIFF with {why}") as file:
        image = image_of(file, directory, part.get("level", 0), part.get("page"), path)
        left = left_of(image.described, part, path)
        problem = mismatch(left, axes) or (nameless(left) if axes is None else "")
        if problem:
            raise ImageError(f"{path}: {problem}")
        array = pixels_of(image, index_of(image.described, part, path), path)
    return fit_axes(array, left.axes, axes, path)


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
