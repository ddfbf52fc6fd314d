"""Reads and writes the arrays that analyses work on, by what a path is.

OME-Zarr is `pixmake.images.ngff`'s, TIFF `pixmake.images.tiff`'s, what microscopes and cameras write
`pixmake.images.formats`'. What OpenCV reads becomes (in its own order of channels):

- colour: H × W × 3 BGR; with an alpha channel H × W × 4 BGRA; greyscale: H × W
- 8 bits: uint8; 16 bits: uint16
- a file with an EXIF orientation is turned upright
- a file of several frames, and one that ends too early, is an error, never a part of a picture
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pixmake.base.files import is_folder
from pixmake.images import formats
from pixmake.images import tiff as tiffs
from pixmake.images.axes import (
    WHOLE,
    Described,
    Format,
    ImageError,
    Part,
    fit_axes,
    index_of,
    is_zarr,
    left_of,
    native,
)
from pixmake.images.encoded import examined, may_move
from pixmake.images.fingerprint import decoding
from pixmake.images.formats.shape import FileFormat
from pixmake.images.onlooker import show
from pixmake.images.orientation import upright
from pixmake.images.pyramid import Source, write_zarr
from pixmake.images.remote.uris import is_grey_plane, is_plane, is_remote
from pixmake.images.stamp import KEY, put_stamp
from pixmake.images.tiff_support import is_installed
from pixmake.images.tiff_tags import MAGIC, is_tiff

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

IMAGES = {"png", "tif", "tiff", "jpg", "jpeg", "bmp", "webp", "jp2", "pgm", "ppm"}
"""Suffixes of files that are written and read as images."""

TABLES = {"csv", "tsv", "parquet"}
"""Suffixes of files that are tables: the aggregation gathers those of all images."""

_SIXTEEN_BITS = {"png", "tif", "tiff", "jp2", "pgm", "ppm"}
_FLOATS = {"tif", "tiff"}


def read_image(path: str | Path, part: Part | None = None, axes: str | None = None) -> Array:
    """Decode an image, or a part of it; of a large one no more than that part is read.

    Parameters
    ----------
    path
        A file of a format that OpenCV reads, a TIFF or OME-TIFF, or an OME-Zarr; or the URI of one, or
        of a plane that an OMERO server renders.
    part
        Which part: indices ``t``, ``c``, ``z``, a ``level``, a region ``y``, ``x``, ``height``, ``width``,
        a ``page``; see `pixmake.images.axes`. Default: all of it.
    axes
        The axes that the array is to have, such as ``yx`` or ``zyx``. Default: those that it has.

    Returns
    -------
    ndarray
        In the axes that were asked for. By default of what OpenCV reads H × W, H × W × 3 (BGR) or
        H × W × 4 (BGRA), uint8, uint16 or float32; of all else the image's own axes without those of size 1.

    Raises
    ------
    ImageError
        The file is missing, empty, cut short or no image, has no such part or not those axes.
    """
    return read_known(path, part, axes)[0]


def read_known(
    path: str | Path, part: Part | None = None, axes: str | None = None
) -> tuple[Array, FileFormat | None]:
    """The array that `read_image` gives, and the format of the file if it is one of `formats.known`."""
    name, part = str(path), part or WHOLE
    array, found = _read(name, part, axes)
    show(name, part, axes, array)
    return array, found


def _read(name: str, part: Part, axes: str | None) -> tuple[Array, FileFormat | None]:
    if is_zarr(name):
        _refuse_page(part, name)
        return _zarr().read(name, part, axes), None
    if is_remote(name) and not is_plane(name):
        with _local(name) as copy:
            return _read(copy, part, axes)
    head, is_all = (b"", False) if is_plane(name) else formats.start_of(formats.place_of(name).file)
    found = formats.recognised(name, head) if head else None
    if found is not None:
        return formats.read(name, part, axes), found
    _refuse_scene(part, name)
    if head[:4] in MAGIC:
        if is_all:
            decoding(name, head)
        return tiffs.read(name, part, axes, head if is_all else None), None
    image = _decoded(name, part, head if is_all else None)
    if not part and axes is None:
        return image, None
    described = _described(image)
    array = fit_axes(image[index_of(described, part, name)], left_of(described, part).axes, axes, name)
    return array, None


def describe_part(path: str | Path, part: Part, axes: str | None = None) -> Described:
    """What the image is of which a part is meant, at its level: see `describe`.

    Parameters
    ----------
    path, part
        As in `read_image`; of the part its level, its page, and which image of a file it is count.
    axes
        The axes that are asked for: of a camera's raw file ``yx`` means its sensor's mosaic.
    """
    name = str(path)
    if is_remote(name) and not is_zarr(name) and not is_plane(name):
        with _local(name) as copy:
            return describe_part(copy, part, axes)
    if not is_zarr(name) and not is_plane(name) and formats.recognised(name):
        return formats.describe(name, part, axes)
    _refuse_scene(part, name)
    return describe(name, part.get("level", 0), part.get("page"))


def describe(path: str | Path, level: int = 0, page: int | None = None) -> Described:
    """What an image is: its axes, shape, type, pixel sizes and channels, at a level, or of a TIFF's page.

    Of TIFF, OME-Zarr and the formats of microscopes no pixel is read for it.

    Raises
    ------
    ImageError
        The file is missing or is no image, or has no such level or page.
    MissingExtraError
        The library that reads such files is not installed.
    """
    name = str(path)
    if is_remote(name) and not is_zarr(name) and not is_plane(name):
        with _local(name) as copy:
            return describe(copy, level, page)
    if not is_zarr(name) and not is_plane(name) and formats.recognised(name):
        return formats.describe(name, {"level": level} | ({} if page is None else {"page": page}))
    if is_tiff(name):
        return tiffs.describe(name, level, page)
    part = {} if page is None else {"page": page}
    if is_zarr(name):
        _refuse_page(part, name)
        return _zarr().describe(name, level)
    return _described(_decoded(name, part))


def says_what_it_is(path: str) -> bool:
    """Whether `describe` needs no pixel of an image here, and the library that reads it is there."""
    if is_zarr(path):
        return True
    found = formats.recognised(path)
    return formats.is_installed(found) if found else is_tiff(path) and is_installed()


def is_animation(path: str) -> bool:
    """Whether a file is a PNG, WebP or GIF of several frames."""
    with open(path, "rb") as file:
        if not may_move(file.read(12)):  # a video may be large
            return False
        file.seek(0)
        return examined(file.read()).frames > 1


def _zarr() -> Format:
    return cast(Format, import_module("pixmake.images.ngff"))


@contextmanager
def _local(uri: str) -> Iterator[str]:
    """The local copy of an image; what is wrong with it is told of the image."""
    from pixmake.images.remote.objects import opened

    with opened(uri) as copy:
        try:
            yield copy
        except ImageError as error:
            raise ImageError(str(error).replace(copy, uri)) from None


def _refuse_page(part: Part, path: str) -> None:
    if "page" in part:
        raise ImageError(f"{path}: has no pages, since it is no TIFF")


def _refuse_scene(part: Part, path: str) -> None:
    if part.keys() & {"scene", "inside"}:
        raise ImageError(f"{path}: has no scenes: it is one image")


def _described(image: Array) -> Described:
    return Described("yx" if image.ndim == 2 else "yxc", image.shape, str(image.dtype))


def _decoded(path: str, part: Part = WHOLE, content: bytes | None = None) -> Array:
    """A file as OpenCV decodes it; of an animation the frame that a part names as its page.

    Its content is read if it is not given.
    """
    import cv2
    import numpy as np

    try:
        content = content or _content(path)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from None
    if not content:
        raise ImageError(f"{path}: the file is empty (0 bytes)")
    decoding(path, content)
    encoded = examined(content)
    if not encoded.is_whole:
        raise ImageError(f"{path}: the file is cut short: its last part is missing")
    if encoded.refused:
        raise ImageError(f"{path}: {encoded.refused}")
    buffer = np.frombuffer(content, np.uint8)
    if encoded.frames > 1:
        return upright(_frame(buffer, encoded.frames, part, path), encoded.orientation)
    _refuse_page(part, path)
    # UNCHANGED keeps alpha and depth but leaves a JPEG unturned; a JPEG has neither alpha nor 16 bits
    jpeg = content.startswith(b"\xff\xd8")
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR if jpeg else cv2.IMREAD_UNCHANGED
    if is_grey_plane(path):
        flags = cv2.IMREAD_GRAYSCALE
    elif encoded.is_colour:
        flags = cv2.IMREAD_COLOR
    try:
        image = cv2.imdecode(buffer, flags)
    except cv2.error as error:
        raise ImageError(f"{path}: OpenCV cannot decode it: {error.err or error}") from None
    if image is None:
        raise ImageError(formats.unknown(path, content))
    return upright(image, encoded.orientation)


def _content(path: str) -> bytes:
    """All bytes of a file, or of a plane as its server renders it."""
    if not is_plane(path):
        return Path(path).read_bytes()
    from pixmake.images.remote.omero import fetch_plane

    return fetch_plane(path)


def _frame(buffer: Array, count: int, part: Part, path: str) -> Array:
    """The frame of an animation that is asked for."""
    import cv2

    number = part.get("page")
    if number is None:
        raise ImageError(
            f"{path}: has {count} frames; one image a file is read: find them with `checkpoint: frames`, "
            "or name one of them in a column `page` (images.read_by)"
        )
    if not 0 <= number < count:
        raise ImageError(f"{path}: has no page {number}, but {count} frames (0 to {count - 1})")
    # each frame may be what has changed since the one before it; OpenCV 5.0.0 gets a range of them wrong
    decoded, frames = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED)
    if not decoded or len(frames) != count:
        raise ImageError(f"{path}: not all of its {count} frames can be decoded by OpenCV")
    return frames[number]


def write_image(image: Array, path: str | Path) -> None:
    """Write an array as an image, without loss, or as JPEG or WebP by OpenCV's defaults.

    Booleans become 0 and 255. Integers other than uint8 become uint16 where they fit.

    Raises
    ------
    ImageError
        The format cannot hold such an array.
    """
    import cv2

    suffix = Path(path).suffix.lstrip(".").lower()
    array = _writable(image, suffix, Path(path).name)
    try:
        written, content = cv2.imencode(f".{suffix}", array)
    except cv2.error as error:
        shape = " × ".join(map(str, array.shape))
        raise ImageError(f"an array of {shape} {array.dtype} is no {suffix}: {error.err}") from None
    if not written:
        raise ImageError(f"OpenCV could not write a {suffix} of {array.shape} {array.dtype}")
    Path(path).write_bytes(content.tobytes())


def read_file(path: str | Path) -> Any:
    """A file of a needed step as an analysis gets it: images and ``.npy`` as arrays, others as a path."""
    suffix = os.path.splitext(path)[1].lstrip(".").lower()
    if suffix in IMAGES or is_folder(path):
        return read_image(path)
    if suffix == "npy":
        import numpy as np

        return native(np.load(path))
    return str(path)


def write_file(value: Any, path: Path, name: str = "", source: Source | None = None, stamp: str = "") -> None:
    """Write what an analysis returned for a declared file: an array, a table, text or bytes.

    Parameters
    ----------
    value, path
        What to write, and where to; the suffix says how.
    name, source
        What the file is called, and what it was made of: an OME-Zarr says so.
    stamp
        What else it says of where it comes from, if it can; see `pixmake.images.stamp`.

    Raises
    ------
    TypeError
        The value cannot be written under this suffix.
    """
    suffix = path.suffix.lstrip(".").lower()
    if isinstance(value, bytes):
        path.write_bytes(value)
    elif isinstance(value, str):
        path.write_text(value, encoding="utf-8")
    elif hasattr(value, "dtype") and suffix == "npy":
        import numpy as np

        np.save(path, value)
    elif hasattr(value, "dtype") and is_folder(path):
        write_zarr(value, path, source, name=name or "image")
        if stamp:
            put_stamp(path, stamp)
    elif hasattr(value, "dtype") and suffix in IMAGES:
        write_image(value, path)
        if stamp:
            put_stamp(path, stamp)
    elif hasattr(value, "to_csv") and suffix in TABLES:
        write_table(value, path, stamp)
    else:
        kind = type(value).__name__
        raise TypeError(f"a value of type {kind} cannot be written to a file *.{suffix}")


def write_table(frame: Any, path: Path, stamp: str = "") -> None:
    """Write a pandas DataFrame, or a Series, as CSV, TSV or Parquet.

    An index that says something becomes columns; row numbers are left out.
    """
    if hasattr(frame, "to_frame"):
        frame = frame.to_frame()
    if any(name is not None for name in frame.index.names) or type(frame.index).__name__ != "RangeIndex":
        frame = frame.reset_index()
    if path.suffix.lower() == ".parquet":
        _write_parquet(frame, path, stamp)
    else:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        frame.to_csv(path, index=False, sep=separator, lineterminator="\n")


def _write_parquet(frame: Any, path: Path, stamp: str) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        stamp = ""
    if not stamp:
        frame.to_parquet(path, index=False)  # pandas may know another library, or says which are missing
        return
    table = pa.Table.from_pandas(frame, preserve_index=False)
    told = {**(table.schema.metadata or {}), KEY: stamp}
    pq.write_table(table.replace_schema_metadata(told), path)


def _writable(image: Array, suffix: str, name: str) -> Array:
    import numpy as np

    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise ImageError(f"{name}: an image is H × W or H × W × 3, not {image.shape}")
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if image.dtype == np.uint8 or (image.dtype == np.uint16 and suffix in _SIXTEEN_BITS):
        return image
    if np.issubdtype(image.dtype, np.integer):
        fits = image.size == 0 or (image.min() >= 0 and image.max() <= np.iinfo(np.uint16).max)
        if fits and suffix in _SIXTEEN_BITS:
            return image.astype(np.uint16)
    if np.issubdtype(image.dtype, np.floating) and suffix in _FLOATS:
        return image.astype(np.float32)
    hint = "declare it as tif or npy, or convert it with .astype(numpy.uint8)"
    raise ImageError(f"{name}: a {suffix} cannot hold {image.dtype} values of this range; {hint}")
