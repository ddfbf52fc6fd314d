"""The images of an ilastik project, where they are now: files, and arrays inside HDF5 files; at each time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.classifier.ilastik_project import Block, Lane, Project, labels_of
from pixmake.classifier.learn import Sample
from pixmake.images.axes import WHOLE, Described, ImageError, fit_axes, index_of, left_of
from pixmake.images.read import describe_part, read_image

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_INSIDE = re.compile(r"(?P<file>.*\.(?:h5|hdf5|hdf|he5))/+(?P<inside>.+)", re.IGNORECASE)
"""How ilastik names an array in an HDF5 file."""


@dataclass(frozen=True)
class Found:
    """An image of a project, where it is."""

    lane: Lane
    file: str
    inside: str
    """The array's path in an HDF5 file; empty where the file is the image."""
    described: Described


def find_images(project: Project, file: str, folder: Path) -> list[Found]:
    """Where the images are that have labels: at their paths from a folder, or by their names in it.

    Parameters
    ----------
    project, file
        The project, and its file for messages.
    folder
        Of the images.

    Raises
    ------
    PixmakeError
        With every image that is not there, or not as the project has it.
    """
    found, problems = [], []
    for lane in project.lanes:
        if not lane.blocks:
            continue
        split = _INSIDE.fullmatch(lane.path)
        path, inside = (split["file"], split["inside"].rstrip("/")) if split else (lane.path, "")
        name = Path(path.replace("\\", "/")).name
        there = [each for each in (folder / path, folder / name) if each.is_file() or each.suffix == ".zarr"]
        if not lane.path:
            problems.append(Problem("it holds the image itself", file, "export the image from ilastik"))
        elif not any(each.exists() for each in there):
            what = f"its image {lane.path} is not there: no {name} in {folder}"
            hint = "give the folder of its images with --images"
            problems.append(Problem(what, file, hint))
        else:
            place = str(next(each for each in there if each.exists()))
            try:
                described = _array(place, inside, lane) if inside else describe_part(place, WHOLE)
                found.append(Found(lane, place, inside, described))
            except ImageError as error:
                problems.append(Problem(str(error), file))
    if problems:
        raise PixmakeError(problems)
    return found


def axes_of(found: Found) -> str:
    """The axes that its classifier takes by itself: without time, and without axes of one pixel."""
    described = found.described
    if not found.inside and "t" not in described.axes:
        return described.axes
    kept = zip(described.axes, described.shape, strict=True)
    return "".join(axis for axis, size in kept if axis in "yx" or (size > 1 and axis != "t"))


def samples_of(found: Sequence[Found], project: str, axes: str) -> Iterator[Sample]:
    """What is learnt from, in these axes: each image, or of a series each time of it that has labels."""
    for each in found:
        for lane, time in _times(each):
            at = {} if time is None else {"t": time}
            name = each.file if not each.inside else f"{each.file}/{each.inside}"
            read = partial(_pixels, each, at) if each.inside else partial(read_image, each.file, at)
            files = {"image": each.file, "labels": project}
            yield Sample(
                name if time is None else f"{name} (t {time})",
                read,
                partial(_labels, lane, read, axes),
                files,
            )


def _labels(lane: Lane, read: Callable[[str], Array], axes: str, spatial: str) -> Array:
    """The labels of an image, whose size is known once it is read in the axes of the classifier."""
    shape = read(axes).shape
    labels: Array = labels_of(lane, [shape[axes.index(axis)] for axis in spatial], spatial)
    return labels


def _times(found: Found) -> Iterator[tuple[Lane, int | None]]:
    """The times that have labels, each with its labels alone; nothing to tell apart where there is one."""
    lane = found.lane
    if found.described.size("t") == 1:
        yield lane, (0 if "t" in found.described.axes else None)
        return
    for time in sorted({time for block in lane.blocks for time in _labelled_times(block)}):
        blocks = [_at(block, time) for block in lane.blocks if time in _labelled_times(block)]
        yield replace(lane, blocks=tuple(blocks)), time


def _labelled_times(block: Block) -> list[int]:
    axis = block.axes.index("t")
    others = tuple(number for number in range(block.labels.ndim) if number != axis)
    return [block.start[axis] + int(at) for at in block.labels.any(axis=others).nonzero()[0]]


def _at(block: Block, time: int) -> Block:
    axis = block.axes.index("t")
    start = (*block.start[:axis], *block.start[axis + 1 :])
    labels = block.labels.take(time - block.start[axis], axis)
    return Block(block.axes.replace("t", ""), start, labels)


def _array(path: str, inside: str, lane: Lane) -> Described:
    """An array of an HDF5 file in the axes that the project says, else its own.

    Raises
    ------
    ImageError
        It is not there, or not of these axes.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            array = file.get(inside)
            if not isinstance(array, h5py.Dataset):
                there: list[str] = []
                file.visititems(lambda name, item: there.append(name) if hasattr(item, "shape") else None)
                raise ImageError(f"{path}: holds no array {inside}, but {', '.join(there[:8]) or 'none'}")
            shape, dtype = tuple(array.shape), str(array.dtype.newbyteorder("="))
    except OSError as error:
        raise ImageError(f"{path}: cannot be read as HDF5: {' '.join(str(error).split())}") from None
    if len(lane.axes) != len(shape):
        size = "×".join(map(str, shape))
        raise ImageError(f"{path}/{inside}: is of {size} pixels, and the project has it as {lane.axes}")
    return Described(lane.axes, shape, dtype)


def _pixels(found: Found, part: dict[str, int], axes: str) -> Array:
    """A part of an array of an HDF5 file, in these axes."""
    import h5py

    described = found.described
    with h5py.File(found.file, "r") as file:
        array: Array = file[found.inside][index_of(described, part, found.file)]
    return fit_axes(array, left_of(described, part).axes, axes, f"{found.file}/{found.inside}")
