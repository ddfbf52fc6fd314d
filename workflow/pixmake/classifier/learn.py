"""Learns a pixel classifier from labelled pixels: `pixmake train`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixmake.base.errors import MissingExtraError, PixmakeError, Problem
from pixmake.classifier.apply import channels_first, features_of, misfit, tile_size, tiles
from pixmake.classifier.model import Description, Forest
from pixmake.classifier.terms import Filter, spatial
from pixmake.images.axes import ImageError
from pixmake.images.fingerprint import fingerprint

Array = npt.NDArray[Any]

SOFTWARE = ("pixmake", "numpy", "opencv-python-headless", "scikit-learn")


@dataclass(frozen=True)
class Sample:
    """A training image with its labels; both are read when they are needed, one image at a time."""

    name: str
    """For messages: the labels' file."""
    image: Callable[[str], Array]
    """The image in the axes that it is given."""
    labels: Callable[[str], Array]
    """As the image without its channels; 0 where nothing is said."""
    files: dict[str, str] = field(default_factory=dict)
    """The files of both, by `image` and `labels`."""


@dataclass(frozen=True)
class Method:
    """How a classifier is to be learnt."""

    filters: tuple[Filter, ...]
    axes: str
    """The axes of the images."""
    classes: tuple[str, ...] = ()
    """Default: `class_1`, `class_2`, … as far as the labels go."""
    trees: int = 100
    most_pixels: int = 100_000
    """Of each class."""
    seed: int = 0


def learn(samples: Sequence[Sample], method: Method, threads: int = 1) -> tuple[Description, Forest]:
    """Train a random forest on the features of labelled pixels.

    Source: Breiman (2001), Random forests, doi:10.1023/A:1010933404324, as ilastik uses it (Berg et al.
    2019, doi:10.1038/s41592-019-0582-9): trees grown to their ends, √N of N features tried at each node.

    Raises
    ------
    PixmakeError
        With all that is wrong with images and labels.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError:
        raise MissingExtraError("pixmake train", "scikit-learn", "classification") from None

    description, features, labels = _pixels(samples, method)
    forest = RandomForestClassifier(
        method.trees, random_state=method.seed, oob_score=method.trees >= _ENOUGH, n_jobs=threads
    )
    forest.fit(features, labels)
    counts = np.bincount(labels, minlength=len(description.classes) + 1)[1:]
    return (
        replace(
            description,
            pixels=dict(zip(description.classes, counts.tolist(), strict=True)),
            out_of_bag=round(float(forest.oob_score_), 4) if method.trees >= _ENOUGH else None,
            images=tuple(_fingerprints(sample) for sample in samples),
            software=_software(),
        ),
        _as_arrays(forest, description),
    )


_ENOUGH = 10
"""Trees from which on there is hardly a pixel that all of them have seen."""


def _pixels(samples: Sequence[Sample], method: Method) -> tuple[Description, Array, Array]:
    """The features and labels of all labelled pixels."""
    description: Description | None = None
    problems: list[Problem] = []
    columns: list[Array] = []
    given: list[Array] = []
    highest = 0
    for sample in samples:
        try:
            image, labels = sample.image(method.axes), sample.labels(spatial(method.axes))
        except ImageError as error:
            problems.append(Problem(str(error), sample.name))
            continue
        image = channels_first(image, method.axes)
        why = _wrong_labels(labels, image.shape[1:], len(method.classes))
        if description is None:
            description = Description(
                classes=(),
                axes=method.axes,
                channels=len(image),
                dtype=str(image.dtype),
                filters=method.filters,
                trees=method.trees,
                seed=method.seed,
            )
        elif not why:
            unlike = misfit(description, len(image), str(image.dtype))
            why = unlike and f"its image {unlike.partition(';')[0]}, unlike that of {samples[0].name}"
        if why:
            problems.append(Problem(why, sample.name))
            continue
        highest = max(highest, int(labels.max(initial=0)))
        found, of_them = _labelled(description, image, labels)
        columns.append(found)
        given.append(of_them)
    classes = method.classes or tuple(f"class_{number}" for number in range(1, max(highest, 2) + 1))
    if not problems:
        problems += _missing_classes(given, classes)
    if problems:
        raise PixmakeError(problems)
    assert description is not None
    features, labels = np.concatenate(columns), np.concatenate(given)
    drawn = _draw(labels, method)
    return replace(description, classes=classes), features[drawn], labels[drawn]


def _labelled(description: Description, image: Array, labels: Array) -> tuple[Array, Array]:
    """The features (pixels × features) and labels of an image's labelled pixels, tile by tile."""
    found, given = [], []
    for region in tiles(labels.shape, tile_size(description, labels.shape, 1)):
        part = labels[region].ravel()
        which = np.flatnonzero(part)
        if len(which):
            found.append(features_of(description, image, region)[:, which].T)
            given.append(part[which].astype(np.int64))
    if not found:
        return np.empty((0, 0), np.float32), np.empty(0, np.int64)
    return np.concatenate(found), np.concatenate(given)


