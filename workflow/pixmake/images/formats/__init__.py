"""Formats of microscopes and cameras: one module a format, all of one shape, `shape.FileFormat`.

Which format a file has is told by its first bytes. What all of them share is here: which image of a file is
meant, the part of it, the axes, and errors that say what the file is and what reads it.

Standard library only at import: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pixmake.base import plugins
from pixmake.base.errors import MissingExtraError, MissingPackageError, PixmakeError
from pixmake.images.axes import Described, ImageError, Part, fit_axes, index_of, left_of, mismatch
from pixmake.images.formats import signs
from pixmake.images.formats.shape import HEAD, NEEDED, FileFormat, Scene
from pixmake.images.tiff_tags import MAGIC

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_MODULES = (
    *("czi", "nd2", "lif", "camera_raw", "heic", "avif", "jpeg_xl", "dicom", "mrc", "hdf5", "fits"),
    *("slides", "envi", "bioio"),
)
"""Those that come with pixmake, in the order in which a file is shown to them."""

_IN_TIFF = "camera raw"
"""The one of them whose files may be called and begin as TIFFs."""

RAW = ("nef", "cr2", "cr3", "arw", "dng", "orf", "raf", "rw2", "pef")
"""The suffixes of raw files of cameras."""

_LAST = "a format of bioio"
"""The one that takes whatever is left."""

_SEARCHED = (
    *RAW,
    *("avif", "bil", "bip", "bsq", "czi", "dcm", "dicom", "fit", "fits", "fts", "heic", "heif", "jxl", "lif"),
    *("mrc", "mrcs", "mrxs", "nd2", "rec", "vms", "vmu"),
)
"""Their suffixes that a folder is searched for: a config is read without importing all of them."""


@lru_cache
def own() -> Mapping[str, FileFormat]:
    """Those that come with pixmake, by what each is called; see `known`."""
    found: list[Any] = [importlib.import_module(f"{__name__}.{module}") for module in _MODULES]
    return {each.NAME: each for each in found}


SLIDES = ("svs", "ndpi")
"""Suffixes of slides that are TIFFs: `pixmake.images.tiff` reads them."""

_PLAIN = {"bmp", "jp2", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp", *SLIDES}

_READING = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

SMALL = 1 << 16
"""Bytes of a file that is read as a whole before it is known what it is."""

_STILL = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
"""How a PNG and a JPEG begin."""

_INSIDE = re.compile(r"^(.+?\.(?:h5|hdf5|hdf|he5))/(.+)$", re.IGNORECASE)


@lru_cache
def known() -> Mapping[str, FileFormat]:
    """All formats by what each is called, in the order in which a file is shown to them.

    What installed packages add (``pixmake.formats``) comes behind pixmake's own, but for the one that takes
    whatever is left.
    """
    found = dict(own())
    last = found.pop(_LAST)
    return {**found, **_added(), _LAST: last}


@lru_cache
def _added() -> Mapping[str, FileFormat]:
    """Those that installed packages add, by what each is called."""
    found: dict[str, FileFormat] = {}
    for name, each in plugins.usable("formats", (), NEEDED).items():
        if each.NAME in own() or each.NAME in found:
            plugins.refuse(plugins.installed("formats")[name], f"there is a format {each.NAME!r} already")
        else:
            found[each.NAME] = each
    return found


plugins.when_forgotten(known.cache_clear)
plugins.when_forgotten(_added.cache_clear)


def searched() -> tuple[str, ...]:
    """The suffixes that a folder is searched for: those of files that are images and nothing else."""
    added = {suffix for each in _added().values() if each.SEARCHED for suffix in each.SUFFIXES}
    return (*sorted({*_SEARCHED, *added}), *SLIDES)


class Place(NamedTuple):
    """An image as a path names it."""

    file: str
    inside: str = ""
    """The path inside the file, if the path goes on there."""


def place_of(path: str) -> Place:
    """The file of a path, and the path inside it.

    Examples
    --------
    >>> place_of("plates/a.h5/volumes/raw"), place_of("a.czi")
    (Place(file='plates/a.h5', inside='volumes/raw'), Place(file='a.czi', inside=''))
    """
    found = _INSIDE.match(path) if may_go_on(path) else None
    return Place(found[1], found[2]) if found else Place(path)


def may_go_on(path: str) -> bool:
    """Whether a path, or one of several in one text, may go on inside of a file: most do not."""
    return ".h" in path or ".H" in path


def recognised(path: str, head: bytes | None = None) -> FileFormat | None:
    """The format of a file here, by its first bytes; nothing if it is none of `known`."""
    file = place_of(path).file
    head = start_of(file)[0] if head is None else head
    if head.startswith(_STILL):
        asked: Iterable[FileFormat] = _added().values()  # no format of ours begins so
    elif head[:4] in MAGIC and file.lower().endswith((".tif", ".tiff")):
        asked = _in_tiffs()
    else:
        asked = known().values()
    return next((each for each in asked if head and _recognises(each, head, file)), None)


@lru_cache
def _in_tiffs() -> Sequence[FileFormat]:
    """What may begin as a TIFF does and be called one: most files are none, so the others are not asked."""
    return [own()[_IN_TIFF], *_added().values()]


plugins.when_forgotten(_in_tiffs.cache_clear)


def _recognises(each: FileFormat, head: bytes, file: str) -> bool:
    """Whether a format says that a file is of it; where one that a package adds fails at that, it is not."""
    try:
        return each.recognises(head, file)
    except Exception:
        if own().get(each.NAME) is each:
            raise
        return False


def may_hold_several(path: str) -> bool:
    """Whether a file may hold several images: by its suffix, or if nobody knows that, by its first bytes."""
    suffix = place_of(path).file.rpartition(".")[2].lower()
    asked = _added() if suffix in _PLAIN else known()
    told = [each.SEVERAL for each in asked.values() if suffix in each.SUFFIXES]
    if told or suffix in _PLAIN:
        return any(told)
    found = recognised(path)
    return found is not None and found.SEVERAL


def first_bytes(path: str, count: int = HEAD) -> bytes:
    """The first bytes of a file; none of what is no file or cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # a buffer would read some kilobytes more
            return file.read(count)
    except (OSError, ValueError):
        return b""


