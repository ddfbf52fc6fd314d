"""What paths say of an OME-Zarr: which part of one is its outside, and which file stands for an image in it.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import os

METADATA = (".zattrs", "zarr.json")
"""The file that says what a group is: of Zarr v2, of v3."""

_ARRAY = ".zarray"
"""The file that says what an array of Zarr v2 is, which may be all that there is."""

_SUFFIX = ".zarr"


def outermost(path: str) -> str:
    """The OME-Zarr that a path is of or inside of.

    Examples
    --------
    >>> outermost("plates/p1.zarr/A/1/0")
    'plates/p1.zarr'
    """
    parts = path.split("/")
    for number, part in enumerate(parts, 1):
        if part.endswith(_SUFFIX):
            return "/".join(parts[:number])
    return path


def metadata_file(path: str) -> str:
    """The file of a local OME-Zarr that changes when the image is written anew.

    Where neither is there, the one that Zarr v2 would have.
    """
    for name in (*reversed(METADATA), _ARRAY):
        found = f"{path.rstrip('/')}/{name}"
        if os.path.isfile(found):
            return found
    return f"{path.rstrip('/')}/{METADATA[0]}"
