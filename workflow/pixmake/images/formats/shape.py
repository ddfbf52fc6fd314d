"""What a module that reads a format has, and what it says of a file: the one shape of all of them.

Standard library only at import: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from pixmake.images.axes import Described

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

Region = tuple[slice, ...]
"""A slice with a start and a stop for each axis of an image."""


@dataclass(frozen=True)
class Scene:
    """An image of a file, known by the file's headers alone."""

    levels: tuple[Described, ...]
    """What it is at each resolution, the full one first."""
    name: str = ""
    """What the file calls it."""
    inside: str = ""
    """Its path inside the file, if it has one: of ``a.h5/raw``, ``raw``."""
    is_main: bool = True
    """Whether it is one of the images that the file is about; else it is read only when it is asked for."""

    def at(self, level: int = 0) -> Described:
        """What it is at a level."""
        return replace(self.levels[level], levels=len(self.levels))


class FileFormat(Protocol):
    """The names of a module that reads a format. Its library is imported in its functions, not before."""

    @property
    def NAME(self) -> str:
        """What people call the format, such as ``Zeiss CZI``."""

    @property
    def SUFFIXES(self) -> Sequence[str]:
        """The suffixes of such files, in lower case, without a dot."""

    @property
    def SEARCHED(self) -> bool:
        """Whether a folder is searched for them, since such files are images and nothing else."""

    @property
    def EXTRA(self) -> str:
        """The extra of pixmake that reads it; empty if none is needed, or another package adds the format."""

    @property
    def PACKAGES(self) -> Sequence[str]:
        """What it imports: modules, or ``module=package`` where pip calls it otherwise."""

    @property
    def SEVERAL(self) -> bool:
        """Whether a file may hold several images, so that a folder's files have to be asked."""

    def recognises(self, head: bytes, path: str) -> bool:
        """Whether a file is of this format, by its first `HEAD` bytes, and by no more of it than needed."""

    def scenes(self, path: str) -> Sequence[Scene]:
        """The images of a file, by its headers."""

    def pixels(self, path: str, scene: int, level: int, region: Region) -> Array:
        """A region of one of `scenes`, with all of its axes; no more of the file is read than that needs.

        The file is opened for it and closed again: a handle crosses no fork and serves no second thread.
        """


NEEDED = (
    *("NAME", "SUFFIXES", "SEARCHED", "EXTRA", "PACKAGES", "SEVERAL"),
    *("recognises", "scenes", "pixels"),
)
"""The names that each has."""

HEAD = 512
"""The first bytes of a file, by which its format is recognised."""
