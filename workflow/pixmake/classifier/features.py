"""The features of a pixel: what filters at several scales say of its surroundings.

The filters are ilastik's: see `feature_planes` for what each is. A value depends on a pixel's surroundings
alone and not on the piece of the image that it is computed in, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby

import cv2
import numpy as np
import numpy.typing as npt

from pixmake.classifier.terms import Filter

Array = npt.NDArray[np.float32]
Region = tuple[slice, ...]
"""A part of a plane or volume: one slice an axis, with its ends."""

_WINDOW = 3.5
"""Half a kernel, in standard deviations."""
_LANES = 64
"""OpenCV computes the last few pixels of a row in another way, with other rounding, than whole vectors.
Rows of a multiple of this length have no such last pixels (AVX-512: 16 floats, four at a time)."""
_EIGENVALUES = ("StructureTensorEigenvalues", "HessianOfGaussianEigenvalues")
_OUTER = 0.5
_NARROW = 0.66


def halo(filters: Sequence[Filter]) -> int:
    """How far the surroundings reach that a pixel's features depend on, in pixels."""
    return max((_reach(each.scale) for each in filters), default=0)


def feature_names(filters: Sequence[Filter], dimensions: int) -> list[str]:
    """The name of each plane that `feature_planes` makes of a channel."""
    names = []
    for each in filters:
        name = f"{each.feature} {each.scale:g}{' in 2D' if each.planar and dimensions == 3 else ''}"
        count = _count(each, dimensions)
        names += [name] if count == 1 else [f"{name} [{number}]" for number in range(count)]
    return names


def cut(channel: npt.NDArray[np.generic], region: Region, margin: Sequence[int]) -> Array:
    """A region of a plane or volume with a margin at each side; beyond its edge the image is mirrored."""
    found = channel
    for axis, (part, more) in enumerate(zip(region, margin, strict=True)):
        start, stop, size = part.start - more, part.stop + more, channel.shape[axis]
        if start >= 0 and stop <= size:
            found = found[(slice(None),) * axis + (slice(start, stop),)]
        else:
            period = max(1, 2 * size - 2)
            steps = np.arange(start, stop) % period
            found = found.take(np.where(steps < size, steps, period - steps), axis=axis)
    return np.ascontiguousarray(found, dtype=np.float32)


def feature_planes(
    channel: npt.NDArray[np.generic], region: Region, filters: Sequence[Filter], out: Array
) -> None:
    """Compute the features of a region of one channel.

    What ilastik computes (its operator `OpPixelFeaturesPresmoothed`): at a scale s > 1 the image is first
    smoothed by √(s² - 1), and filters of s = 1 work on that; then, with G a Gaussian

    - GaussianSmoothing: G(s)
    - LaplacianOfGaussian: the sum of the second derivatives of G(s)
    - GaussianGradientMagnitude: the length of the gradient of G(s)
    - DifferenceOfGaussians: G(s) - G(0.66 s)
    - StructureTensorEigenvalues: of the gradient's products, smoothed by G(0.5 s)
    - HessianOfGaussianEigenvalues: of the matrix of second derivatives of G(s)

    where s in the last step is at most 1. Eigenvalues stand in falling order.

    Parameters
    ----------
    channel
        H × W or D × H × W, of any type of number.
    region
        The part whose features are wanted.
    filters
        Which ones; those of one scale stand together.
    out
        N × the region's shape, float32: one plane for each of `feature_names`.
    """
    at = 0
    for (scale, planar), same in groupby(filters, lambda each: (each.scale, each.planar)):
        wanted = [each.feature for each in same]
        axes = [axis for axis in range(channel.ndim) if not planar or axis >= channel.ndim - 2]
        for plane in _at_scale(channel, region, scale, wanted, axes):
            out[at] = plane
            at += 1


def _at_scale(
    channel: npt.NDArray[np.generic], region: Region, scale: float, wanted: Sequence[str], axes: list[int]
) -> Iterator[Array]:
    """The planes of the wanted filters at one scale, in their order; filters work along ``axes``."""
    sigma, rest = min(scale, 1.0), _rest(scale)
    inner = _radius(sigma) + _radius(_OUTER * sigma)
    margin = [_reach(scale) if axis in axes else 0 for axis in range(channel.ndim)]
    image = cut(channel, region, margin)
    if rest:
        image = _correlate(image, {axis: _gaussian(rest) for axis in axes})
        image = _without(image, _reach(scale) - inner, axes)
    smooth, first, second = _gaussian(sigma), _first(sigma), _second(sigma)

    def derivative(*along: int) -> Array:
        kernels = dict.fromkeys(axes, smooth)
        if len(along) == 2 and along[0] == along[1]:
            kernels[along[0]] = second
        else:
            kernels.update(dict.fromkeys(along, first))
        return _correlate(image, kernels)

    inside: Callable[[Array], Array] = lambda plane: _without(plane, inner, axes)  # noqa: E731
    pairs = [(a, b) for number, a in enumerate(axes) for b in axes[number:]]
    gradient: dict[int, Array] = {}
    hessian: dict[tuple[int, int], Array] = {}
    if {"GaussianGradientMagnitude", "StructureTensorEigenvalues"} & set(wanted):
        gradient = {axis: derivative(axis) for axis in axes}
    if "HessianOfGaussianEigenvalues" in wanted:
        hessian = {pair: inside(derivative(*pair)) for pair in pairs}
    for feature in wanted:
        if feature == "GaussianSmoothing":
            yield inside(derivative())
        elif feature == "DifferenceOfGaussians":
            narrow = {axis: _gaussian(_NARROW * sigma) for axis in axes}
            yield inside(derivative()) - inside(_correlate(image, narrow))
        elif feature == "GaussianGradientMagnitude":
            yield np.sqrt(_sum(np.square(inside(gradient[axis])) for axis in axes))
        elif feature == "LaplacianOfGaussian":
            yield _sum(hessian[a, a] if hessian else inside(derivative(a, a)) for a in axes)
        elif feature == "HessianOfGaussianEigenvalues":
            yield from _eigenvalues(hessian, axes)
        else:
            outer = {axis: _gaussian(_OUTER * sigma) for axis in axes}
            products = {(a, b): inside(_correlate(gradient[a] * gradient[b], outer)) for a, b in pairs}
            yield from _eigenvalues(products, axes)


