"""Any other format for which a reader of bioio is installed: it is asked last.

Pixels come by Dask, in this thread alone: after a fork a Dask that had threads before would wait for ever.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmake.images.axes import Described
from pixmake.images.formats import signs
from pixmake.images.formats.shape import Region, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

NAME = "a format of bioio"
SUFFIXES = ()
SEARCHED = False
EXTRA = "bioio"
PACKAGES = ("bioio",)
SEVERAL = True

_UNNAMED = "Channel:"
"""How bioio calls channels that have no name."""


def recognises(head: bytes, path: str) -> bool:
    """By what the installed readers say, where nothing here knows a file."""
    if signs.name_of(head) or importlib.util.find_spec("bioio") is None:
        return False
    from bioio import BioImage

    try:
        return BioImage.determine_plugin(path) is not None
    except Exception:  # no reader, or one that stumbles over the file
        return False


def scenes(path: str) -> Sequence[Scene]:
    """Each scene, by its name."""
    image = _opened(path)
    found = []
    for number, name in enumerate(image.scenes):
        image.set_scene(number)
        found.append(Scene((_described(image),), str(name)))
    return found


def pixels(path: str, scene: int, level: int, region: Region) -> Array:
    """What the reader reads for the region."""
    import numpy as np

    image = _opened(path)
    image.set_scene(scene)
    data = image.dask_data
    if "S" not in image.dims.order:
        return np.asarray(data[region].compute(scheduler="synchronous"))
    inner = region if "s" in _axes(image) else (region[0], slice(0, 1), *region[1:])
    whole = np.asarray(data[inner[:-1]].compute(scheduler="synchronous"))
    colours = whole[..., [2, 1, 0, *range(3, whole.shape[-1])]][..., inner[-1]]
    return colours if "s" in _axes(image) else colours[:, 0]


def _opened(path: str) -> Any:
    from bioio import BioImage

    return BioImage(path)


def _axes(image: Any) -> str:
    """Of colour the samples are the channels, if there are no others."""
    order = str(image.dims.order).lower()
    if "s" in order and image.dims.C == 1:
        return order.replace("c", "").replace("s", "c")
    return order


def _described(image: Any) -> Described:
    axes, sizes = _axes(image), dict(zip(image.dims.order, image.shape, strict=True))
    colours = "S" in sizes and "s" not in axes
    shape = tuple(sizes["S" if axis == "c" and colours else axis.upper()] for axis in axes)
    names = tuple(str(name) for name in image.channel_names or ())
    if len(names) != Described(axes, shape, "").size("c") or any(name.startswith(_UNNAMED) for name in names):
        names = ()
    known = {axis: size for axis, size in _sizes(image).items() if axis in axes}
    return Described(axes, shape, str(image.dtype), known, names)


def _sizes(image: Any) -> dict[str, tuple[float, str]]:
    """Those that have a unit: without one bioio says 1 where the file says nothing."""
    found = {}
    for axis in "tzyx":
        size: Any = getattr(image.scale, axis.upper(), None)
        unit = getattr(getattr(image.dimension_properties, axis.upper(), None), "unit", None)
        try:
            number = float(size if not hasattr(size, "total_seconds") else size.total_seconds())
        except (TypeError, ValueError):
            continue
        if unit is not None and 0 < number < float("inf"):
            found[axis] = (number, str(unit))
    return found
