"""Which planes a file of a set of OME-TIFF files holds itself: the OME-XML of each speaks of all files.

Standard library only.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.images.axes import ImageError

AXES = "tcz"
"""Along which planes lie."""


@dataclass(frozen=True)
class Planes:
    """The planes of a file."""

    shape: tuple[int, ...]
    """How many there are along `AXES`."""
    pages: tuple[int | None, ...]
    """The number of the page of each; ``None`` where the file lacks one between others."""
    image: int
    """Which image of the OME-XML they are of."""
    channels: tuple[int, ...]
    """Which of its channels."""


@dataclass(frozen=True)
class _Block:
    """A run of pages of one file, by an element ``TiffData``."""

    image: int
    file: str
    uuid: str
    first: dict[str, int]
    page: int
    count: int | None


def planes_of(xml: str, path: str, pages: int) -> Planes | None:
    """The planes of one file; nothing if the OME-XML speaks of no other file.

    Parameters
    ----------
    xml
        The OME-XML of the file, or what it has instead, which names the file with it.
    path
        The file.
    pages
        How many pages it has.

    Raises
    ------
    ImageError
        It cannot be said which planes are this file's, or they are of several images.
    """
    try:
        said = ElementTree.fromstring(xml)
        own = said.get("UUID", "")
        root = _with_companion(said, path)
        if root is None:
            return None
        images = [element for element in root if _tag(element) == "Image"]
        blocks = [block for number, image in enumerate(images) for block in _blocks(image, number)]
    except (ElementTree.ParseError, KeyError, ValueError):
        return None  # tifffile makes of it what it can
    files = {block.file for block in blocks}
    if not any(files) or (root is said and all(block.uuid in ("", own) for block in blocks)):
        return None
    name = os.path.basename(path)
    ours = [block for block in blocks if own and block.uuid == own]
    ours = ours or [block for block in blocks if block.file.lower() == name.lower()]
    if not ours and len(files) > 1:
        some = ", ".join(sorted(files)[:3]) + (", …" if len(files) > 3 else "")
        raise ImageError(
            f"{path}: its OME-XML tells of the planes of {some}, and not of {name}: give the file the name "
            "that it was written with, or name one of its pages by a column page"
        )
    return _planes(ours or blocks, images, path, pages)


def _planes(blocks: Sequence[_Block], images: Sequence[Any], path: str, pages: int) -> Planes:
    numbers = sorted({block.image for block in blocks})
    if len(numbers) > 1:
        called = ", ".join(str(images[number].get("Name") or number) for number in numbers[:3])
        raise ImageError(
            f"{path}: holds planes of {len(numbers)} images ({called}{', …' if len(numbers) > 3 else ''}): "
            "name one of its pages by a column page"
        )
    pixels = next(element for element in images[numbers[0]] if _tag(element) == "Pixels")
    sizes = _sizes(pixels)
    found: dict[tuple[int, ...], int] = {}
    for block in blocks:
        found.update(_pages_of(block, pixels.get("DimensionOrder", "XYZCT"), sizes, pages))
    there = [sorted({place[axis] for place in found}) for axis in range(3)]
    grid = [found.get((t, c, z)) for t in there[0] for c in there[1] for z in there[2]]
    return Planes(tuple(map(len, there)), tuple(grid), numbers[0], tuple(there[1]))


def _pages_of(
    block: _Block, order: str, sizes: dict[str, int], pages: int
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Where the pages of a block are along the axes, as far as the file has them."""
    count = block.count if block.count is not None else pages - block.page
    fastest = [axis.lower() for axis in order if axis in "ZCT"]
    at = 0
    for axis in reversed(fastest):
        at = at * sizes[axis] + block.first[axis]
    for number in range(count):
        place, rest = {}, at + number
        for axis in fastest:
            rest, place[axis] = divmod(rest, sizes[axis])
        if rest == 0 and block.page + number < pages:
            yield tuple(place[axis] for axis in AXES), block.page + number


def _blocks(image: Any, number: int) -> Iterator[_Block]:
    pixels = next(element for element in image if _tag(element) == "Pixels")
    for data in pixels:
        if _tag(data) != "TiffData":
            continue
        uuid = next((element for element in data if _tag(element) == "UUID"), None)
        count = data.get("PlaneCount", data.get("NumPlanes"))
        if count is None and data.get("IFD") is not None:
            count = "1"
        yield _Block(
            image=number,
            file="" if uuid is None else uuid.get("FileName", ""),
            uuid="" if uuid is None else (uuid.text or "").strip(),
            first={axis: int(data.get(f"First{axis.upper()}", 0)) for axis in AXES},
            page=int(data.get("IFD", 0)),
            count=None if count is None else int(count),
        )


def _sizes(pixels: Any) -> dict[str, int]:
    """How many planes there are along each axis: samples of a pixel are no planes."""
    sizes = {axis: int(pixels.get(f"Size{axis.upper()}", 1)) for axis in AXES}
    samples = [int(element.get("SamplesPerPixel") or 1) for element in pixels if _tag(element) == "Channel"]
    if samples and sum(samples) == sizes["c"]:
        sizes["c"] = len(samples)
    elif samples and samples[0] > 1:
        sizes["c"] = max(1, sizes["c"] // samples[0])
    return sizes


def _with_companion(root: Any, path: str) -> Any:
    """The OME-XML itself, which may lie in another file beside; nothing if that is not there."""
    elsewhere = next((element for element in root if _tag(element) == "BinaryOnly"), None)
    if elsewhere is None:
        return root
    companion = Path(path).parent / os.path.basename(elsewhere.get("MetadataFile", ""))
    if companion.suffix.lower() not in (".ome", ".xml") or not companion.is_file():
        return None
    return ElementTree.fromstring(companion.read_bytes())


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
