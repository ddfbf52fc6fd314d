"""Zeiss CZI: each scene an image, put together of its blocks; of them those are read that a region touches.

czifile lists the blocks. Which of them make an image is decided here: a scene is told by the blocks' own
index, since not every file names its scenes, and lies where its blocks do, as positions are absolute. Colours
are blue, green, red in the file, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import UNNAMED, Described, ImageError
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    from xml.etree import ElementTree

    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "Zeiss CZI"
SUFFIXES = ("czi",)
SEARCHED = True
EXTRA = "czi"
PACKAGES = ("czifile", "imagecodecs")
SEVERAL = True

_PLANES = "TCZ"
_LETTERS = UNNAMED + "jklmnopq"
_JPEG, _LZW, _JPEG_XR, _ZSTD, _ZSTD_WITH_HEADER = 1, 2, 4, 5, 6


@dataclass(frozen=True)
class _Block:
    """A rectangle of pixels, as the file's directory lists it."""

    start: Mapping[str, int]
    """By the letters of CZI: where it lies along each axis."""
    height: int
    width: int
    samples: int
    dtype: Any
    compression: int
    order: int
    """Of two that overlap, the one of the larger number is seen."""
    entry: Any
    """Of czifile."""


def recognises(head: bytes, path: str) -> bool:
    """By its first bytes."""
    return head.startswith(b"ZISRAWFILE")


def scenes(path: str) -> Sequence[Scene]:
    """Each scene of the file, in the order of the scenes' numbers."""
    with _opened(path) as file:
        by_scene = _by_scene(_blocks(file, path))
        document = _document(file)
    names = _scene_names(document)
    found = []
    for number, blocks in by_scene.items():
        described = _described(blocks, _pixel_sizes(document), _channel_names(document))
        found.append(Scene((described,), names.get(number, "")))
    return found


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The blocks that the region touches, side by side; 0 where there is none."""
    import numpy as np

    with _opened(path) as file:
        blocks = list(_by_scene(_blocks(file, path)).values())[scene]
        described = _described(blocks, {}, ())
        letters = _letters(blocks)
        origin = {
            letter: min(block.start.get(letter, 0) for block in blocks) for letter in (*letters, "Y", "X")
        }
        samples = blocks[0].samples
        out = np.zeros([each.stop - each.start for each in region], described.dtype)
        grown = out if samples > 1 else out[..., None]
        outer = dict(zip((*letters, "Y", "X"), region, strict=False))
        for block in sorted(blocks, key=lambda block: block.order):
            at = {letter: block.start.get(letter, 0) - origin[letter] for letter in origin}
            if any(not outer[letter].start <= at[letter] < outer[letter].stop for letter in letters):
                continue
            rows = _overlap(at["Y"], block.height, outer["Y"])
            columns = _overlap(at["X"], block.width, outer["X"])
            if not rows or not columns:
                continue
            own = _decoded(file, path, block, range(rows.start - at["Y"], rows.stop - at["Y"]))
            own = own[:, columns.start - at["X"] : columns.stop - at["X"]]
            where = tuple(at[letter] - outer[letter].start for letter in letters)
            down = slice(rows.start - outer["Y"].start, rows.stop - outer["Y"].start)
            along = slice(columns.start - outer["X"].start, columns.stop - outer["X"].start)
            grown[(*where, down, along)] = own[..., region[-1]] if samples > 1 else own
    return out


def _opened(path: str) -> Any:
    from czifile import CziFile

    return CziFile(path)


def _blocks(file: Any, path: str) -> Iterator[_Block]:
    """The blocks of the full resolution."""
    import numpy as np

    for entry in file.subblock_directory:
        if entry.pyramid_type:
            continue
        if entry.file_part:
            raise ImageError(f"{path}: lies in several files, which are not read")
        if hasattr(entry, "dimension_entries"):  # czifile until 2019, the newest one for Python 3.11
            start = {each.dimension: each.start for each in entry.dimension_entries}
            size = {each.dimension: each.size for each in entry.dimension_entries}
            dtype = np.dtype(entry.dtype)
            samples, base = (dtype.shape or (1,))[0], dtype.base
            order = entry.mosaic_index
        else:
            start = dict(zip(entry.dims[:-1], entry.start, strict=False))
            size = dict(zip(entry.dims[:-1], entry.shape, strict=False))
            samples, base = entry.pixel_type.samples, entry.pixel_type.dtype
            start["S"] = max(0, entry.scene_index)
            order = entry.mosaic_index
        start = {letter: start.get(letter, 0) for letter in (*start, "S", *_PLANES)}
        yield _Block(start, size["Y"], size["X"], samples, base, int(entry.compression), order or 0, entry)


def _by_scene(blocks: Iterator[_Block]) -> dict[int, list[_Block]]:
    found: dict[int, list[_Block]] = {}
    for block in blocks:
        found.setdefault(block.start["S"], []).append(block)
    return dict(sorted(found.items()))


def _letters(blocks: Sequence[_Block]) -> list[str]:
    """CZI's letters of the axes that planes lie along: time, channel and depth, then those of some size."""
    others = sorted({letter for block in blocks for letter in block.start} - {*_PLANES, "S", "M", "Y", "X"})
    several = {
        letter for letter in "C" + "".join(others) if len({b.start.get(letter, 0) for b in blocks}) > 1
    }
    # the colours of a pixel stand for the channels, if there are no others
    planes = _PLANES if blocks[0].samples == 1 or "C" in several else _PLANES.replace("C", "")
    return [*planes, *(letter for letter in others if letter in several)]


