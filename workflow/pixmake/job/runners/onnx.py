"""Kind of step ``onnx``: a network in a file, applied tile by tile by ONNX Runtime."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pixmake.base.counted import counted
from pixmake.images.axes import ImageError, named
from pixmake.images.read import read_image
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.classified import leave, leave_distances

PRELOAD = ("numpy", "cv2")
TILE = 256
"""Pixels along each axis of a tile, for a network that takes any."""

Apply = Callable[[Any], Any]
"""What a network makes of a tile: channels × space, float32, and as much space comes out."""


def load(work: Mapping[str, Any], *, device: str, threads: int) -> Any:
    """The network, ready to use on a device."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise RuntimeError(f"this onnxruntime {onnxruntime.__version__} has no {provider}")
    (path,) = work["load"]["network"]["files"]
    session = onnxruntime.InferenceSession(path, options, providers=[provider])
    inputs, axes = session.get_inputs(), work["network"]["axes"]
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs)
        raise ValueError(f"the network takes {len(inputs)} inputs ({names}); one is expected")
    if len(inputs[0].shape) != len(axes):
        shape = " × ".join(map(str, inputs[0].shape))
        raise ValueError(f"the network takes {shape}, which are not the axes {axes} of `network`")
    _tiles(session, work["network"])
    _count_classes(_given(session, axes), work["network"])
    return session


def run(call: Call) -> Outcome:
    """Apply the network to an image, write what the step declares, and measure classes and objects."""
    import numpy as np

    work, session = call.task.work, call.models["network"]
    described, axes = work["network"], work["axes"]
    (path,), (part,) = call.images, call.parts
    decoded = read_image(path, part, axes)
    image = np.moveaxis(decoded, axes.index("c"), 0) if "c" in axes else decoded[np.newaxis]
    if described["channels"] is not None:
        if max(described["channels"]) >= len(image):
            raise ImageError(
                f"{named(path, part)}: has {counted(len(image), 'channel')}, no {max(described['channels'])}"
            )
        image = image[described["channels"]]
    taken = _fixed(session, described["axes"]).get("c", len(image))
    if taken != len(image):
        what = f"has {counted(len(image), 'channel')}, and the network takes {taken}"
        raise ImageError(f"{named(path, part)}: {what}; see `axes` and `channels`")
    found = applied(image, _normal(image, described), *_tiles(session, described), _apply(session, described))
    spatial = "".join(axis for axis in axes if axis in "zyx")
    if described["output"] == "distances":
        return leave_distances(call, found, spatial)
    classes = described["classes"]
    labels, probabilities = _labels(found, described)
    _count_classes(len(found), described)
    return leave(call, classes, labels, probabilities, lambda: image, spatial)


def applied(image: Any, normal: Apply, tile: int, overlap: int, apply: Apply) -> Any:
    """What a network makes of an image, tile by tile.

    Parameters
    ----------
    image
        Channels × (depth ×) height × width.
    normal
        Makes of pixels as they are what the network takes.
    tile, overlap
        Pixels along each axis; so many at each side are cut off what comes out.
    apply
        The network.

    Returns
    -------
    ndarray
        Channels × the same space, of the type that the network gives. At the image's edges the network sees
        the image mirrored.
    """
    import numpy as np

    shape, found = image.shape[1:], None
    for inner, outer, around in tiles(shape, tile, overlap):
        cut = normal(image[(slice(None), *outer)])
        mirrored = np.pad(cut, ((0, 0), *around), mode="symmetric")
        made = apply(np.ascontiguousarray(mirrored))
        if made.shape[1:] != mirrored.shape[1:]:
            given, taken = (" × ".join(map(str, each.shape[1:])) for each in (made, mirrored))
            raise ValueError(f"the network makes {given} pixels of {taken}; as many are expected")
        if found is None:
            found = np.empty((len(made), *shape), made.dtype)
        inside = tuple(slice(overlap, overlap + each.stop - each.start) for each in inner)
        found[(slice(None), *inner)] = made[(slice(None), *inside)]
    return found


def tiles(
    shape: Sequence[int], tile: int, overlap: int
) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], tuple[tuple[int, int], ...]]]:
    """Of each tile what it gives of an image, what it takes of it, and how much is missing at each side."""
    step = tile - 2 * overlap
    for corner in itertools.product(*(range(0, size, step) for size in shape)):
        inner = tuple(slice(at, min(at + step, size)) for at, size in zip(corner, shape, strict=True))
        spans = [(at - overlap, at - overlap + tile) for at in corner]
        outer = tuple(
            slice(max(0, start), min(stop, size)) for (start, stop), size in zip(spans, shape, strict=True)
        )
        around = tuple(
            (max(0, -start), max(0, stop - size)) for (start, stop), size in zip(spans, shape, strict=True)
        )
        yield inner, outer, around


