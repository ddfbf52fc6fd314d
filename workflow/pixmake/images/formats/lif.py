"""Leica LIF: each series of the file an image, in the axes in which it was taken; of a mosaic each tile.

liffile says what there is and where it lies. Pixels are taken from there by the distances that the file
states for each of its axes, so that a plane is read without those around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import UNNAMED, Described, ImageError
from pixmake.images.formats import strided
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "Leica LIF"
SUFFIXES = ("lif",)
SEARCHED = True
EXTRA = "lif"
PACKAGES = ("liffile",)
SEVERAL = True

_AXES = {1: "x", 2: "y", 3: "z", 4: "t"}
_MOSAIC = 10
_UNITS = {"m": (1e6, "micrometer"), "s": (1.0, "second")}
_RED, _GREEN, _BLUE = 1, 2, 3
"""Leica's tags of channels that are the colours of a pixel."""


@dataclass(frozen=True)
class _Place:
    """An image, and where its pixels lie."""

    described: Described
    name: str
    offset: int
    strides: tuple[int, ...]
    colours: tuple[int, ...] = ()
    """In which order its channels are blue, green and red."""


def recognises(head: bytes, path: str) -> bool:
    """By its first bytes: behind them stands XML in which each letter has two."""
    return head.startswith(b"\x70\0\0\0") and head[8:9] == b"\x2a" and head[13:15] == b"<\0"


def scenes(path: str) -> Sequence[Scene]:
    """Each series, by its name; tiles of a mosaic are told apart by their numbers."""
    return [Scene((place.described,), place.name) for place in _places(path)]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The region alone."""
    import numpy as np

    place = _places(path)[scene]
    dtype = np.dtype(place.described.dtype).newbyteorder("<")
    if not place.colours:
        return strided.read(path, place.offset, dtype, place.strides, region)
    every = (*region[:-1], slice(0, len(place.colours)))
    colours = strided.read(path, place.offset, dtype, place.strides, every)
    return colours[..., list(place.colours)][..., region[-1]]


def _places(path: str) -> list[_Place]:
    from liffile import LifFile

    with LifFile(path, squeeze=False) as file:
        return [place for image in file.images if not image.is_flim for place in _places_of(image)]


def _places_of(image: Any) -> list[_Place]:
    """The image of a series, or those of its tiles."""
    import numpy as np

    found = image.xml_element.find("./Data/Image/ImageDescription")
    dimensions = [dict(each.attrib) for each in found.findall("./Dimensions/DimensionDescription")]
    channels = [dict(each.attrib) for each in found.findall("./Channels/ChannelDescription")]
    kinds = {(channel["DataType"], -(-int(channel["Resolution"]) // 8)) for channel in channels}
    if len(kinds) != 1:
        raise ImageError(f"{image.name}: its channels have values of different kinds, which is not read")
    ((kind, size),) = kinds
    dtype = np.dtype(f"{'f' if kind == '1' else 'u'}{size if size < 3 else 4 if size < 5 else 8}")
    unnamed = iter(UNNAMED + "jklmnopq")
    axes = [
        (_AXES.get(int(each["DimID"])) or next(unnamed), int(each["NumberOfElements"]), int(each["BytesInc"]))
        for each in dimensions
        if int(each["DimID"]) != _MOSAIC
    ]
    steps = [int(channel["BytesInc"]) for channel in channels]
    tags = [int(channel.get("ChannelTag", 0)) for channel in channels]
    colours = tuple(tags.index(tag) for tag in (_BLUE, _GREEN, _RED)) if sorted(tags) == [1, 2, 3] else ()
    apart = steps[1] - steps[0] if len(steps) > 1 else 0
    if any(step != steps[0] + number * apart for number, step in enumerate(steps)):
        raise ImageError(f"{image.name}: its channels do not lie at one distance, which is not read")
    channel = [("c", len(steps), apart)]
    order = sorted([*axes, *([] if colours else channel)], key=_slowness)
    # an axis that was not scanned has one pixel: a picture of x and z has one row
    at = [letter for letter, _, _ in order].index("x")
    order[at:at] = [] if any(letter == "y" for letter, _, _ in order) else [("y", 1, 0)]
    order += channel if colours else []
    described = Described(
        "".join(letter for letter, _, _ in order),
        tuple(count for _, count, _ in order),
        str(dtype),
        _sizes(dimensions),
        () if colours else _names(channels),
    )
    strides = tuple(stride for _, _, stride in order)
    mosaic = [each for each in dimensions if int(each["DimID"]) == _MOSAIC]
    tiles = int(mosaic[0]["NumberOfElements"]) if mosaic else 1
    offset, name = image.memory_block.offset, str(image.path)
    return [
        _Place(
            described,
            f"{name} {tile}" if tiles > 1 else name,
            offset + steps[0] + (tile * int(mosaic[0]["BytesInc"]) if mosaic else 0),
            strides,
            colours,
        )
        for tile in range(tiles)
    ]


def _slowness(axis: tuple[str, int, int]) -> float:
    """The slowest axis first; those of one pixel, but rows and columns, before all."""
    letter, count, stride = axis
    return -stride if count > 1 or letter in "yx" else float("-inf")


def _sizes(dimensions: Sequence[dict[str, str]]) -> dict[str, tuple[float, str]]:
    """From the length of an axis: it goes from the middle of the first pixel to that of the last one."""
    sizes = {}
    for each in dimensions:
        axis, count = _AXES.get(int(each["DimID"])), int(each["NumberOfElements"])
        length, unit = abs(float(each["Length"])), each.get("Unit", "")
        if axis and count > 1 and length > 0 and unit in _UNITS:
            factor, name = _UNITS[unit]
            sizes[axis] = (round(length * factor / (count - 1), 9), name)
    return sizes


def _names(channels: Sequence[dict[str, str]]) -> tuple[str, ...]:
    names = tuple(channel.get("LUTName", "") for channel in channels)
    return names if all(names) else ()
