"""`training` in a step of kind ``pixel_classification``: what `pixmake train` learns from."""

from __future__ import annotations

from typing import Annotated, Self, get_args

from pydantic import Field, field_validator, model_validator

from pixmake.classifier.terms import SCALES, FeatureName
from pixmake.config.base_model import Model


class Training(Model):
    """What `pixmake train` learns a pixel classifier from, and how."""

    labels: str | None = None
    """A folder of label images, named as the images that they belong to: 0 where nothing is said, 1 for
    the first class, 2 for the second, …"""

    images: str | None = None
    """The folder of the images; default: the images of the project."""

    ilastik: Annotated[str, Field(pattern=r"^.+\.ilp$")] | None = None
    """An ilastik project: its features, class names, labels and images instead of those given here."""

    classes: list[str] = []
    """The names of the classes, the first one of label 1; default: `class_1`, `class_2`, …"""

    features: Annotated[list[FeatureName], Field(min_length=1)] = list(get_args(FeatureName))
    """The filters, by ilastik's names; default: all."""

    scales: Annotated[list[Annotated[float, Field(gt=0, le=50)]], Field(min_length=1)] = list(SCALES)
    """Standard deviations of the Gaussians in pixels; default: 0.3, 0.7, 1.0, 1.6, 3.5, 5.0, 10.0."""

    planar: bool = False
    """Of volumes: compute features plane by plane, for planes that are far apart."""

    trees: Annotated[int, Field(gt=0)] = 100
    """Trees of the forest."""

    most_pixels: Annotated[int, Field(gt=0)] = 100_000
    """Labelled pixels of each class that are learnt from; of more, so many are drawn."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Of the forest's and the draw's random numbers: the same seed makes the same classifier."""

    @field_validator("classes")
    @classmethod
    def _are_names(cls, classes: list[str]) -> list[str]:
        for name in classes:
            if not name.strip():
                raise ValueError("a class has no name")
        if len(set(classes)) < len(classes):
            raise ValueError("two classes have one name")
        if len(classes) > 254:
            raise ValueError("there are more than 254 classes")
        return classes

    @model_validator(mode="after")
    def _has_labels(self) -> Self:
        if (self.labels is None) == (self.ilastik is None):
            raise ValueError("it has either `labels`, a folder of label images, or `ilastik`, a project")
        return self