def start_of(path: str) -> tuple[bytes, bool]:
    """The first bytes of a file, and whether they are all of it: a small one is opened and read but once."""
    try:
        # a file object costs as much again as all of this, and a folder has many thousands of files
        handle = os.open(path, _READING)
        try:
            size = os.fstat(handle).st_size
            head = os.read(handle, size if size <= SMALL else HEAD)
        finally:
            os.close(handle)
    except (OSError, ValueError):
        return b"", False
    return head, len(head) == size


def is_installed(found: FileFormat) -> bool:
    """Whether the library that reads a format is there."""
    return not _lacking(found)


def require(found: FileFormat, path: str) -> None:
    """See that the library of a format is there.

    Raises
    ------
    MissingExtraError, MissingPackageError
        It is not; the message says what the file is, what reads it, and in which Python that is missing.
    """
    lacking = _lacking(found)
    if lacking:
        what = f"{path}: is {found.NAME}; reading it"
        if not found.EXTRA:
            raise MissingPackageError(what, lacking[0])
        raise MissingExtraError(what, lacking[0], found.EXTRA, f"or {WITHOUT}")


WITHOUT = "let the function ask for `path` in place of `image`"
"""What can be done about a file that pixmake does not read."""


def scenes(path: str, found: FileFormat | None = None) -> Sequence[Scene]:
    """The images of a file, by its headers; of a path inside a file, the one that is there.

    Raises
    ------
    ImageError
        The file cannot be read.
    MissingExtraError
        The library that reads such files is not installed.
    """
    place = place_of(path)
    found = found or _known(path)
    require(found, path)
    with _in_words(found, path):
        listed = found.scenes(place.file)
    if not listed:
        raise ImageError(f"{path}: holds no image: the file is of the format {found.NAME}")
    return listed


def describe(path: str, part: Part, axes: str | None = None) -> Described:
    """What an image of a file is; see `pixmake.images.read.describe_part`."""
    _refuse_page(part, path)
    listed = scenes(path)
    return _at(listed, _chosen(listed, path, part, axes), part.get("level", 0), path)


