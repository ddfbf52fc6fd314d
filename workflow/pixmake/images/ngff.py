"""OME-Zarr images (NGFF 0.4 and 0.5, and their forerunners): what their metadata say, and their pixels.

The words are those of the specification, https://ngff.openmicroscopy.org: a *multiscale* image has a
*dataset* for each resolution level; a *plate* has wells, a *well* has fields, each of them an image.

Standard library only at import: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pixmake.base.errors import MissingExtraError
from pixmake.images.axes import NAMED, Described, ImageError, Part, fit_axes, index_of, mismatch
from pixmake.images.remote.objects import zarr_axes
from pixmake.images.remote.uris import is_remote

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

AT_ONCE = 16
"""How many metadata files are asked for at once: each one is a wait, on a network file system or a bucket."""

_BY_TYPE = {"time": "t", "channel": "c"}


@dataclass(frozen=True)
class Multiscale:
    """An image as its metadata describe it; no array has been opened."""

    path: str
    group: Any
    """The opened `zarr.Group`."""
    axes: str
    """One letter an axis, such as ``tczyx``."""
    units: tuple[str, ...]
    """The unit of each axis, empty where none is told."""
    datasets: tuple[str, ...]
    """The path of each level's array in the group."""
    scales: tuple[tuple[float, ...], ...]
    """Of each level the size of a pixel along each axis."""
    channels: tuple[str, ...]
    version: str
    """Of the specification, such as ``0.4``."""

    def array(self, level: int) -> Any:
        """The `zarr.Array` of a level.

        Raises
        ------
        ImageError
            There is no such level, or its array is not there.
        """
        if not 0 <= level < len(self.datasets):
            most = len(self.datasets) - 1
            raise ImageError(f"{self.path}: has the levels 0 to {most}, no level {level}")
        try:
            array = self.group[self.datasets[level]]
        except KeyError:
            what = f"the array of level {level} ({self.datasets[level]}) is not there"
            raise ImageError(f"{self.path}: {what}") from None
        if len(getattr(array, "shape", ())) != len(self.axes):
            raise ImageError(f"{self.path}: level {level} is no array with the axes {self.axes}")
        return array


@dataclass(frozen=True)
class Field:
    """An image of a plate."""

    path: str
    """Inside the plate, such as ``A/1/0``."""
    row: str
    column: str
    field: str
    """Its name in its well; empty of a well that is not there."""
    acquisition: int | None = None


def open_node(path: str) -> Any:
    """Open the store of an OME-Zarr, or of a part of it, for reading: the one place where that is done.

    Returns
    -------
    zarr.Group or zarr.Array

    Raises
    ------
    ImageError
        There is none.
    """
    zarr = _zarr()
    from zarr.errors import GroupNotFoundError, NodeTypeValidationError

    try:
        return zarr.open(_store(path), mode="r")
    except (GroupNotFoundError, FileNotFoundError, NotADirectoryError):
        what = "is no Zarr group and no array: no .zgroup, .zarray or zarr.json is there"
        raise ImageError(f"{path}: {what}") from None
    except (NodeTypeValidationError, ValueError, TypeError, KeyError) as error:
        raise ImageError(f"{path}: its Zarr metadata cannot be read: {error}") from None


def _store(path: str) -> Any:
    if not is_remote(path):
        return path
    from pixmake.images.remote.zarr_store import store

    return store(path)


def attributes(group: Any) -> Mapping[str, Any]:
    """The metadata of a group; since 0.5 they stand below ``ome``."""
    found = dict(group.attrs)
    ome = found.get("ome")
    return ome if isinstance(ome, dict) else found


def open_image(path: str) -> Multiscale:
    """Open an image and read its metadata.

    Raises
    ------
    ImageError
        There is none, or its metadata are not those of an image.
    """
    node = open_node(path)
    return _array(path, node) if is_array(node) else multiscale(path, node, attributes(node))


def is_array(node: Any) -> bool:
    """Whether a node of a Zarr is an array, which is no OME-Zarr image by itself."""
    return hasattr(node, "shape")