def _correlate(image: Array, kernels: dict[int, Array]) -> Array:
    """Correlate along several axes; within a kernel's radius of the edge the result means nothing."""
    height, width = image.shape[-2:]
    one = np.ones(1, np.float32)
    *above, y, x = range(image.ndim)
    planes = image.reshape(-1, height, width)
    found = np.empty_like(planes)
    for number, plane in enumerate(planes):
        found[number] = _in_plane(plane, kernels.get(x, one), kernels.get(y, one))
    for axis in above:
        if axis in kernels:
            found = _in_plane(found.reshape(len(planes), -1), one, kernels[axis])
    return found.reshape(image.shape)


def _in_plane(plane: Array, along_rows: Array, along_columns: Array) -> Array:
    height, width = plane.shape
    whole = -(-width // _LANES) * _LANES
    if whole > width:
        padded = np.zeros((height, whole), np.float32)
        padded[:, :width] = plane
        plane = padded
    found = cv2.sepFilter2D(plane, cv2.CV_32F, along_rows, along_columns, borderType=cv2.BORDER_REFLECT_101)
    return found[:, :width]  # type: ignore[return-value]


def _eigenvalues(matrix: dict[tuple[int, int], Array], axes: Sequence[int]) -> list[Array]:
    """The eigenvalues of the symmetric matrix at each pixel, the largest first."""
    if len(axes) == 1:
        return [matrix[axes[0], axes[0]]]
    if len(axes) == 2:
        y, x = axes
        middle = (matrix[y, y] + matrix[x, x]) * np.float32(0.5)
        half = (matrix[y, y] - matrix[x, x]) * np.float32(0.5)
        away = np.sqrt(np.square(half) + np.square(matrix[y, x]))
        return [middle + away, middle - away]
    z, y, x = axes
    middle = (matrix[z, z] + matrix[y, y] + matrix[x, x]) / np.float32(3)
    a, b, c = matrix[z, z] - middle, matrix[y, y] - middle, matrix[x, x] - middle
    d, e, f = matrix[z, y], matrix[z, x], matrix[y, x]
    # Smith (1961), Eigenvalues of a symmetric 3 × 3 matrix, doi:10.1145/355578.366316
    spread = np.sqrt((a * a + b * b + c * c + 2 * (d * d + e * e + f * f)) / np.float32(6))
    safe = np.maximum(spread, np.finfo(np.float32).tiny)
    a, b, c, d, e, f = (each / safe for each in (a, b, c, d, e, f))
    half_determinant = (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)) * np.float32(0.5)
    angle = np.arccos(np.clip(half_determinant, -1, 1)) / np.float32(3)
    largest = middle + 2 * spread * np.cos(angle)
    smallest = middle + 2 * spread * np.cos(angle + np.float32(2 * math.pi / 3))
    return [largest, 3 * middle - largest - smallest, smallest]


def _without(plane: Array, margin: int, axes: Sequence[int]) -> Array:
    """A plane without a margin along some axes."""
    parts = [
        slice(margin, size - margin) if axis in axes else slice(None) for axis, size in enumerate(plane.shape)
    ]
    return plane[tuple(parts)]


def _sum(planes: Iterator[Array]) -> Array:
    total = next(planes)
    for plane in planes:
        total = total + plane
    return total


def _count(each: Filter, dimensions: int) -> int:
    return 1 if each.feature not in _EIGENVALUES else 2 if each.planar else dimensions


def _rest(scale: float) -> float:
    """The standard deviation of the first smoothing at a scale, 0 if there is none."""
    return math.sqrt(scale * scale - 1) if scale > 1 else 0.0


def _reach(scale: float) -> int:
    sigma, rest = min(scale, 1.0), _rest(scale)
    return _radius(sigma) + _radius(_OUTER * sigma) + (_radius(rest) if rest else 0)


def _radius(sigma: float) -> int:
    return max(1, math.ceil(_WINDOW * sigma))


@lru_cache
def _gaussian(sigma: float) -> Array:
    x = np.arange(-_radius(sigma), _radius(sigma) + 1)
    kernel = np.exp(-0.5 * np.square(x / sigma))
    return np.asarray(kernel / kernel.sum(), np.float32)


@lru_cache
def _first(sigma: float) -> Array:
    """The first derivative of a Gaussian, such that a ramp of slope 1 gives 1."""
    x = np.arange(-_radius(sigma), _radius(sigma) + 1)
    kernel = x * np.exp(-0.5 * np.square(x / sigma))
    return np.asarray(kernel / (kernel * x).sum(), np.float32)


@lru_cache
def _second(sigma: float) -> Array:
    """The second derivative, such that a constant gives 0 and x² gives 2."""
    x = np.arange(-_radius(sigma), _radius(sigma) + 1)
    kernel = (np.square(x / sigma) - 1) * np.exp(-0.5 * np.square(x / sigma))
    kernel -= kernel.mean()
    return np.asarray(2 * kernel / (kernel * np.square(x)).sum(), np.float32)
