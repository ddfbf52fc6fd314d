"""Writes results as OME-Zarr: all resolution levels, with the axes and pixel sizes of the image they are of.

The levels are made block by block, and written by `ome-zarr`: an array on disk may be larger than the memory.
"""

from __future__ import annotations

import itertools
import operator
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import NAMED, Described, ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

CHUNK = 1024
"""Rows and columns of a chunk."""

SMALLEST = 256
"""Levels are halved until the longer side is below this."""

VERSION = "0.5"
"""Of the specification, where the image that a result is of has none."""


@dataclass(frozen=True)
class Source:
    """The image that a result was made of."""

    path: str = ""
    described: Described = field(default_factory=lambda: Described("", (), ""))
    """What the analysis got: its axes, their sizes, the size of a pixel."""
    version: str = ""
    """Of the specification, if it is an OME-Zarr."""


def write_zarr(array: Any, path: str | Path, source: Source | None = None, *, name: str = "image") -> None:
    """Write an array as an OME-Zarr image.

    Label images, which get metadata of their own and levels without blending, are integers of more than
    16 bits, and any integers or booleans in a file whose name has `label` or `mask` in it.

    Parameters
    ----------
    array
        Two to five axes; a NumPy array, or any that is read block by block, such as a `zarr.Array`.
    path
        The folder to write, which is not there yet.
    source
        What it was made of: a result with as many axes has the same ones, one with fewer lacks the channels
        or has rows and columns alone.
    name
        What the result is called.

    Raises
    ------
    ImageError
        There is no such image.
    """
    try:
        import dask.array
        from ome_zarr.format import format_from_version
        from ome_zarr.scale import Methods
        from ome_zarr.writer import add_metadata, write_image, write_multiscale
    except ImportError:
        raise ImageError("writing OME-Zarr needs ome-zarr: pip install 'pixmake[zarr]'") from None
    if 0 in array.shape:
        raise ImageError(f"an array of {' × '.join(map(str, array.shape))} has no pixels")
    source = source or Source()
    axes = axes_of(array.shape, source.described)
    is_label = _is_label(array.dtype, name, path)
    from_array: Any = dask.array.from_array  # it has no types
    blocks = from_array(array, chunks=_chunks(axes, array.shape))
    if is_label:
        blocks = blocks.astype(_label_type(array))
    order = sorted(range(len(axes)), key=lambda n: NAMED.index(axes[n]))
    blocks, axes = blocks.transpose(order), "".join(axes[n] for n in order)
    sizes = _pixel_sizes(axes, blocks.shape, source.described)
    version = format_from_version(source.version if source.version in ("0.4", "0.5") else VERSION)
    said: dict[str, Any] = {
        "fmt": version,
        "axes": axes,
        "name": name,
        "scale": {axis: sizes[axis][0] if axis in sizes else 1.0 for axis in axes},
        "axes_units": {axis: unit for axis, (_, unit) in sizes.items() if unit},
        "storage_options": {"chunks": _chunks(axes, blocks.shape)},
    }
    factors = _factors(axes, blocks.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on axes without a pixel size
        if is_label:
            write_image(blocks, str(path), scale_factors=factors, method=Methods.NEAREST, **said)
        else:
            write_multiscale(_levels(blocks, axes, len(factors)), str(path), **said)
    if is_label:
        label: dict[str, Any] = {"version": version.version}
        if source.path:
            label["source"] = {"image": _seen_from(str(path), source.path)}
        add_metadata(str(path), {"image-label": label}, fmt=version)


def axes_of(shape: Sequence[int], image: Described) -> str:
    """The axes of a result, by those of the image that it was made of.

    They are the image's axes that have the result's sizes; else as many of them as it has, without the
    channels first; else the usual ones.

    Examples
    --------
    >>> image = Described("tczyx", (1, 3, 4, 50, 60), "uint16")
    >>> axes_of((50, 60), image), axes_of((3, 4, 50, 60), image), axes_of((4, 25, 30), image)
    ('yx', 'czyx', 'zyx')
    """
    count = len(shape)
    if not 2 <= count <= len(NAMED):
        raise ImageError(f"an array of {' × '.join(map(str, shape))} is no image: it has two to five axes")
    given = image.axes if set(image.axes) <= set(NAMED) else ""
    for axes in itertools.combinations(given, count):
        if {"y", "x"} <= set(axes) and all(map(operator.eq, map(image.size, axes), shape)):
            return "".join(axes)
    if count == 3 and shape[2] in (3, 4) and shape[0] > 4:
        return "yxc"
    for kept in (given, given.replace("c", "")):
        if len(kept) == count:
            return kept
    return {2: "yx", 3: "zyx", 4: "czyx", 5: NAMED}[count]


def _is_label(dtype: Any, name: str, path: str | Path) -> bool:
    called = f"{name} {os.path.basename(path)}".lower()
    if dtype.kind not in "biu":
        return False
    return dtype.itemsize > 2 or "label" in called or "mask" in called


def _label_type(array: Any) -> Any:
    """What viewers take as labels: unsigned where nothing is negative, of 32 bits where that is enough."""
    import numpy as np

    if array.dtype.kind == "b":
        return np.uint8
    if array.dtype.itemsize <= 2 or not isinstance(array, np.ndarray) or not array.size:
        return array.dtype
    least, most = int(array.min()), int(array.max())
    return np.uint32 if least >= 0 and most <= np.iinfo(np.uint32).max else array.dtype


def _chunks(axes: str, shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(min(CHUNK, size) if axis in "yx" else 1 for axis, size in zip(axes, shape, strict=True))


def _factors(axes: str, shape: Sequence[int]) -> list[int]:
    """How much smaller than the full level each other is."""
    longer = max(size for axis, size in zip(axes, shape, strict=True) if axis in "yx")
    shorter = min(size for axis, size in zip(axes, shape, strict=True) if axis in "yx")
    factors = []
    factor = 2
    while longer * 2 // factor > SMALLEST and shorter >= factor:
        factors.append(factor)
        factor *= 2
    return factors


def _levels(blocks: Any, axes: str, count: int) -> list[Any]:
    """The image and smaller ones: means of 2 × 2 pixels, of 4 × 4, and so on.

    They are rounded, once: ome-zarr's own are cut to whole numbers, each level darker than the one before.
    """
    import dask.array
    import numpy as np

    coarsen: Any = dask.array.coarsen  # it has no types
    halved = {n: 2 for n, axis in enumerate(axes) if axis in "yx"}
    levels, means = [blocks], blocks
    for _ in range(count):
        means = coarsen(np.mean, means, halved, trim_excess=True)
        whole = means.round() if blocks.dtype.kind in "biu" else means
        levels.append(whole.astype(blocks.dtype).rechunk(_chunks(axes, means.shape)))
    return levels


def _pixel_sizes(axes: str, shape: Sequence[int], image: Described) -> dict[str, tuple[float, str]]:
    """The sizes that still hold: along axes as long as the image's."""
    return {
        axis: image.pixel_size[axis]
        for axis, size in zip(axes, shape, strict=True)
        if axis in image.pixel_size and image.size(axis) == size
    }


def _seen_from(path: str, image: str) -> str:
    """The path of the image, as the specification wants it: from the label image's folder."""
    return image if "://" in image else os.path.relpath(image, path)
