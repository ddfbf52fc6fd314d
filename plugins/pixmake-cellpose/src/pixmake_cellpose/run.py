"""The work of a step of kind ``cellpose``: a model that is loaded once finds the cells of each image.

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
OURS = ("channels", "properties", "use_bfloat16")
"""The params that Cellpose's ``eval`` does not know."""


def load(work: Mapping[str, Any], *, device: str, threads: int) -> Any:
    """The model, on a device.

    Raises
    ------
    ValueError
        Cellpose has no model of that name. It would take its default one.
    """
    import torch
    from cellpose import models

    torch.set_num_threads(threads)
    model = work["model"]
    known = [*models.MODEL_NAMES, *models.get_user_models()]
    if not os.path.isfile(model) and model not in known:
        raise ValueError(f"Cellpose has no model {model!r}; it has {', '.join(known)}, or takes a file")
    return models.CellposeModel(
        pretrained_model=model,
        gpu=device == "cuda",
        device=torch.device(device),
        use_bfloat16=work["bfloat16"],
    )


def run(call: Call) -> Outcome:
    """Find the cells of an image, and leave them as labels and as a table."""
    import numpy as np

    (path,), (part,), axes = call.images, call.parts, call.task.work["axes"]
    decoded = read_image(path, part, axes)
    image = np.moveaxis(decoded, axes.index("c"), 0) if "c" in axes else decoded[np.newaxis]
    channels = call.task.params.get("channels", list(range(min(len(image), 3))))
    if max(channels) >= len(image):
        raise ImageError(f"{named(path, part)}: has {len(image)} channel(s), no {max(channels)}")
    spatial = "".join(axis for axis in axes if axis in "zyx")
    where: dict[str, int] = {"channel_axis": -1, **({"z_axis": 0} if "z" in spatial else {})}
    settings = {name: value for name, value in call.task.params.items() if name not in OURS}
    masks, *_ = call.models["model"].eval(np.moveaxis(image[channels], 0, -1), **where, **settings)
    return leave_objects(call, np.asarray(masks).reshape(image.shape[1:]), lambda: image, spatial)