def _wrong_labels(labels: Array, shape: tuple[int, ...], classes: int) -> str:
    if not np.issubdtype(labels.dtype, np.integer):
        return f"holds {labels.dtype} values; labels are whole numbers, 0 where nothing is said"
    if labels.shape != shape:
        size, whole = (" × ".join(map(str, each)) for each in (labels.shape, shape))
        return f"is of {size} pixels, its image of {whole}"
    highest = int(labels.max(initial=0))
    if int(labels.min(initial=0)) < 0 or highest > (classes or 254):
        known = f"of {classes} classes" if classes else "above 254"
        return f"has the label {highest}, {known}; 0 is for pixels of which nothing is said"
    return "has no labelled pixel: all are 0" if highest == 0 else ""


def _missing_classes(given: Sequence[Array], classes: Sequence[str]) -> list[Problem]:
    counts = np.bincount(np.concatenate(given), minlength=len(classes) + 1) if given else [0] * 300
    return [
        Problem(f"no pixel has the label {number}, of class {name!r}", "labels")
        for number, name in enumerate(classes, 1)
        if not counts[number]
    ]


def _draw(labels: Array, method: Method) -> Array:
    """The pixels that are learnt from: all, or so many of each class, evenly drawn."""
    numbers = np.random.default_rng(method.seed)
    chosen = []
    for label in np.unique(labels):
        which = np.flatnonzero(labels == label)
        if len(which) > method.most_pixels:
            which = np.sort(numbers.choice(which, method.most_pixels, replace=False))
        chosen.append(which)
    return np.sort(np.concatenate(chosen))


def _as_arrays(forest: Any, description: Description) -> Forest:
    """scikit-learn's trees as plain arrays."""
    trees = [each.tree_ for each in forest.estimators_]
    # a class stands in the forest by its place among the labels, and each has pixels
    votes = np.concatenate([tree.value[:, 0, :] for tree in trees])
    assert votes.shape[1] == len(description.classes)
    return Forest(
        starts=np.cumsum([0, *(tree.node_count for tree in trees)]).astype(np.int64),
        feature=np.concatenate([tree.feature for tree in trees]).astype(np.int32),
        threshold=np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
        left=np.concatenate([tree.children_left for tree in trees]).astype(np.int32),
        right=np.concatenate([tree.children_right for tree in trees]).astype(np.int32),
        votes=(votes / votes.sum(axis=1, keepdims=True)).astype(np.float32),
    )


def _fingerprints(sample: Sample) -> dict[str, str]:
    told: dict[str, str] = {}
    for word, path in sample.files.items():
        told[word] = os.path.relpath(path) if Path(path).is_absolute() else path
        digest = fingerprint(path, most=None).get("sha256")
        if digest:
            told[f"{word}_sha256"] = digest
    return told


def _software() -> dict[str, str]:
    found = {}
    for package in SOFTWARE:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