def _array(path: str, array: Any) -> Multiscale:
    """An array by itself, in the axes that it names, or that config.yaml names for it.

    Raises
    ------
    ImageError
        Nobody names them, or not as many as it has.
    """
    axes = _named_axes(array) or zarr_axes()
    shape = "×".join(map(str, array.shape))
    if not axes:
        raise ImageError(
            f"{path}: is a Zarr array of {shape} without the metadata of an OME-Zarr, so that nothing says "
            "what its axes are: name them, for example `images: {axes: tczyx, …}`"
        )
    if len(axes) != len(array.shape):
        raise ImageError(f"{path}: is a Zarr array of {shape}, and not of the axes `images.axes: {axes}`")
    ones = (1.0,) * len(axes)
    return Multiscale(path, {"": array}, axes, ("",) * len(axes), ("",), (ones,), (), "")


def _named_axes(array: Any) -> str:
    """The axes that an array names itself, as in Zarr v3 or by xarray; empty unless all are ones of ours."""
    names = getattr(array.metadata, "dimension_names", None) or dict(array.attrs).get("_ARRAY_DIMENSIONS")
    try:
        return _axes([str(name) for name in names])[0] if names else ""
    except (KeyError, ValueError, TypeError):
        return ""


def multiscale(path: str, group: Any, said: Mapping[str, Any]) -> Multiscale:
    """An image by the metadata of its group; see `open_image`."""
    try:
        return _multiscale(path, group, said)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        kind = type(error).__name__
        raise ImageError(f"{path}: its OME-Zarr metadata make no image ({kind}: {error})") from None


def _multiscale(path: str, group: Any, said: Mapping[str, Any]) -> Multiscale:
    if not said.get("multiscales"):
        what = "is a plate, not an image" if "plate" in said else "is a well, not an image"
        if not {"plate", "well"} & set(said):
            what = "has no `multiscales`: it is a Zarr group, but no OME-Zarr image"
        raise ImageError(f"{path}: {what}")
    first = said["multiscales"][0]
    axes, units = _axes(first.get("axes"))
    datasets = first["datasets"]
    whole = _scale(first.get("coordinateTransformations"), len(axes))
    scales = []
    for dataset in datasets:
        own = _scale(dataset.get("coordinateTransformations"), len(axes))
        scales.append(tuple(one * all_of_them for one, all_of_them in zip(own, whole, strict=True)))
    channels = (said.get("omero") or {}).get("channels") or ()
    return Multiscale(
        path=path,
        group=group,
        axes=axes,
        units=units,
        datasets=tuple(str(dataset["path"]) for dataset in datasets),
        scales=tuple(scales),
        channels=tuple(str(channel.get("label", n)) for n, channel in enumerate(channels)),
        version=str(said.get("version") or first.get("version") or ""),
    )


def describe(path: str, level: int = 0) -> Described:
    """What the metadata of an image say; no pixel is read.

    Parameters
    ----------
    path
        An image, on a disk here or remote.
    level
        The resolution level that shape and pixel sizes are of; 0 is the full one.

    Raises
    ------
    ImageError
        It is no OME-Zarr image.
    """
    image = open_image(path)
    return _described(image, image.array(level), level)


def read(path: str, part: Part, axes: str | None = None) -> Array:
    """Read a part of an image; only the chunks that hold it are read.

    Parameters
    ----------
    path
        An image, on a disk here or remote.
    part
        Which part of it: see `pixmake.images.axes.PARTS`.
    axes
        The axes to have: see `pixmake.images.axes.fit_axes`.

    Returns
    -------
    ndarray
        In the image's own type.

    Raises
    ------
    ImageError
        It is no OME-Zarr image, has no such part or not such axes, or a chunk cannot be decoded.
    """
    if "page" in part:
        raise ImageError(f"{path}: an OME-Zarr has no pages: name t, c or z")
    import numpy as np

    level = part.get("level", 0)
    image = open_image(path)
    array = image.array(level)
    described = _described(image, array, level)
    index = index_of(described, part, path)
    # an axis stays, with one pixel, until `fit_axes` has seen it: it may be asked for
    kept = tuple(slice(at, at + 1) if isinstance(at, int) else at for at in index)
    shape = tuple(len(range(*at.indices(size))) for at, size in zip(kept, array.shape, strict=True))
    problem = mismatch(replace(described, shape=shape), axes)
    if problem:
        raise ImageError(f"{path}: {problem}")
    try:
        pixels = np.asarray(array[kept])
    except Exception as error:  # whatever a codec raises
        raise ImageError(f"{path}: level {level} cannot be decoded: {error}") from None
    return fit_axes(pixels, image.axes, axes, path)


