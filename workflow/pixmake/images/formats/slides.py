"""Slides that OpenSlide reads, and no TIFF is: MIRAX, and the folders of Hamamatsu.

Slides that are TIFFs (SVS, NDPI, SCN, BIF) are read as such, as OpenSlide cuts 16 bits to 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Described
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "a slide of MIRAX or Hamamatsu"
SUFFIXES = ("mrxs", "vms", "vmu")
SEARCHED = True
EXTRA = "slides"
PACKAGES = ("openslide=openslide-python",)
SEVERAL = False


def recognises(head: bytes, path: str) -> bool:
    """By its suffix: a MIRAX begins as a JPEG does, the others are text."""
    return bool(head) and path.lower().endswith((".mrxs", ".vms", ".vmu"))


def scenes(path: str) -> Sequence[Scene]:
    """The slide, with its levels."""
    with _opened(path) as slide:
        sizes = _sizes(slide)
        return [
            Scene(
                tuple(
                    Described(
                        "yxc",
                        (height, width, 3),
                        "uint8",
                        {axis: (size * factor, unit) for axis, (size, unit) in sizes.items()},
                    )
                    for (width, height), factor in zip(
                        slide.level_dimensions, slide.level_downsamples, strict=True
                    )
                )
            )
        ]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The tiles that the region touches; what lies outside of the scan is black."""
    import numpy as np

    rows, columns, colours = region
    with _opened(path) as slide:
        factor = slide.level_downsamples[level]
        # the place is one of the full resolution, the size is one of the level
        place = (round(columns.start * factor), round(rows.start * factor))
        size = (columns.stop - columns.start, rows.stop - rows.start)
        array = np.asarray(slide.read_region(place, level, size))
    return array[..., 2::-1][..., colours].copy()


def _opened(path: str) -> Any:
    from openslide import OpenSlide

    return OpenSlide(path)


def _sizes(slide: Any) -> dict[str, tuple[float, str]]:
    found = {}
    for axis in "yx":
        try:
            size = float(slide.properties.get(f"openslide.mpp-{axis}", 0))
        except ValueError:
            continue
        if 0 < size < float("inf"):
            found[axis] = (size, "micrometer")
    return found
