"""The work of a step of kind ``stardist``: a model that is loaded once finds the objects of each image.

Standard library only at import: it runs in whatever Python a step names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pixmake.images.axes import ImageError, named
from pixmake.images.read import read_image
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.classified import leave_objects

PRELOAD = ("numpy", "cv2")
PERCENTILES = (1, 99.8)
"""What StarDist's own examples normalise images by."""

OURS = ("channels", "properties", "normalize")
"""The params that ``predict_instances`` does not know."""


def load(work: Mapping[str, Any], *, device: str, threads: int) -> Any:
    """The model, on a device.

    Raises
    ------
    ValueError
        StarDist has no model of that name.
    RuntimeError
        TensorFlow sees no GPU.
    """
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    seen = tensorflow.config.list_physical_devices("GPU")
    if device == "cpu" and seen:
        tensorflow.config.set_visible_devices([], "GPU")
    if device == "cuda" and not seen:
        raise RuntimeError(f"this tensorflow {tensorflow.__version__} sees no GPU")
    for gpu in seen if device == "cuda" else ():
        tensorflow.config.experimental.set_memory_growth(gpu, True)
    from stardist import models

    kind = models.StarDist3D if work["dimensions"] == 3 else models.StarDist2D
    model = work["model"]
    if os.path.isdir(model):
        folder, name = os.path.split(os.path.abspath(model))
        return kind(None, name=name, basedir=folder)
    found = kind.from_pretrained(model)
    if found is None:
        raise ValueError(f"StarDist has no model {model!r}: see what it prints above")
    return found


def run(call: Call) -> Outcome:
    """Find the objects of an image, and leave them as labels and as a table."""
    import numpy as np

    (path,), (part,), work = call.images, call.parts, call.task.work
    axes, params, model = work["axes"], call.task.params, call.models["model"]
    decoded = read_image(path, part, axes)
    image = np.moveaxis(decoded, axes.index("c"), 0) if "c" in axes else decoded[np.newaxis]
    wanted = int(model.config.n_channel_in)
    channels = params.get("channels", list(range(len(image))))
    if max(channels) >= len(image):
        raise ImageError(f"{named(path, part)}: has {len(image)} channel(s), no {max(channels)}")
    if len(channels) != wanted:
        what = f"{len(channels)} channel(s) of it are given, and the model takes {wanted}"
        raise ImageError(f"{named(path, part)}: {what}; see `channels`")
    given = _normal(image[channels], params.get("normalize", PERCENTILES))
    spatial = "".join(axis for axis in axes if axis in "zyx")
    taken, told = (given[0], spatial) if wanted == 1 else (np.moveaxis(given, 0, -1), f"{spatial}c")
    settings = {name: value for name, value in params.items() if name not in OURS}
    if "n_tiles" in settings:
        settings["n_tiles"] = (*settings["n_tiles"], *([1] if wanted > 1 else []))
    labels, details = model.predict_instances(taken, axes=told.upper(), show_tile_progress=False, **settings)
    more = {"probability": details["prob"]} if len(details.get("prob", ())) else {}
    return leave_objects(call, labels, lambda: image, spatial, more)


def _normal(image: Any, percentiles: Any) -> Any:
    """Channels × space, float32: each channel from 0 at one percentile to 1 at the other."""
    import numpy as np

    pixels = image.astype(np.float32)
    if percentiles is False:
        return pixels
    space = tuple(range(1, image.ndim))
    low, high = (np.percentile(image, at, axis=space, keepdims=True) for at in percentiles)
    return ((pixels - low) / (high - low + 1e-20)).astype(np.float32)