def read(path: str, part: Part, axes: str | None) -> Array:
    """A part of an image of a file in the axes that are asked for; see `pixmake.images.read.read_image`.

    Raises
    ------
    ImageError
        The file cannot be read, has no such part or not those axes, or holds several images of which none
        is named.
    MissingExtraError
        The library that reads such files is not installed.
    """
    _refuse_page(part, path)
    found = _known(path)
    listed = scenes(path, found)
    number, level = _chosen(listed, path, part, axes), part.get("level", 0)
    described = _at(listed, number, level, path)
    problem = mismatch(left_of(described, part, path), axes)
    if problem:
        raise ImageError(f"{path}: {problem}")
    # an axis stays, with one pixel, until `fit_axes` has seen it: it may be asked for
    region = tuple(
        slice(at, at + 1) if isinstance(at, int) else slice(*at.indices(size)[:2])
        for at, size in zip(index_of(described, part, path), described.shape, strict=True)
    )
    with _in_words(found, path):
        array = found.pixels(place_of(path).file, number, level, region)
    return fit_axes(array, described.axes, axes, path)


def _known(path: str) -> FileFormat:
    found = recognised(path)
    if found is None:
        raise ImageError(unknown(path, first_bytes(path)))
    return found


def unknown(path: str, head: bytes) -> str:
    """What is said of a file that nothing here reads, by its first bytes."""
    name = signs.name_of(head)
    if name in signs.IMAGES:
        return f"{path}: begins as {name} does, but cannot be decoded"
    told = f"is {name}" if name else f"begins with the bytes {head[:8].hex(' ')}"
    return f"{path}: is of no image format that pixmake knows: it {told} ({WITHOUT})"


def _lacking(found: FileFormat) -> list[str]:
    """The packages that are not installed, as pip calls them."""
    names = (each.partition("=") for each in found.PACKAGES)
    roots = ((module.partition(".")[0], package or module) for module, _, package in names)
    return [package for root, package in roots if importlib.util.find_spec(root) is None]


def prepare(path: str) -> None:
    """Import what reads a file, in a process whose forks will read such files; nothing is opened."""
    found = recognised(path)
    for each in found.PACKAGES if found else ():
        with suppress(ImportError):  # each image tells which extra is missing
            importlib.import_module(each.partition("=")[0])


def _at(listed: Sequence[Scene], number: int, level: int, path: str) -> Described:
    levels = listed[number].levels
    if not 0 <= level < len(levels):
        raise ImageError(f"{path}: has no level {level}, but {len(levels)} (0 is the full resolution)")
    return listed[number].at(level)


def _refuse_page(part: Part, path: str) -> None:
    if "page" in part:
        raise ImageError(f"{path}: has no pages, since it is no TIFF: name t, c, z or scene")


def _chosen(listed: Sequence[Scene], path: str, part: Part, axes: str | None) -> int:
    """Which image of a file is meant.

    1. The one that its path, or ``inside``, goes on to, or that ``scene`` names.
    2. The only one that the file is about; if that cannot be had in the axes that are asked for, the only
       other one that can.
    """
    inside, scene = str(part.get("inside") or place_of(path).inside).strip("/"), part.get("scene")
    if inside:
        for number, each in enumerate(listed):
            if each.inside == inside:
                return number
        raise ImageError(f"{path}: there is no image inside it at {inside}, but {_names(listed)}")
    if scene is not None:
        if not 0 <= scene < len(listed):
            raise ImageError(f"{path}: has no scene {scene}, but {len(listed)} (0 to {len(listed) - 1})")
        return int(scene)
    main = [number for number, each in enumerate(listed) if each.is_main]
    if len(main) > 1:
        how = f"name one as {path}/{listed[0].inside}" if listed[0].inside else "name one by a column scene"
        raise ImageError(f"{path}: holds {len(main)} images ({_names(listed)}): {how}")
    others = [n for n in range(len(listed)) if n not in main and not mismatch(listed[n].at(), axes)]
    if axes is not None and mismatch(listed[main[0]].at(), axes) and len(others) == 1:
        return others[0]
    return main[0]


def _names(listed: Sequence[Scene], most: int = 8) -> str:
    names = [each.inside or each.name or str(number) for number, each in enumerate(listed)]
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


@contextmanager
def _in_words(found: FileFormat, path: str) -> Iterator[None]:
    """Whatever a library raises as an `ImageError` that names the file and its format."""
    try:
        yield
    except (ImageError, PixmakeError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageError(f"{path}: cannot be read: there is no such file") from None
    except Exception as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ImageError(f"{path}: cannot be read as {found.NAME} ({what})") from None
