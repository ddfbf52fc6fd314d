"""What a path is by itself: a URI, a plane that a server renders, or a file here.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import os
import re

SCHEME = "omero+"
"""What stands before the address of a rendered plane, in a table's ``path``."""

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a URI such as ``s3://bucket/key``."""
    text = path if type(path) is str else str(path)
    return "://" in text and _URI.match(text) is not None


def is_plane(path: str) -> bool:
    """Whether a path is a rendered plane of an OMERO server."""
    return path.startswith((f"{SCHEME}http://", f"{SCHEME}https://"))


def is_grey_plane(path: str) -> bool:
    """Whether a path is a plane that holds grey values alone: JPEG repeats them in all three colours."""
    return is_plane(path) and "m=g" in path.partition("?")[2].split("&")
