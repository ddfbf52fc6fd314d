"""Steps that open their images by themselves, and the TIFFs that OpenCV decodes for them wrongly.

What pixmake decodes is right or refused; a workflow of PlantCV, a script or a command reads as it does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pixmake.base.errors import PixmakeError
from pixmake.config.models import Config
from pixmake.images.axes import ImageError
from pixmake.images.remote.uris import is_remote
from pixmake.images.tiff import looked_at
from pixmake.images.tiff_tags import is_tiff, wrong_in_opencv
from pixmake.plan.kinds import opens_images
from pixmake.table.groups import Group

_SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Misread:
    """TIFFs that a step's own reader may get wrong."""

    steps: tuple[str, ...]
    """Those that open their images by themselves."""
    tiffs: int
    """How many TIFFs there are."""
    files: Mapping[str, str]
    """Of those that OpenCV decodes otherwise, the path: what they have."""

    def __str__(self) -> str:
        """One line, as `pixmake check` prints it."""
        steps = " and ".join(self.steps)
        reads = "reads its images by itself" if len(self.steps) == 1 else "read their images by themselves"
        kinds = Counter(self.files.values())
        first = {why: path for path, why in reversed(list(self.files.items()))}
        some = "; ".join(f"{count} with {why}, e.g. {first[why]}" for why, count in kinds.most_common(3))
        more = f"; {len(kinds) - 3} kinds more" if len(kinds) > 3 else ""
        return (
            f"{steps} {reads}: {len(self.files)} of {self.tiffs} TIFFs are of kinds that OpenCV decodes "
            f"wrongly and in silence ({some}{more}); `pixmake inspect` names them"
        )


def misread(config: Config, groups: Sequence[Group]) -> Misread | None:
    """The TIFFs on this machine's disks that steps which read by themselves may get wrong, if any.

    Parameters
    ----------
    config
        The steps.
    groups
        The images.
    """
    steps = tuple(_readers(config))
    if not steps:
        return None
    paths = dict.fromkeys(path for group in groups for path in group.paths)
    tiffs = [
        path for path in paths if path.lower().endswith(_SUFFIXES) and not is_remote(path) and is_tiff(path)
    ]
    files = {path: why for path in tiffs if (why := _why(path))}
    return Misread(steps, len(tiffs), files) if files else None


def _readers(config: Config) -> Iterator[str]:
    for name, step in config.steps.items():
        try:
            if opens_images(step):
                yield name
        except PixmakeError:  # a function that cannot be read is told of elsewhere
            continue


def _why(path: str) -> str:
    try:
        return next(wrong_in_opencv(looked_at(path)), "")
    except ImageError:  # `check --read` tells of it
        return ""
