"""ENVI of hyperspectral cameras: rows, columns and bands, whatever their order in the file.

A header of text (``cube.hdr``, ``cube.raw.hdr``) stands beside the file of pixels; either names the image.
One without a byte order, as PlantCV's are, means that of PCs. Where a reflectance scale factor is given the
values are divided by it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Described, ImageError
from pixmake.images.formats import strided
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "ENVI"
SUFFIXES = ("bil", "bip", "bsq")
SEARCHED = True
EXTRA = ""
PACKAGES = ()
SEVERAL = False

_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_LAYOUTS = {"bsq": "cyx", "bil": "ycx", "bip": "yxc"}
_DATA = ("", ".raw", ".dat", ".img", ".bil", ".bip", ".bsq")
_OTHER = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
_SCALE = "reflectance scale factor"


def recognises(head: bytes, path: str) -> bool:
    """By the first word of its header, which may be this file or the one beside it."""
    if head.startswith(b"ENVI"):
        return True
    if path.lower().endswith(_OTHER):
        return False
    header = _header_of(path)
    return bool(header) and Path(header).read_bytes()[:4] == b"ENVI"


def scenes(path: str) -> Sequence[Scene]:
    """The cube, with its bands as channels."""
    said = _said(path)
    shape = _shape(said, path)
    dtype = "float32" if _factor(said) != 1 else _type(said, path)[1:]
    names = said.get("band names") or said.get("wavelength") or ""
    channels = tuple(name.strip() for name in names.split(",")) if names else ()
    described = Described(
        "yxc",
        (shape["y"], shape["x"], shape["c"]),
        {"u1": "uint8"}.get(dtype) or _named(dtype),
        channels=channels if len(channels) == shape["c"] else (),
    )
    return [Scene((described,))]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The region alone."""
    import numpy as np

    said, data = _said(path), _data_of(path)
    shape, dtype = _shape(said, path), np.dtype(_type(said, path))
    layout = _LAYOUTS[said.get("interleave", "bsq").lower()]
    offset = _whole(said, "header offset", path, 0)
    if os.path.getsize(data) < offset + math.prod(shape.values()) * dtype.itemsize:
        raise ImageError(f"{data}: the file is cut short: its header tells of more pixels")
    inside = {axis: layout[number + 1 :] for number, axis in enumerate(layout)}
    strides = [dtype.itemsize * math.prod(shape[other] for other in inside[axis]) for axis in "yxc"]
    array, factor = strided.read(data, offset, dtype, strides, region), _factor(said)
    return array if factor == 1 else (array / factor).astype(np.float32)


def _said(path: str) -> Mapping[str, str]:
    """The header's keys, in lower case, and its values."""
    header = path if path.lower().endswith(".hdr") else _header_of(path)
    text = Path(header).read_text(encoding="utf-8", errors="replace")
    found = re.findall(r"^[ \t]*([^={}\n;]+?)[ \t]*=[ \t]*(\{[^}]*\}|[^\n]*)", text, re.MULTILINE)
    return {key.lower(): value.strip().strip("{}").strip() for key, value in found}


def _header_of(path: str) -> str:
    """The header beside a file of pixels; empty if there is none."""
    stem = os.path.splitext(path)[0]
    names = (f"{path}.hdr", f"{stem}.hdr", f"{path}.HDR", f"{stem}.HDR")
    return next((name for name in names if name != path and os.path.isfile(name)), "")


def _data_of(path: str) -> str:
    """The file of pixels of a header, or of itself."""
    if not path.lower().endswith(".hdr"):
        return path
    stem = path[: -len(".hdr")]
    found = next((stem + suffix for suffix in _DATA if os.path.isfile(stem + suffix)), None)
    if found is None:
        raise ImageError(f"{path}: the file of its pixels is not beside it: {os.path.basename(stem)}")
    return found


def _shape(said: Mapping[str, str], path: str) -> dict[str, int]:
    return {axis: _whole(said, key, path) for axis, key in (("y", "lines"), ("x", "samples"), ("c", "bands"))}


def _type(said: Mapping[str, str], path: str) -> str:
    number = _whole(said, "data type", path)
    if number not in _TYPES:
        raise ImageError(f"{path}: its values are of ENVI's type {number}, which is not read")
    return ("<" if _whole(said, "byte order", path, 0) == 0 else ">") + _TYPES[number]


def _named(short: str) -> str:
    return (
        {"u": "uint", "i": "int", "f": "float"}[short[0]] + str(8 * int(short[1:]))
        if len(short) < 4
        else short
    )


def _factor(said: Mapping[str, str]) -> float:
    try:
        return float(said.get(_SCALE, 1)) or 1.0
    except ValueError:
        return 1.0


def _whole(said: Mapping[str, str], key: str, path: str, default: int | None = None) -> int:
    given = said.get(key, "" if default is None else str(default))
    try:
        return int(given)
    except ValueError:
        raise ImageError(f"{path}: its header says no number for `{key}`: {given!r}") from None
