"""Reads ilastik's projects (``.ilp``): the features, classes, labels and images of a pixel classification.

A project is an HDF5 file. What is read of it: ``workflowName``; below ``FeatureSelections`` the matrix of
filters and scales; below ``PixelClassification`` the names of the classes and the blocks of labels; below
``Input Data/infos`` where the images are and which axes they have. The forest itself is ilastik's own format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.base.errors import MissingExtraError, PixmakeError, Problem
from pixmake.classifier.terms import FEATURES, Filter
from pixmake.images.axes import ImageError

WORKFLOWS = ("Pixel Classification", "Autocontext (2-stage)")
"""ilastik's workflows that give each pixel a class."""


@dataclass(frozen=True)
class Block:
    """A part of an image with its labels, 0 where nothing is said."""

    axes: str
    start: tuple[int, ...]
    labels: Any
    """An array of uint8, with these axes."""


@dataclass(frozen=True)
class Lane:
    """An image of a project, and what was labelled on it."""

    path: str
    """From the project's folder on, if it is not absolute; empty if the project holds the image itself."""
    axes: str
    shape: tuple[int, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Project:
    """What a project says of a pixel classification."""

    workflow: str
    classes: tuple[str, ...]
    filters: tuple[Filter, ...]
    lanes: tuple[Lane, ...]


def read_project(path: str | Path) -> Project:
    """What an ilastik project says.

    Raises
    ------
    PixmakeError
        It is no such project, or holds no pixel classification.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(f"{path}: reading an ilastik project", "h5py", "ilastik") from None

    try:
        with h5py.File(path, "r") as file:
            workflow = _text(file["workflowName"][()]) if "workflowName" in file else ""
            if workflow and workflow not in WORKFLOWS:
                what = f"{path}: is a project of ilastik's workflow {workflow!r}"
                raise PixmakeError([Problem(what, hint=f"these give pixels a class: {', '.join(WORKFLOWS)}")])
            return Project(workflow, _classes(file), _filters(file), tuple(_lanes(file)))
    except FileNotFoundError:
        raise PixmakeError([Problem(f"there is no project {path}")]) from None
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        what = f"{path}: cannot be read as a project of ilastik: {' '.join(str(error).split())}"
        raise PixmakeError([Problem(what, hint="save it again in ilastik")]) from None


def labels_of(lane: Lane, shape: Sequence[int], axes: str) -> Any:
    """The labels of an image in the axes that are asked for, without channels.

    Parameters
    ----------
    lane
        The image's place in the project.
    shape
        The image's shape along these axes.
    axes
        Of an image without its channels, such as ``yx``.

    Raises
    ------
    ImageError
        The labels do not lie in such an image.
    """
    import numpy as np

    whole = np.zeros(tuple(shape), np.uint8)
    for block in lane.blocks:
        spare = [axis for axis in block.axes if axis not in axes]
        sizes = dict(zip(block.axes, block.labels.shape, strict=True))
        starts = dict(zip(block.axes, block.start, strict=True))
        if any(sizes[axis] != 1 for axis in spare) or any(axis not in block.axes for axis in axes):
            raise ImageError(f"{lane.path}: its labels have axes {block.axes}, and {axes} are asked for")
        kept = block.labels.squeeze(tuple(block.axes.index(axis) for axis in spare))
        left = [axis for axis in block.axes if axis in axes]
        part = kept.transpose([left.index(axis) for axis in axes])
        at = tuple(slice(starts[axis], starts[axis] + sizes[axis]) for axis in axes)
        if whole[at].shape != part.shape:
            size = " × ".join(map(str, shape))
            raise ImageError(f"{lane.path}: has labels outside of its {size} pixels; is it the same image?")
        whole[at] = np.where(part, part, whole[at])
    return whole


def _classes(file: Any) -> tuple[str, ...]:
    names = file["PixelClassification/LabelNames"][()]
    return tuple(_text(name) for name in names)


def _filters(file: Any) -> tuple[Filter, ...]:
    """The filters that are ticked in the project's matrix of features and scales, scale by scale."""
    group = file["FeatureSelections"]
    names = [_text(name) for name in group["FeatureIds"][()]]
    scales = [float(scale) for scale in group["Scales"][()]]
    matrix = group["SelectionMatrix"][()]
    planar = group["ComputeIn2d"][()].tolist() if "ComputeIn2d" in group else []
    unknown = [name for row, name in enumerate(names) if matrix[row].any() and name not in FEATURES]
    if unknown:
        raise ValueError(f"its features {', '.join(unknown)} are not known here")
    return tuple(
        Filter(name, scale, bool(planar[column]) if column < len(planar) else False)
        for column, scale in enumerate(scales)
        for name in FEATURES
        if name in names and matrix[names.index(name), column]
    )


def _lanes(file: Any) -> list[Lane]:
    """The images in the order in which labels refer to them."""
    infos = file.get("Input Data/infos", {})
    sets = file.get("PixelClassification/LabelSets", {})
    by_number = {int(re.findall(r"\d+", name)[-1]): sets[name] for name in sets}
    lanes = []
    for number, name in enumerate(sorted(infos)):
        info = infos[name]["Raw Data"] if "Raw Data" in infos[name] else infos[name]
        if "filePath" not in info:
            continue
        inside = "location" in info and _text(info["location"][()]) == "ProjectInternal"
        axes = _axes(info["axistags"][()]) if "axistags" in info else ""
        if not axes and "axisorder" in info:
            axes = _text(info["axisorder"][()])
        blocks = by_number.get(number, {})
        lanes.append(
            Lane(
                path="" if inside else _text(info["filePath"][()]),
                axes=axes,
                shape=tuple(int(size) for size in info["shape"][()]) if "shape" in info else (),
                blocks=tuple(_block(blocks[name], axes) for name in sorted(blocks)),
            )
        )
    return lanes


def _block(dataset: Any, axes: str) -> Block:
    """A block of labels; older projects name its axes only with the image."""
    at = [part.split(":") for part in _text(dataset.attrs["blockSlice"]).strip("[]").split(",")]
    own = _axes(dataset.attrs["axistags"]) if "axistags" in dataset.attrs else axes
    if len(own) == dataset.ndim - 1 and "c" not in own:
        own += "c"
    if len(own) != dataset.ndim or len(at) != dataset.ndim:
        raise ValueError(f"a block of labels has {dataset.ndim} axes, its image {own}")
    return Block(own, tuple(int(start) for start, _ in at), dataset[()].astype("uint8"))


def _axes(tags: Any) -> str:
    """The axes that vigra's tags name."""
    return "".join(tag["key"] for tag in json.loads(_text(tags))["axes"])


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
