"""What the directories of a TIFF say before any decoder is asked, and by that, who decodes it.

OpenCV reads many layouts of TIFF otherwise than they are meant, and says nothing: it is asked only for those
that are known to come out the same. Standard library only.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, Protocol

from pixmake.images.axes import ImageError

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF or BigTIFF begins."""

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
DESCRIPTION, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_COUNTS = 270, 273, 274, 277, 278, 279
PLANAR, PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 284, 317, 322, 323, 324, 325
SUBFILE, SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT, DEPTH = 254, 330, 338, 339, 32997

NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 7, 8, 32946, 32773
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6

_COMPRESSIONS = {
    2: "CCITT RLE",
    3: "CCITT Group 3",
    4: "CCITT Group 4",
    LZW: "LZW",
    6: "old JPEG",
    JPEG: "JPEG",
    DEFLATE: "Deflate",
    OLD_DEFLATE: "Deflate",
    PACKBITS: "PackBits",
    22610: "JPEG XR",
    33003: "JPEG 2000 (Aperio, YCbCr)",
    33004: "JPEG 2000",
    33005: "JPEG 2000 (Aperio, RGB)",
    34712: "JPEG 2000",
    34713: "Nikon NEF",
    34887: "LERC",
    34892: "lossy JPEG",
    34925: "LZMA",
    34926: "Zstandard",
    34927: "WebP",
    34933: "PNG",
    34934: "JPEG XR",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}

_HARMLESS = frozenset(
    # what a picture is called, who took it and when, how large it is on paper
    {WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, 263, 264, 265, 269, DESCRIPTION, 271, 272, SAMPLES, ROWS}
    | {STRIP_OFFSETS, STRIP_COUNTS, 280, 281, 282, 283, PLANAR, 285, 286, 287, 288, 289, 290, 291, 296, 297}
    | {301, 305, 306, 315, 316, PREDICTOR, 318, 319, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS}
    | {SAMPLE_FORMAT, 340, 341, 347, 529, 530, 531, 532, 700, 33432, SUBFILE, FILL_ORDER, ORIENTATION}
    # IPTC, Photoshop, ICC, EXIF, GPS, ImageJ's own, GeoTIFF, GDAL
    | {33723, 34377, 34665, 34675, 34853, 37724, 50838, 50839, 33550, 33922, 34264, 34735, 34736, 34737}
    | {42112, 42113}
)
"""Tags beside which pixels are what the other tags say. Makers of microscopes and cameras have tags of their
own, of which some change what is stored."""

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

_LONGEST = 1 << 20
"""Bytes of a description that are read: that of many planes is longer, and no more than one page is asked."""


_SEGMENTS = {STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS}
_MOST_VALUES = 1024

_READ = {
    *(SUBFILE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, ORIENTATION, SAMPLES, ROWS, PLANAR),
    *(PREDICTOR, TILE_WIDTH, TILE_LENGTH, SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT, DEPTH),
}
"""Tags whose values count; of others it counts that they are there."""


class Readable(Protocol):
    """A file that is open, with or without a buffer."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go elsewhere; where to."""
        ...


class Segment(NamedTuple):
    """A strip or tile."""

    offset: int
    stored: int
    """Its bytes in the file."""
    size: int
    """Its bytes when they are not compressed."""


class _Numbers:
    """How numbers are laid out in files of one byte order, and the sizes of BigTIFF."""

    def __init__(self, order: Literal["<", ">"], big: bool) -> None:
        self.order, self.big = order, big
        number, entry, place = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
        self.number, self.entry, self.place = (struct.Struct(order + each) for each in (number, entry, place))
        self.single = {
            kind: struct.Struct(order + letter)
            for kind, letter in _INTEGERS.items()
            if _SIZES[kind] <= self.place.size
        }
        """Of the integers that fit into an entry."""


_NUMBERS = {(order, big): _Numbers(order, big) for order in ("<", ">") for big in (False, True)}
"""Made once: a file has a dozen tags, and a folder many thousands of files."""


