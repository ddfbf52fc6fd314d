"""What a step leaves that gave each pixel of its image a class, or an object: files, areas, objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.base.files import written_whole
from pixmake.classifier.terms import OBJECT_PROPERTIES
from pixmake.images.read import write_file
from pixmake.images.stamp import put_stamp
from pixmake.job.record import Measurement
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.measurements import measured
from pixmake.job.runners.metadata import source_of, stamp_for

if TYPE_CHECKING:
    from pixmake.images.pyramid import Source


def leave(
    call: Call,
    classes: Sequence[str],
    labels: Any,
    probabilities: Any,
    image: Callable[[], Any],
    axes: str,
) -> Outcome:
    """Write the files that the step declares, and measure its classes and objects.

    Parameters
    ----------
    call
        The job.
    classes
        The names of the classes, the first one of label 1.
    labels
        (Depth ×) height × width, uint8.
    probabilities
        Classes × the shape of ``labels``, if the step declares them.
    image
        Gives channels × the shape of ``labels``, if objects are measured.
    axes
        Of ``labels``.
    """
    params = call.task.params
    arrays: dict[str, Any] = {"labels": labels, "probabilities": probabilities}
    found = _areas(labels, classes)
    if {"objects", "object_labels"} & set(call.outputs) or "objects" in params:
        from pixmake.classifier.objects import label_objects, measure_objects

        wanted = params.get("objects", classes)
        numbers = [classes.index(each) + 1 for each in wanted]
        objects = label_objects(labels, numbers, params.get("min_area", 1))
        properties = params.get("properties", OBJECT_PROPERTIES) if "objects" in call.outputs else ()
        pixels = image() if properties else None
        table = measure_objects(objects, labels, classes, pixels, axes, properties)
        arrays |= {"objects": table, "object_labels": objects}
        counts = table["class"].value_counts()
        found |= {f"objects_{each}": int(counts.get(each, 0)) for each in wanted}
    source, stamp = source_of(call), stamp_for(call)
    for name, output in call.outputs.items():
        with written_whole(output) as temporary:
            own_axes = f"c{axes}" if name == "probabilities" else axes
            _write(arrays[name], temporary, name, own_axes, source, stamp)
    return Outcome({name: measured(name, value) for name, value in found.items()})


def leave_objects(
    call: Call,
    objects: Any,
    image: Callable[[], Any],
    axes: str,
    more: Mapping[str, Sequence[Any]] | None = None,
) -> Outcome:
    """Write the files of a step that has found objects, and count and measure these.

    Its files are ``labels``, the number of the object of each pixel, and ``objects``, a row for each.

    Parameters
    ----------
    objects
        (Depth ×) height × width, whole numbers: 0 where there is none.
    image
        Gives channels × the shape of ``objects``.
    axes
        Of ``objects``.
    more
        What else is known of each object, by the name of its column: the first value is that of number 1.
    """
    import numpy as np

    count = len(np.unique(objects[objects > 0]))
    kind = np.uint16 if int(objects.max(initial=0)) < 2**16 else np.int32
    arrays: dict[str, Any] = {"labels": objects.astype(kind, copy=False)}
    if "objects" in call.outputs:
        from pixmake.classifier.objects import measure_objects

        properties = call.task.params.get("properties", OBJECT_PROPERTIES)
        classes = (objects > 0).astype(np.uint8)
        table = measure_objects(objects.astype(np.int32), classes, ["object"], image(), axes, properties)
        table = table.drop(columns="class")
        for name, values in (more or {}).items():
            table[name] = np.asarray(values)[table["label"].to_numpy() - 1]
        arrays["objects"] = table
    source, stamp = source_of(call), stamp_for(call)
    for name, output in call.outputs.items():
        with written_whole(output) as temporary:
            _write(arrays[name], temporary, name, axes, source, stamp)
    area = int(np.count_nonzero(objects))
    unit = "pixels" if objects.ndim == 2 else "voxels"
    found: dict[str, Any] = {
        "objects": count,
        "area_objects": Measurement(area, unit=unit),
        "fraction_objects": area / objects.size,
    }
    return Outcome({name: measured(name, value) for name, value in found.items()})


def leave_distances(call: Call, distances: Any, axes: str) -> Outcome:
    """Write distances as a file of the step, and measure them.

    Parameters
    ----------
    distances
        Channels × (depth ×) height × width.
    axes
        Of a channel.
    """
    source, stamp, single = source_of(call), stamp_for(call), len(distances) == 1
    for name, output in call.outputs.items():
        with written_whole(output) as temporary:
            array, own_axes = (distances[0], axes) if single else (distances, f"c{axes}")
            _write(array, temporary, name, own_axes, source, stamp)
    found = {"distance_max": float(distances.max()), "distance_mean": float(distances.mean())}
    return Outcome({name: measured(name, value) for name, value in found.items()})


def _areas(labels: Any, classes: Sequence[str]) -> dict[str, Any]:
    """Of each class how many pixels it has, and their share of the image."""
    import numpy as np

    counts = np.bincount(labels.ravel(), minlength=len(classes) + 1)[1:].tolist()
    unit = "pixels" if labels.ndim == 2 else "voxels"
    named = list(zip(classes, counts, strict=True))
    areas = {f"area_{name}": Measurement(count, unit=unit) for name, count in named}
    return {**areas, **{f"fraction_{name}": count / labels.size for name, count in named}}


def _write(value: Any, path: Path, name: str, axes: str, source: Source | None, stamp: str) -> None:
    """Write an array or table; a TIFF of several planes through tifffile, which names its axes."""
    if path.suffix.lower() in (".tif", ".tiff") and (value.ndim > 2 or value.dtype.itemsize > 2):
        from pixmake.base.errors import MissingPackageError

        try:
            import tifffile
        except ImportError:
            raise MissingPackageError(f"{path.name}: writing a TIFF of several planes", "tifffile") from None
        named = {"axes": axes.upper()}
        tifffile.imwrite(path, value, metadata=named, compression="zlib", photometric="minisblack")
        if stamp:
            put_stamp(path, stamp)
    else:
        if source is not None:
            source = replace(source, described=replace(source.described, axes=axes, shape=value.shape))
        write_file(value, path, name, source, stamp)