def _fixed(session: Any, axes: str) -> dict[str, int]:
    """The sizes of axes that the network is made for."""
    shape = session.get_inputs()[0].shape
    return {axis: size for axis, size in zip(axes, shape, strict=True) if isinstance(size, int)}


def _given(session: Any, axes: str) -> int | None:
    """How many channels come out, if the network says so."""
    shape = session.get_outputs()[0].shape
    size = shape[axes.index("c")] if "c" in axes and len(shape) == len(axes) else None
    return size if isinstance(size, int) else None


def _count_classes(given: int | None, described: Mapping[str, Any]) -> None:
    """See that each class that the network gives has a name."""
    named_classes = len(described["classes"])
    if described["output"] in ("probabilities", "logits") and given not in (None, named_classes):
        raise ValueError(f"the network gives {given} classes, and `classes` names {named_classes}")


def _tiles(session: Any, described: Mapping[str, Any]) -> tuple[int, int]:
    """The size of a tile, and its overlap."""
    sizes = {size for axis, size in _fixed(session, described["axes"]).items() if axis in "zyx"}
    if len(sizes) > 1 or (described["tile"] and sizes - {described["tile"]}):
        told = ", ".join(map(str, sorted(sizes)))
        raise ValueError(f"the network takes tiles of {told} pixels; all edges of a tile are of one size")
    tile = sizes.pop() if sizes else described["tile"] or TILE
    overlap = tile // 8 if described["overlap"] is None else described["overlap"]
    if 2 * overlap >= tile:
        raise ValueError(f"an overlap of {overlap} leaves nothing of a tile of {tile}")
    return tile, overlap


def _normal(image: Any, described: Mapping[str, Any]) -> Apply:
    """Makes of an image's pixels what the network takes: float32."""
    import numpy as np

    space = (1,) * (image.ndim - 1)

    def of_channels(numbers: Any) -> Any:
        given = np.asarray(numbers, np.float32)
        if given.ndim and len(given) not in (1, len(image)):
            raise ValueError(
                f"{len(given)} numbers for {counted(len(image), 'channel')} in `subtract` or `divide`"
            )
        return given.reshape(-1, *space)

    low, width = of_channels(described["subtract"]), of_channels(described["divide"])
    if described["percentiles"]:
        each = [np.percentile(channel, described["percentiles"]) for channel in image]
        low = of_channels([first for first, _ in each])
        width = np.maximum(of_channels([last - first for first, last in each]), np.float32(1e-12))
    return lambda pixels: (pixels.astype(np.float32) - low) / width


def _apply(session: Any, described: Mapping[str, Any]) -> Apply:
    """The network as a function of channels × space."""
    import numpy as np

    axes, given = described["axes"], session.get_inputs()[0]
    kind = {"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(given.type, np.float32)
    first = "c" + "".join(axis for axis in axes if axis in "zyx")

    def apply(tile: Any) -> Any:
        taken = tile.astype(kind, copy=False)
        taken = taken[0] if "c" not in axes else np.moveaxis(taken, 0, axes.replace("b", "").index("c"))
        (made, *_) = session.run(None, {given.name: taken[np.newaxis] if "b" in axes else taken})
        made = made[0] if "b" in axes else made
        if made.ndim == len(first) - 1:
            return made[np.newaxis]
        return np.moveaxis(made, axes.replace("b", "").index("c"), 0) if "c" in axes else made

    return apply


def _labels(found: Any, described: Mapping[str, Any]) -> tuple[Any, Any]:
    """The class of each pixel, from 1, and the probabilities of each, if there are any."""
    import numpy as np

    if described["output"] == "labels":
        return found[0].astype(np.uint8), None
    several = len(found) > 1
    probabilities = found.astype(np.float32, copy=False)
    if described["output"] == "logits":
        if several:
            probabilities = np.exp(probabilities - probabilities.max(axis=0))
            probabilities /= probabilities.sum(axis=0)
        else:
            probabilities = 1 / (1 + np.exp(-probabilities))
    threshold = described["threshold"] or (0.0 if several else 0.5)
    labels = (probabilities.argmax(axis=0) + 1).astype(np.uint8)
    labels[probabilities.max(axis=0) < threshold] = 0
    return labels, probabilities
