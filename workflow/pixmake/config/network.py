"""`network` in a step of kind ``onnx``: what goes into a network, and what comes out of it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pixmake.config.base_model import Model

AXES = ("yx", "cyx", "bcyx", "byxc", "zyx", "czyx", "bczyx", "bzyxc")


def _axes(given: str) -> str:
    """Axes of a network's input."""
    if given in AXES:
        return given
    raise ValueError(f"{given!r} are no axes of a network, one of: {', '.join(AXES)}")


Numbers = float | Annotated[list[float], Field(min_length=1)]


class Network(Model):
    """What a network takes and gives."""

    axes: Annotated[str, AfterValidator(_axes)] = "bcyx"
    """The axes of its input, and of its output: `b` is one tile, `c` the channels."""

    tile: Annotated[int, Field(ge=8)] | None = None
    """Pixels of a tile along each axis; default: what the network is made for, or 256."""

    overlap: Annotated[int, Field(ge=0)] | None = None
    """Pixels at each side of a tile that are cut off again, since the network sees too little around
    them; default: an eighth of the tile."""

    channels: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = None
    """The image's channels that it takes, in its order, from 0; default: all. OpenCV has blue first, so for
    a network of red, green, blue it is `[2, 1, 0]`."""

    subtract: Numbers = 0.0
    """Is subtracted from each value; of several channels a list."""

    divide: Numbers = 1.0
    """By which each value is then divided, such as 255."""

    percentiles: (
        Annotated[list[Annotated[float, Field(ge=0, le=100)]], Field(min_length=2, max_length=2)] | None
    ) = None
    """Of each channel of the whole image, such as `[1, 99.8]`: they become 0 and 1."""

    output: Literal["probabilities", "logits", "labels", "distances"] = "probabilities"
    """What it gives: `probabilities` of each class, `logits` of them, the numbers of classes as `labels`,
    or `distances`, which stay as they are."""

    classes: Annotated[list[str], Field(min_length=1)] = ["object"]
    """The names of its classes, the first one of label 1."""

    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """A pixel whose probabilities are all below it has label 0; default: of one class 0.5; of several none,
    so that each pixel has the likeliest class."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.percentiles and self.percentiles[0] >= self.percentiles[1]:
            raise ValueError("percentiles: the first one is to be below the second")
        if self.tile and self.overlap and 2 * self.overlap >= self.tile:
            raise ValueError(f"an overlap of {self.overlap} leaves nothing of a tile of {self.tile}")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("two classes have one name")
        return self
