"""Applies a pixel classifier to an image: tile by tile, with the same result however it is cut."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pixmake.base.counted import counted
from pixmake.classifier.features import Region, feature_names, feature_planes
from pixmake.classifier.model import Description, Forest, ModelError, read_model

Image = npt.NDArray[Any]
Labels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]

TILE_BYTES = 64 * 1024 * 1024
"""What the features of one tile take at the most, for each thread."""
CHUNK = 8192
"""Pixels that go through all trees at a time: their features stay in the processor's cache."""


@dataclass(frozen=True)
class Classifier:
    """A classifier ready to use."""

    description: Description
    trees: tuple[tuple[Any, tuple[npt.NDArray[np.float32], ...]], ...]
    """scikit-learn's trees, and what the leaves of each say of every class."""


def load_classifier(path: str) -> Classifier:
    """Read a classifier.

    Raises
    ------
    ModelError
        It is no such file, or was made for other features than its own description says.
    """
    description, forest = read_model(path)
    count = description.channels * len(feature_names(description.filters, description.dimensions))
    if forest.feature.max() >= count:
        raise ModelError(f"{path}: the classifier's trees are damaged; train it again")
    return Classifier(description, tuple(_trees(forest, count)))


def channels_first(image: Image, axes: str) -> Image:
    """An image as channels × (depth ×) height × width, without a copy."""
    if "c" not in axes:
        return image[np.newaxis]
    return np.moveaxis(image, axes.index("c"), 0)


def misfit(description: Description, channels: int, dtype: str) -> str:
    """Why a classifier is not for such an image, if so."""
    if channels != description.channels:
        return f"has {counted(channels, 'channel')}; the classifier was trained on {description.channels}"
    if dtype != description.dtype:
        return f"has {dtype} values; the classifier was trained on {description.dtype}"
    return ""


def classify(
    classifier: Classifier,
    image: Image,
    *,
    probabilities: bool = False,
    threads: int = 1,
    tile: Sequence[int] | None = None,
) -> tuple[Labels, Probabilities | None]:
    """The class of each pixel.

    Parameters
    ----------
    classifier
        From `load_classifier`.
    image
        Channels × (depth ×) height × width.
    probabilities
        Whether to give the probability of each class, too.
    threads
        Tiles that are worked on at the same time.
    tile
        Its size in pixels along each axis; the result does not depend on it.

    Returns
    -------
    labels
        (Depth ×) height × width, uint8: 1 for the first class.
    probabilities
        Classes × (depth ×) height × width, float32; each pixel's sum is 1.
    """
    description = classifier.description
    shape = image.shape[1:]
    labels = np.zeros(shape, np.uint8)
    found = np.zeros((len(description.classes), *shape), np.float32) if probabilities else None
    size = tile or tile_size(description, shape, threads)

    def work(region: Region) -> None:
        columns = features_of(description, image, region)
        part = [each.stop - each.start for each in region]
        votes = _votes(classifier, columns)
        labels[region] = (votes.argmax(axis=0) + 1).reshape(part)
        if found is not None:
            found[(slice(None), *region)] = (votes / len(classifier.trees)).reshape(-1, *part)

    cv2.setNumThreads(1)  # the tiles are what runs side by side
    if threads == 1:
        for region in tiles(shape, size):
            work(region)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, tiles(shape, size)))
    return labels, found


def features_of(description: Description, image: Image, region: Region) -> npt.NDArray[np.float32]:
    """The features of a region's pixels: features × pixels, those of the first channel first."""
    part = [each.stop - each.start for each in region]
    count = len(feature_names(description.filters, description.dimensions))
    planes = np.empty((len(image) * count, *part), np.float32)
    for number, channel in enumerate(image):
        feature_planes(channel, region, description.filters, planes[number * count :][:count])
    return planes.reshape(len(planes), -1)


def tiles(shape: Sequence[int], size: Sequence[int]) -> Iterator[Region]:
    """The regions that make up an image, the last ones in each row smaller."""
    steps = [range(0, whole, step) for whole, step in zip(shape, size, strict=True)]
    for corner in product(*steps):
        yield tuple(
            slice(start, min(start + step, whole))
            for start, step, whole in zip(corner, size, shape, strict=True)
        )


def tile_size(description: Description, shape: Sequence[int], threads: int) -> tuple[int, ...]:
    """The edges of a tile whose features take `TILE_BYTES`; smaller if threads would have no work."""
    count = description.channels * len(feature_names(description.filters, description.dimensions))
    pixels = min(TILE_BYTES / 4 / count, math.prod(shape) / threads)
    edge = max(32, math.ceil(pixels ** (1 / len(shape))))
    return (edge,) * len(shape)


def _votes(classifier: Classifier, columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The sum over all trees of each class' probability: classes × pixels."""
    votes = np.zeros((len(classifier.description.classes), columns.shape[1]), np.float32)
    for start in range(0, columns.shape[1], CHUNK):
        features = np.ascontiguousarray(columns[:, start : start + CHUNK].T)
        chunk = votes[:, start : start + CHUNK]
        for tree, said in classifier.trees:
            leaves = tree.apply(features)
            for number, of_class in enumerate(said):
                chunk[number] += of_class.take(leaves, mode="clip")
    return votes


def _trees(forest: Forest, count: int) -> Iterator[tuple[Any, tuple[npt.NDArray[np.float32], ...]]]:
    """The trees as scikit-learn walks over them, fastest of all that Python has at hand."""
    from sklearn.tree._tree import NODE_DTYPE, Tree

    classes = forest.votes.shape[1]
    for start, stop in zip(forest.starts[:-1], forest.starts[1:], strict=True):
        part = slice(int(start), int(stop))
        nodes = np.zeros(part.stop - part.start, NODE_DTYPE)
        inner = forest.feature[part] >= 0
        nodes["feature"] = np.where(inner, forest.feature[part], -2)
        nodes["threshold"] = forest.threshold[part]
        nodes["left_child"] = np.where(inner, forest.left[part], -1)
        nodes["right_child"] = np.where(inner, forest.right[part], -1)
        votes = forest.votes[part]
        tree = Tree(count, np.array([classes], np.intp), 1)
        values = np.ascontiguousarray(votes[:, np.newaxis, :], np.float64)
        tree.__setstate__({"max_depth": 0, "node_count": len(nodes), "nodes": nodes, "values": values})
        yield tree, tuple(np.ascontiguousarray(votes[:, number]) for number in range(classes))
