"""HEIC and HEIF of phones: the primary picture of a file, upright."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Described
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "HEIC"
SUFFIXES = ("heic", "heif")
SEARCHED = True
EXTRA = "heic"
PACKAGES = ("pillow_heif=pillow-heif",)
SEVERAL = False

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")


def recognises(head: bytes, path: str) -> bool:
    """By the brands in its first box; ``mif1`` alone may be either of HEIC and AVIF."""
    return head[4:8] == b"ftyp" and any(brand in _brands(head) for brand in _BRANDS)


def scenes(path: str) -> Sequence[Scene]:
    """The primary picture, which need not be the first."""
    picture = _primary(path)
    width, height = picture.size
    grey = picture.mode.startswith(("L", "I"))
    dtype = "uint16" if "16" in picture.mode else "uint8"
    shape = (height, width) if grey else (height, width, 4 if "A" in picture.mode.upper() else 3)
    return [Scene((Described("yx" if grey else "yxc", shape, dtype),))]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """All of it is decoded. libheif turns it upright: its EXIF has to be left alone."""
    import numpy as np

    array = np.asarray(_primary(path))
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    return array[region].copy()


def _primary(path: str) -> Any:
    import pillow_heif

    file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False, bgr_mode=True)
    return file[file.primary_index]


def _brands(head: bytes) -> set[bytes]:
    size = int.from_bytes(head[:4], "big")
    box = head[8 : min(size, len(head))]
    return {box[at : at + 4] for at in range(0, len(box), 4)}
