"""Where a file comes from, in the file itself: as text of a PNG, tag of a TIFF, attribute of an OME-Zarr.

Pixels stay what they are: the text is put behind them. Standard library only at import: it runs in whatever
Python environment a step names. What stands in a Parquet file is written with it; see `pixmake.images.read`.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pixmake.base.files import is_folder

KEY = "pixmake"
"""By this name it is found."""

SUFFIXES = ("png", "tif", "tiff", "parquet")

_SOFTWARE = 305
"""TIFF's tag for the name of a program, beside which no reader takes pixels for anything else."""

_PNG, _TEXT, _END = b"\x89PNG\r\n\x1a\n", b"tEXt", b"\0\0\0\0IEND\xaeB`\x82"
_NODES = ("zarr.json", ".zattrs")
"""Where the attributes of a group stand, of Zarr 3 and 2."""


def holds_stamp(path: str) -> bool:
    """Whether a file of this name can say where it comes from."""
    return is_folder(path) or os.path.splitext(path)[1].lstrip(".").lower() in SUFFIXES


def put_stamp(path: str | Path, stamp: str) -> None:
    """Write into an image where it comes from; into a file that is no PNG, TIFF or OME-Zarr nothing.

    Parameters
    ----------
    path
        An image that was just written.
    stamp
        One line of JSON in ASCII.
    """
    if os.path.isdir(path):
        _put_zarr(Path(path), stamp)
        return
    with open(path, "r+b") as file:
        start = file.read(8)
        if start == _PNG:
            _put_png(file, stamp)
        elif start[:4] in (b"II*\0", b"MM\0*"):
            _put_tiff(file, "<" if start[:1] == b"I" else ">", stamp, big=False)
        elif start[:4] in (b"II+\0", b"MM\0+"):
            _put_tiff(file, "<" if start[:1] == b"I" else ">", stamp, big=True)


def read_stamp(path: str | Path) -> dict[str, Any] | None:
    """What a file says of where it comes from; None if it says nothing.

    Raises
    ------
    OSError
        It cannot be read.
    """
    if os.path.isdir(path):
        return _of_zarr(Path(path))
    with open(path, "rb") as file:
        start = file.read(8)
        if start == _PNG:
            return _of_png(file)
        if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return _of_tiff(file, "<" if start[:1] == b"I" else ">", big=b"+" in start[:4])
        if start[:4] == b"PAR1":
            return _of_parquet(path)
    return None


def _put_png(file: BinaryIO, stamp: str) -> None:
    file.seek(-len(_END), os.SEEK_END)
    if file.read() != _END:
        return
    content = KEY.encode() + b"\0" + stamp.encode("ascii")
    check = struct.pack(">I", zlib.crc32(_TEXT + content))
    file.seek(-len(_END), os.SEEK_END)
    file.write(struct.pack(">I", len(content)) + _TEXT + content + check + _END)


def _of_png(file: BinaryIO) -> dict[str, Any] | None:
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == _TEXT:
            name, _, text = file.read(length).partition(b"\0")
            if name == KEY.encode():
                return _parsed(text)
            file.seek(4, os.SEEK_CUR)
        else:
            file.seek(length + 4, os.SEEK_CUR)
    return None


def _put_tiff(file: BinaryIO, order: str, stamp: str, *, big: bool) -> None:
    """Put a copy of the first directory, with one entry more, at the end of the file."""
    place, number, _, count = _tiff_shape(order, big)
    entries, following = _directory(file, order, big)
    text = f"{KEY} {stamp}".encode("ascii") + b"\0"
    file.seek(0, os.SEEK_END)
    file.write(b"\0" * (file.tell() % 2))
    at = file.tell()
    added = struct.pack(f"{order}HH{number}{number}", _SOFTWARE, 2, len(text), at)
    kept = [each for each in entries if struct.unpack(f"{order}H", each[:2])[0] != _SOFTWARE]
    told = sorted([*kept, added], key=lambda each: struct.unpack(f"{order}H", each[:2])[0])
    file.write(text + b"\0" * (len(text) % 2))
    directory = file.tell()
    file.write(struct.pack(f"{order}{count}", len(told)) + b"".join(told) + following)
    file.seek(place)
    file.write(struct.pack(f"{order}{number}", directory))


def _of_tiff(file: BinaryIO, order: str, *, big: bool) -> dict[str, Any] | None:
    try:
        for each in _directory(file, order, big)[0]:
            tag, kind, size, at = struct.unpack(f"{order}HH{_tiff_shape(order, big)[1] * 2}", each)
            if (tag, kind) == (_SOFTWARE, 2) and size > len(each):
                file.seek(at)
                name, _, text = file.read(size).rstrip(b"\0").partition(b" ")
                return _parsed(text) if name == KEY.encode() else None
    except struct.error:
        return None
    return None


def _tiff_shape(order: str, big: bool) -> tuple[int, str, int, str]:
    """Where the first directory's place stands, a number's code, the size of an entry, a count's code."""
    return (8, "Q", 20, "Q") if big else (4, "I", 12, "H")


def _directory(file: BinaryIO, order: str, big: bool) -> tuple[list[bytes], bytes]:
    """The entries of the first directory, and the place of the one after it."""
    place, number, entry, count = _tiff_shape(order, big)
    size = struct.calcsize(f"{order}{number}")
    file.seek(place)
    file.seek(struct.unpack(f"{order}{number}", file.read(size))[0])
    (many,) = struct.unpack(f"{order}{count}", file.read(struct.calcsize(f"{order}{count}")))
    content = file.read(many * entry)
    return [content[n : n + entry] for n in range(0, len(content), entry)], file.read(size)


def _put_zarr(folder: Path, stamp: str) -> None:
    for name in _NODES:
        path = folder / name
        if path.exists():
            content = json.loads(path.read_bytes())
            attributes = content["attributes"] if name == "zarr.json" else content
            attributes[KEY] = json.loads(stamp)
            path.write_text(json.dumps(content, indent=2), encoding="utf-8")
            return


def _of_zarr(folder: Path) -> dict[str, Any] | None:
    for name in _NODES:
        path = folder / name
        if path.exists():
            try:
                content = json.loads(path.read_bytes())
            except ValueError:
                return None
            found = content.get("attributes", {}) if name == "zarr.json" else content
            return _checked(found.get(KEY))
    return None


def _of_parquet(path: str | Path) -> dict[str, Any] | None:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        from pixmake.base.errors import MissingPackageError

        raise MissingPackageError(f"{path}: reading Parquet", "pyarrow") from None
    try:
        metadata: Mapping[bytes, bytes] = pq.read_schema(path).metadata or {}
    except Exception:  # whatever pyarrow raises of a damaged file
        return None
    return _parsed(metadata.get(KEY.encode(), b""))


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        return _checked(json.loads(text))
    except ValueError:
        return None


def _checked(content: Any) -> dict[str, Any] | None:
    return content if isinstance(content, dict) and {"id", "step", "task"} <= content.keys() else None