class _Layout:
    """How numbers are laid out in one file."""

    def __init__(self, file: Readable, path: str) -> None:
        self.file, self.path = file, path
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(16)
        order: Literal["<", ">"] = "<" if head[:1] == b"I" else ">"
        self.numbers = _NUMBERS[order, head[2:4] in (b"+\0", b"\0+")]
        start = head[8:16] if self.numbers.big else head[4:8]
        if len(start) < self.numbers.place.size:
            raise ImageError(f"{path}: the file is cut short: its header is not whole")
        (self.first,) = self.numbers.place.unpack(start)

    def entries(self, at: int, page: int) -> tuple[list[tuple[int, int, int, bytes]], int]:
        """The entries of a page's directory, and where the next one is."""
        count, size = self._count(at, page)
        body = self._read(at + self.numbers.number.size, count * size, page)
        return list(self.numbers.entry.iter_unpack(body)), self._following()

    def others(self, following: int) -> Iterator[int]:
        """Where the other pages' directories are."""
        seen = {self.first}
        while following and following not in seen:
            seen.add(following)
            yield following
            page = len(seen) - 1
            count, size = self._count(following, page)
            self.file.seek(count * size, os.SEEK_CUR)
            following = self._following()

    def value(self, place: bytes, size: int) -> bytes:
        """The bytes of a value, which lie in the entry itself if there is room."""
        if size <= len(place):
            return place[:size]
        (at,) = self.numbers.place.unpack(place)
        self.file.seek(at)
        return self.file.read(size)

    def integers(self, kind: int, count: int, place: bytes) -> tuple[int, ...]:
        """The values of a tag."""
        if count == 1 and kind in self.numbers.single:
            return self.numbers.single[kind].unpack_from(place)
        size = count * _SIZES[kind]
        if size > self.size:
            return ()
        found = self.value(place, size)
        form = f"{self.numbers.order}{count}{_INTEGERS[kind]}"
        return struct.unpack(form, found) if len(found) == size else ()

    def _count(self, at: int, page: int) -> tuple[int, int]:
        number, size = self.numbers.number, self.numbers.entry.size
        (count,) = number.unpack(self._read(at, number.size, page))
        if not count:
            what = f"page {page} should begin there, and there is none"
            raise ImageError(f"{self.path}: is damaged at byte {at}: {what}")
        if at + count * size > self.size:
            raise self._cut(at, page)
        return count, size

    def _read(self, at: int, size: int, page: int) -> bytes:
        self.file.seek(at)
        found = self.file.read(size) if at < self.size else b""
        if len(found) < size:
            raise self._cut(at, page)
        return found

    def _cut(self, at: int, page: int) -> ImageError:
        what = f"page {page} should begin at byte {at}, and the file has {self.size}"
        return ImageError(f"{self.path}: the file is cut short: {what}")

    def _following(self) -> int:
        place = self.numbers.place
        found = self.file.read(place.size)
        return int(place.unpack(found)[0]) if len(found) == place.size else 0


