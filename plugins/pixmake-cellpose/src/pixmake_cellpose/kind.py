"""Kind of step ``cellpose``, before anything runs: the model, params by Cellpose's own names, files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.base.errors import Problem
from pixmake.config.models import Config, Step
from pixmake.plan.kinds import classified
from pixmake.plan.kinds.named_params import (
    MEASURED,
    Param,
    above_0,
    channels,
    check_installed,
    check_params,
    flag,
    number,
    version,
    whole,
)
from pixmake.plan.loads import checksum
from pixmake.table.groups import Group

READS = "decoded"
RUNNER = "pixmake_cellpose.run"
KEYS = ("axes", "python", "load_slots", "load_timeout", "cpu_fallback")

CHANNELS = 3
"""Cellpose 4 looks at so many channels of an image, whatever their order."""


PARAMS: Mapping[str, Param] = {
    "diameter": (above_0, "pixels, e.g. 30"),
    "flow_threshold": (number, "a number, e.g. 0.4"),
    "cellprob_threshold": (number, "a number, e.g. 0"),
    "min_size": (whole, "a whole number of pixels"),
    "max_size_fraction": (above_0, "a share of the image, e.g. 0.4"),
    "niter": (whole, "a whole number"),
    "normalize": (lambda value: isinstance(value, (bool, dict)), "true, false, or Cellpose's own keys"),
    "resample": (flag, "true or false"),
    "augment": (flag, "true or false"),
    "tile_overlap": (number, "a share of a tile, e.g. 0.1"),
    "batch_size": (above_0, "tiles at one time, e.g. 8"),
    "do_3D": (flag, "true or false"),
    "anisotropy": (above_0, "a number, e.g. 2"),
    "flow3D_smooth": (number, "a number"),
    "stitch_threshold": (number, "a number, e.g. 0.25"),
    "use_bfloat16": (flag, "true or false"),
    "channels": (
        lambda value: channels(value) and len(value) <= CHANNELS,
        "up to three numbers of channels, the first is 0, e.g. [2, 1, 0]",
    ),
    "properties": MEASURED,
}
"""What can stand in `params`: what Cellpose 4 calls so, which channels it gets, what is measured."""


def check(config: Config, name: str) -> Iterator[Problem]:
    """The model, Cellpose itself, params and files."""
    step, where = config.steps[name], f"steps.{name}"
    yield from check_installed(step, name, "cellpose", "Cellpose", 'pip install "cellpose>=4"')
    if os.path.sep in step.runs and not os.path.isfile(step.runs):
        yield Problem(f"there is no model {step.runs}", f"{where}.cellpose", "a file, or a name: cpsam_v2")
    yield from check_params(step, name, PARAMS)
    if step.params.get("do_3D") and step.params.get("stitch_threshold"):
        hint = "remove one: planes are stitched, or the volume is worked on as one"
        yield Problem("`do_3D` and `stitch_threshold` exclude one another", f"{where}.params", hint)
    if step.axes and ("z" in step.axes) != _is_3d(step):
        hint = f"ask for {_axes(step)}, or set do_3D or stitch_threshold"
        yield Problem("these axes do not go with the params", f"{where}.axes", hint)
    yield from classified.check_files(config, name, classified.OBJECTS, 3 if _is_3d(step) else 2)


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: axes are checked for all kinds."""
    return iter(())


def work(step: Step) -> Mapping[str, Any]:
    """The model, what is in its file, the version of Cellpose that is here, and the axes of an image."""
    files = {step.runs: checksum(step.runs)} if os.path.isfile(step.runs) else {}
    return {
        "model": step.runs,
        "load": {"model": {"files": files}},
        "axes": step.axes or _axes(step),
        "bfloat16": step.params.get("use_bfloat16", True),
        **version(step, "cellpose"),
    }


def source(step: Step) -> str:
    """Nothing: what is run is the model."""
    return ""


def _is_3d(step: Step) -> bool:
    return bool(step.params.get("do_3D") or step.params.get("stitch_threshold"))


def _axes(step: Step) -> str:
    return "zyxc" if _is_3d(step) else "yxc"
