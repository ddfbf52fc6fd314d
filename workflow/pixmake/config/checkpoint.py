"""The part `images.checkpoint` of config.yaml: how images are found in videos, stacks and archives."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from pixmake.config.base_model import Model

KINDS = ("frames", "pages", "members", "function")
"""The keys of `Checkpoint` of which exactly one is given."""

TERMS = {
    "frames": ("container", "image", "frame", "seconds"),
    "pages": ("container", "image", "page"),
    "members": ("container", "image", "member"),
    "function": ("container", "image"),
}
"""The columns that found images have besides those of their container."""


class Frames(Model):
    """Frames of a video."""

    every: Annotated[int, Field(gt=0)] | None = None
    """Every so many frames, the first one included; default: all."""

    seconds: Annotated[float, Field(gt=0)] | None = None
    """A frame every so many seconds, the first one included."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.every is not None and self.seconds is not None:
            raise ValueError("give either every or seconds")
        return self


class Pages(Model):
    """Pages of a multi-page TIFF."""

    every: Annotated[int, Field(gt=0)] = 1
    """Every so many pages, the first one included."""


class Members(Model):
    """Members of a zip or tar archive."""

    match: str | list[str] = []
    """Patterns such as `*.png` or `trial1/*`; default: all images."""

    member_gb: Annotated[float, Field(gt=0)] = 1
    """What one member may hold at most, unpacked, in GB: a small archive can hold more than a disk does."""

    total_gb: Annotated[float, Field(gt=0)] = 20
    """What all images of one archive may hold at most."""


class Checkpoint(Model):
    """How images are found in the files that the source names: exactly one of the first four keys."""

    frames: Frames | None = None
    """Frames of a video."""

    pages: Pages | None = None
    """Pages of a multi-page TIFF."""

    members: Members | None = None
    """Members of a zip or tar archive."""

    function: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """`FILE.py:NAME`, a function of a file that yields images, each with its metadata."""

    params: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Any] = {}
    """Arguments of the function, by name."""

    retries: Annotated[int, Field(ge=0)] = 0
    """How often a file that fails is tried again within one run."""

    timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds after which the work on one file is ended."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"names {' and '.join(given)}" if given else "does not say what to find"
            raise ValueError(f"{what}; it has exactly one of: {', '.join(KINDS)}")
        if self.params and self.function is None:
            raise ValueError("params are arguments of a function")
        return self

    @property
    def kind(self) -> str:
        """What is looked for: one of `KINDS`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)
