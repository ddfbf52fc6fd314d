"""A process of `pixmake check --read`: decodes the images whose paths it is told, and says what each is."""

from __future__ import annotations

import functools
import json
import signal
import sys
from typing import Any

from pixmake.base.errors import PixmakeError
from pixmake.images.axes import ImageError, Part, is_zarr, left_of
from pixmake.images.read import describe_part, read_known
from pixmake.images.tiff import is_multiplied


def _answer(path: str, part: Part) -> dict[str, Any]:
    """What one image is, or the reason why it is none, as `pixmake.project.read_check.Reading` has it."""
    try:
        array, found = read_known(path, part)
        axes = _axes(path, part, array.shape, is_known=found is not None)
    except (ImageError, PixmakeError) as error:
        return {"error": str(error).removeprefix(f"{path}: ")}
    except MemoryError:
        return {"error": "does not fit into the memory"}
    except Exception as error:  # whatever a decoder comes up with is this image's own failure
        return {"error": f"{type(error).__name__}: {error}"}
    height, width = array.shape[axes.index("y")], array.shape[axes.index("x")]
    channels = array.shape[axes.index("c")] if "c" in axes else 1
    told = {"width": width, "height": height, "dtype": _name(array.dtype), "channels": channels}
    return told | ({"is_multiplied": True} if channels > 1 and channels != 3 and is_multiplied(path) else {})


_name = functools.cache(str)
"""Of a type of numbers: NumPy takes as long for it as for opening a file."""


def _axes(path: str, part: Part, shape: tuple[int, ...], *, is_known: bool) -> str:
    """The axes of an array that was read."""
    if len(shape) == 2:
        return "yx"
    if len(shape) == 3 and shape[2] in (3, 4) and not (is_zarr(path) or is_known):
        return "yxc"
    left = left_of(describe_part(path, part), part)
    return "".join(axis for axis, size in zip(left.axes, left.shape, strict=True) if size > 1 or axis in "yx")


def main() -> int:
    """Decode the images whose paths come as lines of JSON, and answer each with a line of JSON."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    cv2.setNumThreads(1)
    for line in sys.stdin:
        answer = _answer(*json.loads(line)) if line.strip() else {}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
