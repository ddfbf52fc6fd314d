"""Whether the strips and tiles of a TIFF are whole: decoders fill up what a compressed one lacks, in silence.

Standard library only at import.
"""

from __future__ import annotations

import struct
import zlib

from pixmake.images.axes import ImageError
from pixmake.images.tiff_tags import DEFLATE, LZW, OLD_DEFLATE, PACKBITS, compression_name

_HOLE = bytes(16)
"""What no LZW encoder writes: it has a code for two zeros before it needs the third."""

_SCAN = 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's markers: of pixels, and of what is said before them of their size."""

_CLEAR, _END = 256, 257
_WIDTHS = ((9, 254), (10, 512), (11, 1024), (12, 2050))
"""Of LZW's codes after one that clears the table: their bits, and how many have as many."""


def damage(compression: int, data: bytes, sizes: tuple[int, ...]) -> str:
    """Why a compressed strip or tile is not what was written, as far as that can be told at little cost.

    Parameters
    ----------
    compression
        TIFF's number of it.
    data
        The compressed bytes.
    sizes
        How many bytes they are to make: a last strip may be filled up to the length of the others.

    Returns
    -------
    str
        Empty if nothing is known to be wrong.
    """
    if compression == LZW and _HOLE in data:
        return "a hole of zeros"
    if compression == PACKBITS:
        size = packbits_size(data)
        return "" if size in sizes else _unequal(size, sizes)
    if compression in (DEFLATE, OLD_DEFLATE):
        try:
            size = len(zlib.decompress(data))
        except zlib.error as error:
            return str(error)
        return "" if size >= min(sizes) else _unequal(size, sizes)
    return ""


def jpeg_damage(data: bytes, rows: int, columns: int, samples: int) -> str:
    """Why a JPEG is not the strip or tile that it stands for; empty if nothing is known to be wrong.

    Parameters
    ----------
    data
        The JPEG, with or without its tables.
    rows, columns, samples
        What it has to have at least, and how many samples a pixel.
    """
    position, is_seen = 2, False
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == _SCAN:
            whole = is_seen and data.rfind(b"\xff\xd9", position) >= 0
            return "" if whole else "its end is missing" if is_seen else "it does not say what it is"
        if marker in _FRAMES:
            if position + 10 > len(data):
                break
            height, width, has = struct.unpack_from(">HHB", data, position + 5)
            if has != samples:
                return f"it has {has} samples a pixel instead of {samples}"
            if width < columns or 0 < height < rows:
                return f"it has {width} × {height} pixels instead of {columns} × {rows}"
            is_seen = True
        position += 1 if marker == 0xFF else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return "it ends before its pixels"


def short_lzw(data: bytes, size: int) -> str:
    """Why the codes of an LZW strip do not make as many bytes as it is to have; empty if they do."""
    if _decodes_lzw(data, size):
        return ""
    made = lzw_size(data)
    return "" if made >= size else _unequal(made, (size,))


def _decodes_lzw(data: bytes, size: int) -> bool:
    """Whether a decoder in C, if one is installed, makes so many bytes: black margins end in zeros, too."""
    try:
        from imagecodecs import lzw_decode
    except ImportError:
        return False
    try:
        return len(lzw_decode(data)) >= size
    except Exception:  # what is wrong is counted and told by the caller
        return False


def packbits_size(data: bytes) -> int:
    """How many bytes a PackBits strip makes; as many as come before the damage where it ends in a run."""
    at, made, end = 0, 0, len(data)
    while at < end:
        count = data[at]
        if count < 128:
            at += count + 2
            made += count + 1 - max(0, at - end)
        elif count > 128:
            at += 2
            made += 257 - count if at <= end else 0
        else:
            at += 1
    return made


def lzw_size(data: bytes) -> int:
    """How many bytes an LZW strip makes: those before the first code that cannot be one."""
    import numpy as np

    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    at = made = 0
    while True:
        lengths: list[int] = []  # of the table's own entries, which begin at 258
        last = 0
        for width, most in _WIDTHS:
            number = min(most, (len(bits) - at) // width)
            powers = 1 << np.arange(width - 1, -1, -1)
            for code in (bits[at : at + number * width].reshape(number, width) @ powers).tolist():
                at += width
                if code in (_CLEAR, _END):
                    break
                if last:
                    lengths.append(last + 1)
                last = 1 if code < _CLEAR else lengths[code - 258] if code - 258 < len(lengths) else 0
                if not last:
                    return made
                made += last
            else:
                if number == most:
                    continue
                return made
            break
        else:
            return made
        if code == _END:
            return made


def _unequal(made: int, sizes: tuple[int, ...]) -> str:
    return f"it makes {made} bytes instead of {sizes[0]}"


def unwritten(path: str) -> ImageError:
    """What is said of a file that its program laid out and did not fill."""
    return ImageError(f"{path}: is damaged: a part of its pixels was never written")


def cut_short(path: str) -> ImageError:
    """What is said of a file that ends before its pixels do."""
    return ImageError(f"{path}: the file is cut short: its last part is missing")


def damaged(path: str, offset: int, compression: int, why: str) -> ImageError:
    """What is said of a file with a strip or tile that is not what was written."""
    name = compression_name(compression)
    return ImageError(f"{path}: is damaged at byte {offset}: a strip or tile of {name} is not whole ({why})")
