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


@dataclass(frozen=True)
class Series:
    """A series of a LIF: its name, its pixels, and the axes in which they lie, the slowest first."""

    name: str
    pixels: np.ndarray
    axes: str
    steps: Mapping[str, float]
    """From pixel to pixel, in metres; of t in seconds."""
    channels: Sequence[str] = ("Gray",)
    tags: Sequence[int] = (0,)
    """Of each channel; 1, 2, 3 are red, green, blue."""
    is_written: bool = True
    """Whether there is more than a hole in the file where its pixels are."""


LIF_AXES = {"x": 1, "y": 2, "z": 3, "t": 4, "m": 10}


def write_lif(path: Path, series: Sequence[Series]) -> Path:
    """A Leica LIF: XML in letters of two bytes, then the pixels of each series."""
    elements = "".join(_series(number, each) for number, each in enumerate(series))
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="experiment"><Children>'
        f"{elements}</Children></Element></LMSDataContainerHeader>"
    ).encode("utf-16-le")
    with path.open("wb") as file:
        file.write(struct.pack("<IIBI", 0x70, len(xml) + 5, 0x2A, len(xml) // 2) + xml)
        for number, each in enumerate(series):
            name = f"MemBlock_{number}".encode("utf-16-le")
            head = (0x70, 18 + len(name), 0x2A, each.pixels.nbytes, 0x2A, len(name) // 2)
            file.write(struct.pack("<IIBQBI", *head) + name)
            if each.is_written:
                file.write(each.pixels.tobytes())
            else:
                file.seek(each.pixels.nbytes, 1)
    return path


def _series(number: int, series: Series) -> str:
    sizes = dict(zip(series.axes, series.pixels.shape, strict=True))
    strides = dict(zip(series.axes, series.pixels.strides, strict=True))
    dimensions = "".join(
        f'<DimensionDescription DimID="{LIF_AXES[axis]}" NumberOfElements="{sizes[axis]}" Origin="0" '
        f'Length="{series.steps.get(axis, 0) * (sizes[axis] - 1)}" Unit="{"s" if axis == "t" else "m"}" '
        f'BytesInc="{strides[axis]}" BitInc="0"/>'
        for axis in reversed(series.axes)
        if axis != "c"
    )
    bits = 8 * series.pixels.dtype.itemsize
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="{tag}" Resolution="{bits}" NameOfMeasuredQuantity="" '
        f'Min="0" Max="255" Unit="" LUTName="{name}" IsLUTInverted="0" '
        f'BytesInc="{n * strides.get("c", 0)}" BitInc="0"/>'
        for n, (name, tag) in enumerate(zip(series.channels, series.tags, strict=True))
    )
    return (
        f'<Element Name="{series.name}"><Data><Image><ImageDescription><Channels>{channels}</Channels>'
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{series.pixels.nbytes}" MemoryBlockID="MemBlock_{number}"/></Element>'
    )


ND2_MAGIC = 0x0ABECEDA


def write_nd2(
    path: Path,
    frames: np.ndarray,
    loops: Sequence[tuple[str, int]] = (),
    *,
    channels: Sequence[str] = (),
    micrometers: float = 0,
    names: Sequence[str] = (),
) -> Path:
    """A Nikon ND2: chunks, of which each frame is one, and a map of them at the end.

    Parameters
    ----------
    path
        Where to.
    frames
        Frame, Y, X, component.
    loops
        ``t``, ``p`` (positions) and ``z``, the outer one first, and how often each was run.
    channels
        Their names; without them all components are the colours of one.
    micrometers
        The size of a pixel; 0: not calibrated.
    names
        Of the positions.
    """
    count, height, width, components = frames.shape
    bits = 8 * frames.dtype.itemsize
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": width * components * frames.dtype.itemsize,
        "uiHeight": height,
        "uiComp": components,
        "uiBpcInMemory": bits,
        "uiBpcSignificant": bits,
        "uiSequenceCount": count,
        "eCompression": 2,
    }
    named = channels or ("Colours",)
    planes = {
        f"a{number}": {
            "sDescription": name,
            "uiCompCount": components // len(named),
            "uiSampleIndex": number,
            "pFluorescentProbe": {"sName": name},
        }
        for number, name in enumerate(named)
    }
    picture = {
        "dCalibration": float(micrometers),
        "bCalibrated": bool(micrometers),
        "sPicturePlanes": {"uiCount": len(named), "sPlaneNew": planes},
    }
    chunks = [(b"ImageAttributesLV!", _clx("SLxImageAttributes", attributes))]
    chunks.append((b"ImageMetadataSeqLV|0!", _clx("SLxPictureMetadata", picture)))
    if loops:
        chunks.append((b"ImageMetadataLV!", _clx("SLxExperiment", _experiment(loops, names))))
    chunks.append((b"CustomData|AcqTimesCache!", np.arange(count, dtype=np.float64).tobytes()))
    chunks += [(b"ImageDataSeq|%d!" % n, b"\0" * 8 + frame.tobytes()) for n, frame in enumerate(frames)]
    content = bytearray(_chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"), 32))
    listed = b""
    for name, data in chunks:
        listed += name + struct.pack("<QQ", len(content), len(data))
        content += _chunk(name, data, 4072)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!"
    place = len(content)
    content += _chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", listed + end + struct.pack("<Q", place), 32)
    path.write_bytes(content)
    return path


def _experiment(loops: Sequence[tuple[str, int]], names: Sequence[str]) -> dict[str, object]:
    (kind, count), *inner = loops
    points = {
        f"i{n:010}": {
            "dPosX": float(n),
            "dPosY": 0.0,
            "dPosZ": 0.0,
            "pPosName": names[n] if n < len(names) else "",
        }
        for n in range(count)
    }
    parameters: dict[str, tuple[int, dict[str, object]]] = {
        "t": (1, {"uiCount": count, "dStart": 0.0, "dPeriod": 500.0, "dDuration": 0.0}),
        "p": (2, {"uiCount": count, "Points": points}),
        "z": (4, {"uiCount": count, "dZStep": 2.0, "dZLow": 0.0, "dZHigh": 0.0}),
    }
    number, how = parameters[kind]
    told: dict[str, object] = {"eType": number, "uLoopPars": how}
    return told | ({"ppNextLevelEx": {"i0000000000": _experiment(inner, names)}} if inner else {})


def _chunk(name: bytes, data: bytes, reserved: int) -> bytes:
    return struct.pack("<IIQ", ND2_MAGIC, reserved, len(data)) + name.ljust(reserved, b"\0") + data


def _clx(name: str, value: object) -> bytes:
    """A value under its name, as NIS-Elements keeps metadata."""
    title = f"{name}\0".encode("utf-16-le")
    kinds = {bool: (1, "<B"), int: (3, "<I"), float: (6, "<d")}
    if isinstance(value, str):
        return struct.pack("BB", 8, len(name) + 1) + title + f"{value}\0".encode("utf-16-le")
    if not isinstance(value, dict):
        number, packed = kinds[type(value)]
        return struct.pack("BB", number, len(name) + 1) + title + struct.pack(packed, value)
    inner = [_clx(key, each) for key, each in value.items()]
    head = 2 + len(title) + 12
    size = head + sum(map(len, inner))
    level = struct.pack("BB", 11, len(name) + 1) + title + struct.pack("<IQ", len(inner), size)
    return level + b"".join(inner) + b"\0" * 8 * len(inner)
