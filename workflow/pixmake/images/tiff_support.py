"""Which pages of a TIFF can be decoded here: their colours, their compression and what it needs."""

from __future__ import annotations

import importlib.util
from typing import Any

from pixmake.base.counted import counted
from pixmake.base.errors import MissingPackageError
from pixmake.images import tiff_tags
from pixmake.images.axes import ImageError

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

_OF_SINGLE_BITS = frozenset({2, 3, 4})
"""Compressions of faxes."""

_WITHOUT_IMAGECODECS = frozenset(
    {tiff_tags.NONE, tiff_tags.DEFLATE, tiff_tags.OLD_DEFLATE, tiff_tags.PACKBITS, 34925}
)


def is_installed() -> bool:
    """Whether tifffile is there."""
    return importlib.util.find_spec("tifffile") is not None


def missing_package(compression: int) -> str | None:
    """The package that decoding needs and that is not there."""
    if not is_installed():
        return "tifffile"
    if compression not in _WITHOUT_IMAGECODECS and importlib.util.find_spec("imagecodecs") is None:
        return "imagecodecs"
    return None


def refuse(keyframe: Any, path: str) -> None:
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
    samples, depths = keyframe.samplesperpixel, keyframe.tags.get(tiff_tags.BITS)
    if depths is not None and depths.count > samples:
        what = f"{depths.count} depths for {counted(samples, 'sample')} a pixel"
        raise ImageError(f"{path}: is damaged: its tags tell of {what}")
    if samples > 1 and int(keyframe.planarconfig) not in (1, 2):
        what = f"whether its samples lie beside each other or apart (it says {int(keyframe.planarconfig)})"
        raise ImageError(f"{path}: is damaged: its tags do not tell {what}")
    if compression in _OF_SINGLE_BITS and keyframe.bitspersample != 1:
        what = f"{keyframe.bitspersample} bits a sample in the compression {name}, which is of single bits"
        raise ImageError(f"{path}: is damaged: its tags tell of {what}")
    if photometric == tiff_tags.YCBCR and compression not in _DECODES_YCBCR:
        how = "without compression" if compression == tiff_tags.NONE else f"in the compression {name}"
        raise ImageError(f"{path}: holds colours in YCbCr {how}: convert it to RGB first")
    if compression == 33003:
        raise ImageError(f"{path}: is compressed as {name}, which is not decoded to RGB: convert it first")
    if keyframe.dtype is None:
        bits = keyframe.bitspersample
        raise ImageError(f"{path}: has samples of {bits} bits of a format that cannot be decoded")
    missing = missing_package(compression)
    if missing is not None:
        raise MissingPackageError(f"{path}: decoding the compression {name}", missing)
    if compression != tiff_tags.NONE:
        import tifffile

        try:
            tifffile.TIFF.DECOMPRESSORS[compression]
        except KeyError:
            raise ImageError(f"{path}: is compressed as {name}, which cannot be decoded") from None
