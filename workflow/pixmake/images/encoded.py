"""What the bytes of a PNG, JPEG, WebP, GIF, BMP, PGM, PPM or JPEG 2000 file say before OpenCV decodes them.

OpenCV fills up a file that ends too early with grey, takes the first of several frames, and leaves most files
as a camera held the sensor; and it reports none of that. Standard library only.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pixmake.images.tiff_tags import orientation_of


@dataclass(frozen=True)
class Encoded:
    """What is known of an encoded image."""

    is_whole: bool = True
    frames: int = 1
    """How many pictures it shows one after the other."""
    orientation: int = 1
    """By EXIF, where OpenCV does not turn the image itself."""
    is_colour: bool = False
    """Whether OpenCV has to be told that it has colours."""
    refused: str = ""
    """Why OpenCV is not asked to decode it."""


def examined(content: bytes) -> Encoded:
    """What the bytes of an image say of it; of formats that are not known here nothing."""
    for magic, look in _FORMATS:
        if content.startswith(magic):
            try:
                return look(content)
            except (struct.error, IndexError, ValueError):
                return Encoded(is_whole=False)
    return Encoded()


def may_move(start: bytes) -> bool:
    """Whether a file that begins so may have several frames."""
    return start.startswith((b"\x89PNG", b"GIF8")) or (start.startswith(b"RIFF") and start[8:12] == b"WEBP")


def _png(content: bytes) -> Encoded:
    whole, frames, orientation = False, 1, 1
    position = 8
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"IEND":
            whole = True
            break
        if kind == b"acTL":
            (frames,) = struct.unpack_from(">I", content, position + 8)
        elif kind == b"eXIf":
            orientation = orientation_of(content[position + 8 : position + 8 + length])
        position += 12 + length
    return Encoded(whole, frames, orientation)


def _jpeg(content: bytes) -> Encoded:
    """Whether the end marker of a JPEG follows its scan, past the header with its own thumbnail."""
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xDA:
            return Encoded(content.find(b"\xff\xd9", position) >= 0)
        length = int.from_bytes(content[position + 2 : position + 4], "big")
        position += 1 if marker == 0xFF else 2 + length
    return Encoded(b"\xff\xd9" in content[position:])


def _riff(content: bytes) -> Encoded:
    if content[8:12] != b"WEBP":
        return Encoded()
    frames, orientation = 0, 1
    for kind, start, length in _chunks(content):
        if kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            exif = content[start : start + length]
            orientation = orientation_of(exif.removeprefix(b"Exif\0\0"))
    whole = int.from_bytes(content[4:8], "little") + 8 <= len(content)
    return Encoded(whole, max(1, frames), orientation)


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a WebP: what they are called, where they begin and how long they are."""
    position = 12
    while position + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        yield kind, position + 8, length
        position += 8 + length + length % 2


def _gif(content: bytes) -> Encoded:
    """The pictures of a GIF, past its tables of colours and its blocks."""
    flags = content[10]
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    frames = 0
    while position < len(content) and content[position] != 0x3B:
        if content[position] == 0x2C:
            frames += 1
            flags = content[position + 9]
            position += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        else:
            position += 2
        while content[position]:  # sub-blocks, up to an empty one
            position += 1 + content[position]
        position += 1
    return Encoded(position <= len(content), max(1, frames))


def _bmp(content: bytes) -> Encoded:
    start, header = struct.unpack_from("<II", content, 10)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", content, 18)
        compression, said = 0, 0
    else:
        width, height, _, bits, compression, said = struct.unpack_from("<iiHHII", content, 18)
    size = (width * bits + 31) // 32 * 4 * abs(height)
    if compression in (1, 2, 4, 5):  # runs, JPEG, PNG: as long as they say
        size = said
    # of the short header OpenCV takes colours for grey
    return Encoded(start + size <= len(content), is_colour=header == 12)


def _netpbm(content: bytes) -> Encoded:
    kind = content[:2]
    head = re.match(rb"P[2356](?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s", content)
    if head is None:
        return Encoded(is_whole=len(content) > 512)
    width, height, most = map(int, head.groups())
    values = width * height * (3 if kind in (b"P3", b"P6") else 1)
    if kind in (b"P2", b"P3"):
        return Encoded(len(re.sub(rb"#[^\n]*", b"", content[head.end() :]).split()) >= values)
    return Encoded(len(content) - head.end() >= values * (2 if most > 255 else 1))


def _pam(content: bytes) -> Encoded:
    head = content[: max(0, content.find(b"ENDHDR"))]
    said = {key: int(value) for key, value in re.findall(rb"^(\w+)[ \t]+(\d+)", head, re.MULTILINE)}
    if said.get(b"DEPTH", 0) < 3:
        return Encoded()
    return Encoded(refused="is a PAM in colour, of which OpenCV takes red for blue: make it a PPM or PNG")


def _jp2(content: bytes) -> Encoded:
    """Whether the codestream of a JPEG 2000 file, which is in one of its boxes, has its end marker."""
    position = 0
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, position + 8)
        end = position + length if length else len(content)
        if kind == b"jp2c":
            return Encoded(end <= len(content) and _ends(content[position:end]))
        if end <= position:
            break
        position = end
    return Encoded(is_whole=False)


def _codestream(content: bytes) -> Encoded:
    return Encoded(_ends(content))


def _ends(codestream: bytes) -> bool:
    """Whether the end marker is there: it is nowhere in the data, which begin after another one."""
    return codestream.find(b"\xff\xd9", max(0, codestream.find(b"\xff\x93"))) >= 0


_FORMATS: tuple[tuple[bytes, Callable[[bytes], Encoded]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8", _jpeg),
    (b"RIFF", _riff),
    (b"GIF8", _gif),
    (b"BM", _bmp),
    (b"P2", _netpbm),
    (b"P3", _netpbm),
    (b"P5", _netpbm),
    (b"P6", _netpbm),
    (b"P7", _pam),
    (b"\0\0\0\x0cjP  ", _jp2),
    (b"\xff\x4f\xff\x51", _codestream),
)
"""How files begin, and what looks at the rest."""
