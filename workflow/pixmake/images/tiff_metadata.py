"""What a TIFF says of its image beside the pixels: their size, and what the channels are called.

In this order: OME-XML, ImageJ's description, the resolution in the page itself.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from typing import Any

Sizes = Mapping[str, tuple[float, str]]

UNITS = {
    "nm": "nanometer",
    "µm": "micrometer",
    "μm": "micrometer",
    "um": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "ms": "millisecond",
    "s": "second",
    "sec": "second",
    "min": "minute",
    "h": "hour",
}
"""The names of OME-NGFF for the symbols of units in TIFFs."""

_RESOLUTION = {3: "centimeter", 4: "millimeter", 5: "micrometer"}
"""TIFF's units of resolution, of which 4 and 5 are usual and not in the standard. Inches are those of a
printer, and say nothing of the sample."""


def pixel_sizes(file: Any, keyframe: Any, pixels: Any) -> Sizes:
    """The size of a pixel by axis, as far as the file says it.

    Parameters
    ----------
    file, keyframe
        Of tifffile: the file, and a page of the image.
    pixels
        What the OME-XML says of it; see `ome_pixels`.
    """
    if pixels is not None:
        return dict(_ome_sizes(pixels))
    if file.imagej_metadata:
        return dict(_imagej_sizes(file.imagej_metadata, keyframe))
    unit = _RESOLUTION.get(int(keyframe.resolutionunit))
    return dict(_plane_sizes(keyframe, unit))


def channel_names(pixels: Any) -> tuple[str, ...]:
    """What the channels are called, by OME-XML; nothing if not all have a name."""
    if pixels is None:
        return ()
    names = [channel.get("Name") or "" for channel in pixels if _tag(channel) == "Channel"]
    return tuple(names) if all(names) else ()


def ome_image(file: Any, number: int) -> Any:
    """The element ``Image`` of an image, by its number; nothing if the OME-XML has none."""
    try:
        root = ElementTree.fromstring((file.is_ome and file.ome_metadata) or "")
    except ElementTree.ParseError:
        return None
    images = [element for element in root if _tag(element) == "Image"]
    return images[number] if number < len(images) else None


def ome_pixels(file: Any, number: int) -> Any:
    """The element ``Pixels`` of an image."""
    image = ome_image(file, number)
    return (
        next((element for element in image if _tag(element) == "Pixels"), None) if image is not None else None
    )


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _ome_sizes(pixels: Any) -> Iterator[tuple[str, tuple[float, str]]]:
    for axis, key, usual in (
        ("t", "TimeIncrement", "s"),
        ("z", "PhysicalSizeZ", "µm"),
        ("y", "PhysicalSizeY", "µm"),
        ("x", "PhysicalSizeX", "µm"),
    ):
        yield from _size(axis, pixels.get(key), pixels.get(f"{key}Unit", usual))


def _imagej_sizes(said: Mapping[str, Any], page: Any) -> Iterator[tuple[str, tuple[float, str]]]:
    unit = str(said.get("unit", "")).replace("\\u00B5", "µ")
    yield from _size("t", said.get("finterval"), str(said.get("tunit", "s")))
    if unit not in ("", "pixel", "pixels", "inch"):
        yield from _size("z", said.get("spacing"), unit)
        yield from _plane_sizes(page, UNITS.get(unit, unit))


def _plane_sizes(page: Any, unit: str | None) -> Iterator[tuple[str, tuple[float, str]]]:
    """The sizes that are written as pixels per unit."""
    for axis, name in (("y", "YResolution"), ("x", "XResolution")):
        tag = page.tags.get(name)
        if unit is not None and tag is not None and tag.value[0]:
            yield from _size(axis, tag.value[1] / tag.value[0], unit)


def _size(axis: str, value: Any, unit: str) -> Iterator[tuple[str, tuple[float, str]]]:
    try:
        size = float(value)
    except (TypeError, ValueError):
        return
    if 0 < size < float("inf"):
        yield axis, (size, UNITS.get(unit, unit))