def _described(
    blocks: Sequence[_Block], sizes: Mapping[str, tuple[float, str]], channels: tuple[str, ...]
) -> Described:
    import numpy as np

    letters = _letters(blocks)
    shape = []
    for letter in letters:
        at = [block.start.get(letter, 0) for block in blocks]
        shape.append(max(at) - min(at) + 1)
    for letter, extent in (("Y", "height"), ("X", "width")):
        first = min(block.start[letter] for block in blocks)
        shape.append(max(block.start[letter] + getattr(block, extent) for block in blocks) - first)
    unnamed = iter(_LETTERS)
    axes = "".join(letter.lower() if letter in _PLANES else next(unnamed) for letter in letters) + "yx"
    samples = {block.samples for block in blocks}
    if len(samples) > 1:
        raise ImageError("channels in colour stand beside channels in grey: they make no one array")
    if samples != {1}:
        axes += "s" if "c" in axes else "c"
        shape += samples
    dtype = np.result_type(*{block.dtype for block in blocks})
    named = channels if len(channels) == Described(axes, tuple(shape), "").size("c") else ()
    known = {axis: size for axis, size in sizes.items() if axis in axes}
    return Described(axes, tuple(shape), str(dtype), known, named)


def _decoded(file: Any, path: str, block: _Block, rows: range) -> Array:
    """Some rows of a block; of one without compression no more is read."""
    import imagecodecs
    import numpy as np

    entry = block.entry
    segment = entry.data_segment() if hasattr(entry, "data_segment") else entry.read_segment_data(file)
    line = block.width * block.samples * block.dtype.itemsize
    skipped, size = (
        (rows.start * line, len(rows) * line) if block.compression == 0 else (0, segment.data_size)
    )
    with open(path, "rb") as own:
        own.seek(segment.data_offset + skipped)
        data = own.read(size)
    if len(data) < size:
        raise ImageError(f"{path}: the file is cut short: a block of its pixels is missing")
    shape = (block.height, block.width, block.samples)
    if block.compression == 0:
        return np.frombuffer(data, block.dtype).reshape(len(rows), *shape[1:])
    if block.compression in (_JPEG, _JPEG_XR):
        decode = imagecodecs.jpeg_decode if block.compression == _JPEG else imagecodecs.jpegxr_decode
        array = np.asarray(decode(data)).reshape(shape)
        # the decoders give red first, whatever the file has
        array = array[..., [2, 1, 0, 3][: block.samples]] if block.samples > 1 else array
    elif block.compression == _LZW:
        array = np.frombuffer(imagecodecs.lzw_decode(data), block.dtype).reshape(shape)
    elif block.compression in (_ZSTD, _ZSTD_WITH_HEADER):
        array = np.frombuffer(_zstandard(data, block), block.dtype).reshape(shape)
    else:
        raise ImageError(
            f"{path}: its blocks are compressed in a way that is not known ({block.compression})"
        )
    return array[rows.start : rows.stop]


def _zstandard(data: bytes, block: _Block) -> bytes:
    """A block in Zstandard; its header may say that low and high bytes of the values stand apart."""
    import imagecodecs
    import numpy as np

    apart = False
    if block.compression == _ZSTD_WITH_HEADER:
        length = data[0]
        apart = length >= 3 and data[1] == 1 and bool(data[2] & 1)
        data = data[length:]
    size = block.height * block.width * block.samples * block.dtype.itemsize
    decoded = bytes(imagecodecs.zstd_decode(data, out=size))
    if not apart:
        return decoded
    return np.frombuffer(decoded, np.uint8).reshape(2, -1).T.tobytes()


def _overlap(start: int, size: int, asked: slice) -> range:
    return range(max(start, asked.start), min(start + size, asked.stop))


def _document(file: Any) -> ElementTree.Element:
    from xml.etree import ElementTree

    try:
        return ElementTree.fromstring(file.metadata() or "<none/>")
    except ElementTree.ParseError:
        return ElementTree.Element("none")


def _pixel_sizes(document: ElementTree.Element) -> dict[str, tuple[float, str]]:
    """In the file they are metres, and 0 where nothing is known."""
    found = {}
    for distance in document.iterfind(".//Scaling/Items/Distance"):
        axis = (distance.get("Id") or "").lower()
        try:
            size = float(distance.findtext("Value") or 0)
        except ValueError:
            continue
        if axis in ("x", "y", "z") and 0 < size < float("inf"):
            found[axis] = (round(size * 1e6, 9), "micrometer")
    return found


def _channel_names(document: ElementTree.Element) -> tuple[str, ...]:
    channels = document.findall(".//Information/Image/Dimensions/Channels/Channel")
    names = [channel.get("Name") or "" for channel in channels]
    return tuple(names) if all(names) else ()


def _scene_names(document: ElementTree.Element) -> dict[int, str]:
    listed = document.findall(".//Information/Image/Dimensions/S/Scenes/Scene")
    return {int(scene.get("Index") or n): scene.get("Name") or "" for n, scene in enumerate(listed)}
