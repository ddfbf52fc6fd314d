"""Nikon ND2: each position of the stage an image; of it the planes are read that are asked for.

What the file says of a size counts only where it is calibrated: else nd2 has 1 micrometer. Colours are blue,
green, red in the file, and nd2 leaves them so.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import UNNAMED, Described
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "Nikon ND2"
SUFFIXES = ("nd2",)
SEARCHED = True
EXTRA = "nd2"
PACKAGES = ("nd2",)
SEVERAL = True

_JPEG_2000 = b"\0\0\0\x0cjP  "
_LOOPS = {"TimeLoop": "t", "NETimeLoop": "t", "ZStackLoop": "z"}
_POSITIONS = "XYPosLoop"


def recognises(head: bytes, path: str) -> bool:
    """By its first bytes; what was written before 2010 is JPEG 2000, and called so alone by its name."""
    return head.startswith(b"\xda\xce\xbe\x0a") or (
        head.startswith(_JPEG_2000) and path.lower().endswith(".nd2")
    )


def scenes(path: str) -> Sequence[Scene]:
    """A scene for each position, by its name if it has one."""
    with _opened(path) as file:
        described = _described(file)
        points = [
            getattr(loop.parameters, "points", ()) for loop in file.experiment if loop.type == _POSITIONS
        ]
    names = [str(point.name or "") for point in points[0]] if points else [""]
    return [Scene((described,), name) for name in names]


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """The frames that the region touches: in one, all channels stand together."""
    import numpy as np

    with _opened(path) as file:
        described, loops = _described(file), file.experiment
        asked = dict(zip(described.axes, region, strict=True))
        letters = _letters(loops)
        colours = described.axes[-1] not in "yx"
        channels = file.attributes.channelCount or 1
        frame = (channels, described.size("y"), described.size("x"), file.components_per_channel)
        if not colours:  # whatever makes up a channel is one of its own
            frame = (described.size("c"), frame[1], frame[2], 1)
        out = np.empty([each.stop - each.start for each in region], described.dtype)
        leading = [letter for letter in letters if letter != _POSITIONS]
        spans = [range(asked[letter].start, asked[letter].stop) for letter in leading]
        for at in itertools.product(*spans):
            where = dict(zip(leading, at, strict=True))
            index = [scene if letter == _POSITIONS else where[letter] for letter in letters]
            number = int(np.ravel_multi_index(index, [loop.count for loop in loops])) if loops else 0
            plane = np.asarray(file.read_frame(number)).reshape(frame)
            part = plane[:, asked["y"], asked["x"]]
            inner = [at - span.start for at, span in zip(at, spans, strict=True)]
            if colours and channels > 1:
                out[tuple(inner)] = part[asked["c"]][..., region[-1]]
            elif colours:
                out[tuple(inner)] = part[0][..., region[-1]]
            else:
                out[tuple(inner)] = part[asked["c"], ..., 0]
    return out


def _opened(path: str) -> Any:
    from nd2 import ND2File

    return ND2File(path)


def _letters(loops: Sequence[Any]) -> list[str]:
    unnamed = iter(UNNAMED + "jklmnopq")
    return [
        _POSITIONS if loop.type == _POSITIONS else _LOOPS.get(loop.type) or next(unnamed) for loop in loops
    ]


def _described(file: Any) -> Described:
    attributes, loops = file.attributes, file.experiment
    sizes = {
        letter: loop.count
        for letter, loop in zip(_letters(loops), loops, strict=True)
        if letter != _POSITIONS
    }
    channels = attributes.channelCount or 1
    colours = file.components_per_channel if file.is_rgb else 1
    if colours == 1:
        channels = attributes.componentCount
    if channels > 1 or colours == 1:
        sizes["c"] = channels
    sizes |= {"y": attributes.heightPx, "x": attributes.widthPx}
    if colours > 1:
        sizes["s" if channels > 1 else "c"] = colours
    known = _channels(file)
    names = tuple(str(channel.channel.name or "") for channel in known)
    return Described(
        "".join(sizes),
        tuple(sizes.values()),
        str(file.dtype),
        {axis: size for axis, size in _sizes(known, loops).items() if axis in sizes},
        names if all(names) and len(names) == sizes.get("c") else (),
    )


def _channels(file: Any) -> Sequence[Any]:
    """What is known of the channels; nothing where nd2 stumbles over what the file says of them."""
    try:
        return file.metadata.channels or []
    except Exception:  # pixels do not need it
        return []


def _sizes(known: Sequence[Any], loops: Sequence[Any]) -> dict[str, tuple[float, str]]:
    sizes: dict[str, tuple[float, str]] = {}
    for loop in loops:
        period = getattr(loop.parameters, "periodMs", 0) or 0
        if loop.type == "TimeLoop" and period > 0:
            sizes["t"] = (period / 1000, "second")
    if known:
        volume = known[0].volume
        for axis, size, calibrated in zip("xyz", volume.axesCalibration, volume.axesCalibrated, strict=True):
            if calibrated and size > 0:
                sizes[axis] = (size, "micrometer")
    return sizes
