"""Pixels, wherever they lie: what an image is, which part of it, and how it is read.

For users' own code: `describe` and `read_image`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixmake.images.read import describe as describe
    from pixmake.images.read import read_image as read_image


def __getattr__(name: str) -> Any:
    if name in ("describe", "read_image"):  # when first asked for: most of this room does without them
        from pixmake.images import read

        return getattr(read, name)
    raise AttributeError(f"module 'pixmake.images' has no attribute {name!r}")