def seen_of(number: int, picture: tuple[int, int], segment: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a picture that its strip or tile of a number holds: the last ones may be longer.

    Numbers go on from plane to plane where the samples of a picture lie apart.
    """
    (height, width), (rows, columns) = picture, segment
    down, across = divmod(number, math.ceil(width / columns))
    down %= math.ceil(height / rows)
    return min(rows, height - down * rows), min(columns, width - across * columns)


class Directory(NamedTuple):
    """The first directory of a TIFF: what its tags say of the image, and how many pages there are."""

    tags: Mapping[int, tuple[int, ...]]
    """The values of tags that are integers; of others that they are there."""
    description: bytes
    pages: int
    places: Mapping[int, tuple[int, int, bytes]]
    """Of the tags that tell where the strips or tiles are: kind, count and place of the values."""
    layout: _Layout
    firsts: Mapping[int, int]
    """The first value of each tag that has some."""

    def one(self, tag: int, usual: int = 0) -> int:
        """The value of a tag, or the first of its values."""
        return self.firsts.get(tag, usual)

    @property
    def compression(self) -> int:
        """TIFF's number of the compression."""
        return self.one(COMPRESSION, NONE)

    @property
    def segment_shape(self) -> tuple[int, int]:
        """Rows and columns of a strip or tile."""
        if TILE_OFFSETS in self.tags:
            return self.one(TILE_LENGTH), self.one(TILE_WIDTH)
        return min(self.one(ROWS, 1 << 32), self.one(LENGTH)), self.one(WIDTH)

    def seen_of(self, number: int) -> tuple[int, int]:
        """Rows and columns of the picture that a strip or tile holds: the last ones may be longer."""
        return seen_of(number, (self.one(LENGTH), self.one(WIDTH)), self.segment_shape)

    @property
    def segment_sizes(self) -> list[int]:
        """How many bytes each strip or tile has when it is not compressed."""
        width, length = self.one(WIDTH), self.one(LENGTH)
        rows, columns = self.segment_shape
        if not rows or not columns:
            return []
        row = columns * self.one(SAMPLES, 1) * self.one(BITS, 1) // 8
        if TILE_OFFSETS in self.tags:
            return [rows * row] * (math.ceil(width / columns) * math.ceil(length / rows))
        return [min(rows, length - start) * row for start in range(0, length, rows)]


def is_tiff(path: str) -> bool:
    """Whether a file is a TIFF or BigTIFF, by its first bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(4) in MAGIC
    except (OSError, ValueError):
        return False


def read_directory(file: Readable, path: str) -> Directory:
    """The first directory of a TIFF, once all of its pages have been found.

    Parameters
    ----------
    file, path
        The opened file, and what it is called in messages.

    Raises
    ------
    ImageError
        A directory is not there, or not all of it.
    """
    layout = _Layout(file, path)
    entries, following = layout.entries(layout.first, 0)
    tags: dict[int, tuple[int, ...]] = {}
    places: dict[int, tuple[int, int, bytes]] = {}
    description, single = b"", layout.numbers.single
    for tag, kind, count, place in entries:
        if tag in _READ and kind in _INTEGERS and count <= _MOST_VALUES:
            if count == 1 and kind in single:
                tags[tag] = single[kind].unpack_from(place)
            else:
                tags[tag] = layout.integers(kind, count, place)
            continue
        tags[tag] = ()
        if tag in _SEGMENTS:
            places[tag] = kind, count, place
        elif tag == DESCRIPTION and kind in (1, 2, 7):
            description = layout.value(place, min(count, _LONGEST)).rstrip(b"\0")
    pages = 1 + sum(1 for _ in layout.others(following)) if following else 1
    firsts = {tag: values[0] for tag, values in tags.items() if values}
    return Directory(tags, description, pages, places, layout, firsts)


def read_segments(directory: Directory) -> list[Segment]:
    """Where the strips or tiles of the first page are; nothing if not all are told. The file is open."""
    layout = directory.layout
    tiled = TILE_OFFSETS in directory.places
    named = (TILE_OFFSETS, TILE_COUNTS) if tiled else (STRIP_OFFSETS, STRIP_COUNTS)
    offsets, counts = (layout.integers(*directory.places.get(tag, (1, 0, b""))) for tag in named)
    sizes = directory.segment_sizes
    if not len(offsets) == len(counts) == len(sizes):
        return []
    if tiled and not all(counts):  # where nothing is in the picture, tiles are left out
        return []
    if directory.compression == NONE and any(
        count < size or offset + size <= layout.size < offset + count
        for offset, count, size in zip(offsets, counts, sizes, strict=True)
    ):
        return []  # what is said to be stored is not what the pixels take
    return [Segment(*each) for each in zip(offsets, counts, sizes, strict=True)]


def orientation_of(content: bytes) -> int:
    """The orientation in the header of an EXIF segment or chunk, which is laid out as a TIFF; else 1."""
    try:
        tags = read_directory(io.BytesIO(content), "").tags
    except (ImageError, OverflowError, struct.error):
        return 1
    said = tags.get(ORIENTATION) or (1,)
    return said[0] if 1 <= said[0] <= 8 else 1


def compression_name(number: int) -> str:
    """What a compression is called."""
    return _COMPRESSIONS.get(number, f"no. {number}")


def speaks_of_more(directory: Directory) -> bool:
    """Whether the description, by ImageJ, tifffile or OME, speaks of more planes than the pages are.

    They lie behind one directory, or in other files.
    """
    description, samples = directory.description, directory.one(SAMPLES, 1)
    if description.startswith(b"ImageJ="):
        said = dict(re.findall(rb"^(images|channels|slices|frames)=(\d+)", description, re.MULTILINE))
        axes = (int(said.get(axis, 1)) for axis in (b"channels", b"slices", b"frames"))
        return max(int(said.get(b"images", 1)), math.prod(axes)) > directory.pages * samples
    if description.startswith(b'{"shape":'):
        try:
            pixels = int(math.prod(json.loads(description)["shape"]))
        except (ValueError, TypeError, KeyError):
            return True
        return pixels > directory.pages * directory.one(WIDTH) * directory.one(LENGTH) * samples
    if description[-10:].rstrip().endswith(b"OME>"):
        sizes = re.findall(rb"\bSize[CZT]\s*=\s*[\"'](\d+)", description)
        return len(sizes) != 3 or math.prod(map(int, sizes)) > directory.pages * samples
    return len(description) == _LONGEST


def has_signed_values(directory: Directory) -> bool:
    """Whether the values are ImageJ's signed ones: 16 bits with 32768 added, which it notes by a line."""
    description = directory.description
    if not description.startswith(b"ImageJ=") or directory.tags.get(BITS, ()) != (16,):
        return False
    said = dict(re.findall(rb"^(c[01])=(-?[0-9.]+)\s*$", description, re.MULTILINE))
    try:
        return (float(said[b"c0"]), float(said[b"c1"])) == (-32768, 1)
    except (KeyError, ValueError):
        return False


def why_not_opencv(directory: Directory) -> str:
    """Why OpenCV is not to decode a TIFF, in words that go on from `has` or `is`; empty if it is to.

    What is meant is the image as a whole.
    """
    # a folder has many thousands of files of one kind: what was said of one is said of all with its tags
    alike = (*directory.tags.items(), directory.description, directory.pages)
    if alike not in _SAID:
        if len(_SAID) >= _MOST_SAID or len(directory.description) > _LONGEST_SAID:
            _SAID.clear()
        _SAID[alike] = next(itertools.chain(wrong_in_opencv(directory), _unlike(directory)), "")
    return _SAID[alike]


_SAID: dict[tuple[object, ...], str] = {}
_MOST_SAID, _LONGEST_SAID = 64, 10_000
"""What is kept of it: so many kinds of files, with descriptions of so many bytes at the most."""


def wrong_in_opencv(directory: Directory) -> Iterator[str]:
    """Why OpenCV decodes a TIFF otherwise than it is meant, or one page of it alone, and does not say so."""
    one = directory.firsts.get
    if directory.pages > 1:
        yield f"{directory.pages} pages"
    if one(DEPTH, 1) > 1 or speaks_of_more(directory):
        yield "planes beyond its first page"
    if {33628, 33629} & directory.tags.keys():
        yield "the planes of a MetaMorph stack"
    if has_signed_values(directory):
        yield "signed numbers of ImageJ's"
    if one(SUBFILE) and SUB_IFDS in directory.tags:
        yield "a preview first, and the image in a SubIFD"
    yield from _wrong_pixels(directory)


def _wrong_pixels(directory: Directory) -> Iterator[str]:
    one = directory.firsts.get
    samples, bits, photometric = one(SAMPLES, 1), one(BITS, 1), one(PHOTOMETRIC, -1)
    if directory.compression not in (NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS):
        yield f"the compression {compression_name(directory.compression)}"
    if one(PLANAR, 1) != 1 and samples > 1 and bits != 8:
        yield "separate planes"
    if photometric == WHITE_IS_ZERO:
        yield "0 for white"
    elif photometric == PALETTE:
        yield "a colour table"
    elif photometric not in (BLACK_IS_ZERO, RGB, YCBCR):
        yield f"the photometric interpretation {photometric}"
    elif samples != (1 if photometric == BLACK_IS_ZERO else 3) or directory.tags.get(EXTRA_SAMPLES):
        yield f"{samples} samples a pixel"
    if bits not in (1, 8, 16, 32, 64):
        yield f"{bits} bits a sample"
    if one(ORIENTATION, 1) != 1:
        yield f"the orientation {one(ORIENTATION)}"
    if one(FILL_ORDER, 1) != 1:
        yield "its bits in the other order"


def _unlike(directory: Directory) -> Iterator[str]:
    """What has not been seen to be the same in OpenCV as in tifffile."""
    one, tags = directory.firsts.get, directory.tags
    photometric, compression = one(PHOTOMETRIC, -1), directory.compression
    bits, formats = set(tags.get(BITS, ())), set(tags.get(SAMPLE_FORMAT, (1,)))
    if one(PLANAR, 1) != 1 and one(SAMPLES, 1) > 1:
        yield "separate planes"
    if (bits, formats) not in (({8}, {1}), ({16}, {1}), ({32}, {3})):
        yield "samples that are neither unsigned ones of 8 or 16 bits nor floats of 32"
    # libtiff knows no predictor beside the compressions that the format gives one
    differences = formats != {3} and compression in (LZW, DEFLATE, OLD_DEFLATE)
    if one(PREDICTOR, 1) not in ((1, 2) if differences else (1,)):
        yield f"the predictor {one(PREDICTOR)}"
    if (compression == JPEG and photometric == RGB) or (compression != JPEG and photometric == YCBCR):
        yield "colours that are stored in a way of their own"
    if compression == JPEG and bits != {8}:
        yield "a JPEG of more than 8 bits"
    if one(SUBFILE):
        yield "a reduced image or a mask"
    unknown = sorted(tags.keys() - _HARMLESS)
    if unknown:
        yield f"the tag {unknown[0]}"
