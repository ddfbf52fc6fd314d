"""What pixel classification is made of, by name: filters, scales, the properties of objects.

Standard library only: the plan reads it, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

FeatureName = Literal[
    "GaussianSmoothing",
    "LaplacianOfGaussian",
    "GaussianGradientMagnitude",
    "DifferenceOfGaussians",
    "StructureTensorEigenvalues",
    "HessianOfGaussianEigenvalues",
]

FEATURES: tuple[str, ...] = get_args(FeatureName)
"""The filters, by ilastik's names and in its order."""

SCALES = (0.3, 0.7, 1.0, 1.6, 3.5, 5.0, 10.0)
"""Standard deviations of the Gaussians in pixels: those that ilastik offers."""

SMALLEST = 0.7
"""Below this scale only smoothing says anything: a derivative's kernel would have a single pixel."""

AXES = ("yx", "yxc", "cyx", "zyx", "zyxc", "czyx", "zcyx")
"""The axes that a classifier takes: a plane or a volume, of one or of several channels."""

PROPERTIES = {
    "area": "",
    "area_bbox": "",
    "area_convex": "",
    "area_filled": "",
    "axis_major_length": "",
    "axis_minor_length": "",
    "bbox": "corners",
    "centroid": "axes",
    "eccentricity": "plane",
    "equivalent_diameter_area": "",
    "euler_number": "",
    "extent": "",
    "feret_diameter_max": "",
    "intensity_max": "channels",
    "intensity_mean": "channels",
    "intensity_min": "channels",
    "intensity_std": "channels",
    "orientation": "plane",
    "perimeter": "plane",
    "perimeter_crofton": "plane",
    "solidity": "",
}
"""What can be measured of an object, by scikit-image's names (`regionprops`), and how many numbers that is:
one, one an axis, two an axis, one a channel; `plane`: one, and only of objects in a plane."""

OBJECT_PROPERTIES = ("area", "centroid", "bbox", "intensity_mean")
"""What is measured of objects unless a step says otherwise."""


class Filter(NamedTuple):
    """A filter at a scale."""

    feature: str
    scale: float
    planar: bool = False
    """Of volumes: plane by plane, as where planes are far apart."""


def selected(
    features: Iterable[str] = FEATURES, scales: Iterable[float] = SCALES, *, planar: bool = False
) -> tuple[Filter, ...]:
    """Each of these filters at each of these scales where it says anything, scale by scale."""
    chosen = set(features)
    return tuple(
        Filter(feature, scale, planar)
        for scale in sorted(set(scales))
        for feature in FEATURES
        if feature in chosen and (scale >= SMALLEST or feature == "GaussianSmoothing")
    )


def spatial(axes: str) -> str:
    """The axes without the channel."""
    return axes.replace("c", "")
