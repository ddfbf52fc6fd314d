"""FITS of astronomers and their cameras: each image of a file, its values with offset and scale.

Rows are in the order in which the file and astropy have them, the first one at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import UNNAMED, Described
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "FITS"
SUFFIXES = ("fits", "fit", "fts")
SEARCHED = True
EXTRA = "fits"
PACKAGES = ("astropy.io.fits=astropy",)
SEVERAL = True

_LETTERS = UNNAMED + "jklmnopq"


def recognises(head: bytes, path: str) -> bool:
    """By its first card."""
    return head.startswith(b"SIMPLE  =")


def scenes(path: str) -> Sequence[Scene]:
    """Each HDU that is an image, by its name."""
    with _opened(path) as file:
        return [Scene((_described(hdu),), hdu.name if hdu.name != "PRIMARY" else "") for hdu in _images(file)]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The region alone; the handle is not mapped, as a section of a mapped file reads all of it at times."""
    import numpy as np

    with _opened(path) as file:
        hdu = _images(file)[scene]
        array = np.asarray(hdu.section[region])
        made = array.astype(_dtype(hdu), copy=False)
        if (
            _is_unsigned(hdu.header) and "BLANK" in hdu.header
        ):  # astropy leaves it out where numbers are unsigned
            made[array == hdu.header["BLANK"] + hdu.header["BZERO"]] = np.nan
        return made


def _opened(path: str) -> Any:
    from astropy.io import fits

    return fits.open(path, memmap=False, lazy_load_hdus=True)


def _images(file: Any) -> list[Any]:
    return [hdu for hdu in file if getattr(hdu, "is_image", False) and len(hdu.shape) >= 2]


def _described(hdu: Any) -> Described:
    shape = tuple(hdu.shape)
    return Described(_LETTERS[: len(shape) - 2] + "yx", shape, _dtype(hdu))


def _dtype(hdu: Any) -> str:
    """The type of the values, in this machine's byte order.

    A scale, or a value that stands for none, make them floating.
    """
    header = hdu.header
    bits, zero, scale = header["BITPIX"], header.get("BZERO", 0), header.get("BSCALE", 1)
    if bits < 0:
        return f"float{-bits}"
    if "BLANK" not in header and _is_unsigned(header):
        return f"uint{bits}"
    if "BLANK" not in header and scale == 1 and zero == 0:
        return "uint8" if bits == 8 else f"int{bits}"
    return "float32" if bits <= 16 else "float64"


def _is_unsigned(header: Any) -> bool:
    """Whether numbers are stored with half of all taken away, as FITS has no unsigned ones but bytes."""
    bits = header["BITPIX"]
    return bits in (16, 32, 64) and header.get("BSCALE", 1) == 1 and header.get("BZERO", 0) == 2 ** (bits - 1)
