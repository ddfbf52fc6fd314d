"""Raw files of cameras: the sensor's picture, developed in one fixed way, or its mosaic; never a thumbnail.

Developed is: one white for all pictures (daylight, as the camera's maker has it), no brightening, linear, 16
bits, demosaiced by AHD, in the primaries of sRGB, upright. So the values of two pictures compare.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO, FileIO
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Described, ImageError
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "camera raw"
SUFFIXES = ("nef", "cr2", "cr3", "arw", "dng", "orf", "raf", "rw2", "pef")
SEARCHED = True
EXTRA = "raw"
PACKAGES = ("rawpy",)
SEVERAL = False

MOSAIC = "mosaic"

_SIGNS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_PHOTOMETRIC, _SUBIFDS, _DNG_VERSION = 262, 330, 50706
_CFA, _LINEAR_RAW = 32803, 34892
_MOST_SUBIFDS = 8
_PLACE: Mapping[str, struct.Struct] = {order: struct.Struct(f"{order}I") for order in "<>"}
_NUMBER: Mapping[str, struct.Struct] = {order: struct.Struct(f"{order}H") for order in "<>"}
_TELLING: Mapping[str, re.Pattern[bytes]] = {
    order: re.compile(
        b"|".join(
            re.escape(_NUMBER[order].pack(number)) for number in (_SUBIFDS, _DNG_VERSION, _CFA, _LINEAR_RAW)
        ),
        re.DOTALL,
    )
    for order in "<>"
}
"""The bytes of the numbers of which a raw file's first directory has one."""

_TURNED = (5, 6)
"""LibRaw's numbers of pictures that lie on a side."""


def recognises(head: bytes, path: str) -> bool:
    """By its first bytes; of a TIFF by what its directories say: a mosaic, or the version of DNG."""
    if head.startswith(_SIGNS) or head[8:10] == b"CR" or head[4:12] == b"ftypcrx ":
        return True
    order = _TIFF.get(head[:4])
    if order is None:
        return False
    try:
        return _may_be_raw(head, order) and _is_raw(BytesIO(head), order)
    except struct.error:  # a directory lies behind the head
        return _is_raw_file(path, order)


def scenes(path: str) -> Sequence[Scene]:
    """The developed picture; and for who asks for it the mosaic as the sensor has it, not turned."""
    with _opened(path) as raw:
        sizes = raw.sizes
        height, width = sizes.iheight, sizes.iwidth
        if sizes.flip in _TURNED:
            height, width = width, height
        found = [Scene((Described("yxc", (height, width, 3), "uint16"),))]
        if _has_mosaic(raw):
            mosaic = Described("yx", tuple(raw.raw_image_visible.shape), str(raw.raw_image_visible.dtype))
            found.append(Scene((mosaic,), MOSAIC, is_main=False))
    return found


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """All of it is decoded: raw files are compressed as a whole."""
    with _opened(path) as raw:
        if scene:
            mosaic: Array = raw.raw_image_visible[region].copy()
            return mosaic
        picture: Array = _developed(raw)
        if picture.shape[:2] != scenes(path)[0].at().shape[:2]:
            raise ImageError(f"{path}: its pixels are not square, or lie askew, which is not read")
    return picture[region[:2]][..., ::-1][..., region[2]].copy()


def _opened(path: str) -> Any:
    import rawpy

    return rawpy.imread(path)


def _developed(raw: Any) -> Any:
    import rawpy

    white = [float(factor) for factor in raw.daylight_whitebalance]
    return raw.postprocess(
        demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD,
        user_wb=white if all(factor > 0 for factor in white[:3]) else [1.0, 1.0, 1.0, 1.0],
        output_color=rawpy.ColorSpace.sRGB,
        adjust_maximum_thr=0,
        no_auto_bright=True,
        gamma=(1, 1),
        output_bps=16,
    )


def _has_mosaic(raw: Any) -> bool:
    import rawpy

    return bool(raw.raw_type == rawpy.RawType.Flat and raw.num_colors > 1)


def _may_be_raw(head: bytes, order: str) -> bool:
    """Whether a number that tells a raw file is among the bytes of the first directory: mostly none is."""
    (first,) = _PLACE[order].unpack_from(head, 4)
    (count,) = _NUMBER[order].unpack_from(head, first)
    start, end = first + 2, first + 2 + 12 * count
    if end > len(head):
        raise struct.error("the directory is not whole")
    return _TELLING[order].search(head, start, end) is not None


def _is_raw_file(path: str, order: str) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:  # a buffer would read some kilobytes at each place
            return _is_raw(file, order)
    except (OSError, struct.error):
        return False


def _is_raw(file: FileIO | BytesIO, order: str) -> bool:
    file.seek(4)
    (first,) = struct.unpack(f"{order}I", file.read(4))
    tags = _tags(file, order, first)
    if _DNG_VERSION in tags:
        return True
    others = tags.get(_SUBIFDS, ())[:_MOST_SUBIFDS]
    directories: Iterator[Mapping[int, Sequence[int]]] = (_tags(file, order, at) for at in others)
    return any(
        _CFA in each.get(_PHOTOMETRIC, ()) or _LINEAR_RAW in each.get(_PHOTOMETRIC, ())
        for each in (tags, *directories)
    )


def _tags(file: FileIO | BytesIO, order: str, position: int) -> dict[int, tuple[int, ...]]:
    """The numbers of the three tags that matter here, of one directory."""
    file.seek(position)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    found: dict[int, tuple[int, ...]] = {}
    for tag, kind, values, at in struct.iter_unpack(f"{order}HHI4s", _whole(file, 12 * count)):
        if tag == _PHOTOMETRIC:
            found[tag] = struct.unpack_from(f"{order}H", at)
        elif tag == _DNG_VERSION:
            found[tag] = (1,)
        elif tag == _SUBIFDS and kind in (4, 13):
            if values > 1:
                file.seek(*struct.unpack(f"{order}I", at))
                at = _whole(file, 4 * min(values, _MOST_SUBIFDS))
            found[tag] = struct.unpack(f"{order}{len(at) // 4}I", at)
    return found


def _whole(file: FileIO | BytesIO, size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise struct.error("the directory is not whole")
    return found