def fields_of(path: str, group: Any, said: Mapping[str, Any]) -> Iterator[Field]:
    """The images of a plate, or of one well, in the order of its metadata.

    Raises
    ------
    ImageError
        Its metadata make none.
    """
    from concurrent.futures import ThreadPoolExecutor  # each image's process would pay for its hooks

    try:
        if "well" in said:
            row, column = path.rstrip("/").split("/")[-2:]
            yield from _fields_of_well("", row, column, said)
            return
        wells = [str(well["path"]).strip("/") for well in said["plate"]["wells"]]

        def read_well(inner: str) -> Mapping[str, Any]:
            try:
                return attributes(group[inner])
            except KeyError:
                return {}

        with ThreadPoolExecutor(AT_ONCE) as threads:
            for inner, found in zip(wells, threads.map(read_well, wells), strict=True):
                row, column = inner.split("/")
                if found:
                    yield from _fields_of_well(f"{inner}/", row, column, found)
                else:
                    yield Field(inner, row, column, "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        kind = type(error).__name__
        raise ImageError(f"{path}: its OME-Zarr metadata make no plate ({kind}: {error})") from None


def series_of(group: Any, said: Mapping[str, Any]) -> list[str]:
    """The images of a file that bioformats2raw converted, by their paths in its group; else none."""
    if said.get("bioformats2raw.layout") is None:
        return []
    if "OME" in group and (listed := attributes(group["OME"]).get("series")):
        return [str(name) for name in listed]
    names: list[str] = []
    while str(len(names)) in group:
        names.append(str(len(names)))
    return names


def _fields_of_well(inner: str, row: str, column: str, said: Mapping[str, Any]) -> Iterator[Field]:
    for image in said["well"]["images"]:
        name = str(image["path"]).strip("/")
        yield Field(f"{inner}{name}", row, column, name, image.get("acquisition"))


def _described(image: Multiscale, array: Any, level: int) -> Described:
    known = zip(image.axes, image.scales[level], image.units, strict=True)
    return Described(
        axes=image.axes,
        shape=tuple(array.shape),
        dtype=str(array.dtype.newbyteorder("=")),  # as `read` hands it on
        # a 1 without a unit is what stands there when nothing is known
        pixel_size={axis: (size, unit) for axis, size, unit in known if unit or size != 1},
        channels=image.channels,
        levels=len(image.datasets),
    )


def _axes(given: Sequence[Any] | None) -> tuple[str, tuple[str, ...]]:
    """The letters and the units of axes; before 0.3 all images were tczyx, in 0.3 axes were letters."""
    told = [axis if isinstance(axis, dict) else {"name": axis} for axis in given or "tczyx"]
    names = [str(axis["name"]) for axis in told]
    if any(name not in NAMED for name in names):
        # other names are allowed; the types say which is which, and space comes in the order z, y, x
        space = [n for n, axis in enumerate(told) if axis.get("type") == "space"]
        letters = dict(zip(space, "zyx"[3 - len(space) :], strict=True))
        names = [letters.get(n) or _BY_TYPE[axis["type"]] for n, axis in enumerate(told)]
    if len(set(names)) < len(names) or not {"y", "x"} <= set(names):
        raise ValueError(f"the axes are {', '.join(names)}")
    return "".join(names), tuple(str(axis.get("unit", "")) for axis in told)


def _scale(transformations: Sequence[Mapping[str, Any]] | None, count: int) -> tuple[float, ...]:
    """What the scale transformations of a list make together."""
    sizes = [1.0] * count
    for each in transformations or ():
        if each["type"] == "scale":
            sizes = [size * float(own) for size, own in zip(sizes, each["scale"], strict=True)]
    return tuple(sizes)


def _zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise MissingExtraError("reading OME-Zarr", "zarr", "zarr") from None
    return zarr
