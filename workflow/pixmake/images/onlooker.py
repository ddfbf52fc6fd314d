"""Who looks at an image's pixels in the moment in which they are decoded: its job, for the page.

An analysis may write over them, and what it is given is its own. Standard library only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Part

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
    Look = Callable[[str, Part, str | None, Array], None]

_LOOKS: list[Look] = []


@contextlib.contextmanager
def looking_on(look: Look) -> Iterator[None]:
    """Have each image that is decoded meanwhile looked at.

    Parameters
    ----------
    look
        Is given its path, which part of it is meant, the axes that were asked for, and the pixels, which it
        leaves as they are.
    """
    _LOOKS.append(look)
    try:
        yield
    finally:
        _LOOKS.pop()


def show(path: str, part: Part, axes: str | None, array: Array) -> None:
    """Show the pixels of an image that was decoded to who looks on, if somebody does."""
    if _LOOKS:
        _LOOKS[-1](path, part, axes, array)
