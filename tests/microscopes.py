"""Files of microscopes, made byte by byte as their vendors' programs lay them out."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CZI_TYPES = {("uint8", 1): 0, ("uint16", 1): 1, ("float32", 1): 2, ("uint8", 3): 3, ("uint16", 3): 4}


@dataclass(frozen=True)
class Block:
    """A block of a CZI."""

    pixels: np.ndarray
    """Y, X, or Y, X and blue, green, red."""
    start: Mapping[str, int]
    """Where it lies: X and Y in pixels, and the indices S, T, C, Z."""
    order: int = 0
    compression: int = 0
    data: bytes | None = None
    """Its compressed pixels."""
    zoom: int = 1
    """More than 1: a block of the pyramid, for so many pixels each."""


def write_czi(path: Path, blocks: Sequence[Block], xml: str = "<ImageDocument/>") -> Path:
    """A Zeiss CZI: a header, the blocks, their directory, and the metadata."""
    content = bytearray(32 + 512)
    entries, places = [], []
    for block in blocks:
        entry = _entry(block, len(content))
        data = block.data if block.data is not None else np.ascontiguousarray(block.pixels).tobytes()
        body = struct.pack("<iiq", 0, 0, len(data)) + entry
        body = body.ljust(16 + max(240, len(entry)), b"\0") + data
        places.append(len(content))
        content += _segment(b"ZISRAWSUBBLOCK", body)
        entries.append(entry)
    directory = len(content)
    content += _segment(b"ZISRAWDIRECTORY", struct.pack("<i124x", len(entries)) + b"".join(entries))
    metadata = len(content)
    text = xml.encode()
    content += _segment(b"ZISRAWMETADATA", struct.pack("<ii248x", len(text), 0) + text)
    head = struct.pack("<iiii16s16siqqiq", 1, 0, 0, 0, b"", b"", 0, directory, metadata, 0, 0)
    content[: 32 + 512] = _segment(b"ZISRAWFILE", head.ljust(512, b"\0"))[: 32 + 512]
    path.write_bytes(content)
    return path


def _segment(name: bytes, body: bytes) -> bytes:
    size = -(-len(body) // 32) * 32
    return struct.pack("<16sqq", name, size, len(body)) + body.ljust(size, b"\0")


def _entry(block: Block, position: int) -> bytes:
    height, width, *samples = block.pixels.shape
    stored = {"X": width, "Y": height}
    dimensions = [
        ("X", stored["X"]),
        ("Y", stored["Y"]),
        *((name, 1) for name in block.start if name not in "XY"),
    ]
    dimensions.append(("M", 1))
    kind = CZI_TYPES[str(block.pixels.dtype), samples[0] if samples else 1]
    listed = b"".join(
        struct.pack(
            "<4siifi",
            name.encode(),
            block.order if name == "M" else block.start[name],
            size * (block.zoom if name in "XY" else 1),
            0.0,
            size,
        )
        for name, size in dimensions
    )
    pyramid = 1 if block.zoom > 1 else 0
    head = struct.pack(
        "<2siqiiBB4si", b"DV", kind, position, 0, block.compression, pyramid, 0, b"", len(dimensions)
    )
    return head + listed
