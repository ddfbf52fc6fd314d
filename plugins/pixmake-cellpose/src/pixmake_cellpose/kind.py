"""Kind of step ``cellpose``, before anything runs: the model, params by Cellpose's own names, files."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any

from pixmake.base.errors import Problem, nearest
from pixmake.classifier.terms import PROPERTIES
from pixmake.config.models import Config, Step
from pixmake.plan.kinds import classified
from pixmake.plan.loads import checksum
from pixmake.table.groups import Group

READS = "decoded"
RUNNER = "pixmake_cellpose.run"
KEYS = ("axes", "python", "load_slots", "load_timeout", "cpu_fallback")

CHANNELS = 3
"""Cellpose 4 looks at so many channels of an image, whatever their order."""


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _above_0(value: Any) -> bool:
    return _number(value) and value > 0


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _channels(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= CHANNELS and all(map(_whole, value))


def _names(value: Any) -> bool:
    return isinstance(value, list) and set(map(str, value)) <= set(PROPERTIES)


PARAMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "diameter": (_above_0, "pixels, e.g. 30"),
    "flow_threshold": (_number, "a number, e.g. 0.4"),
    "cellprob_threshold": (_number, "a number, e.g. 0"),
    "min_size": (_whole, "a whole number of pixels"),
    "max_size_fraction": (_above_0, "a share of the image, e.g. 0.4"),
    "niter": (_whole, "a whole number"),
    "normalize": (lambda value: isinstance(value, (bool, dict)), "true, false, or Cellpose's own keys"),
    "resample": (_flag, "true or false"),
    "augment": (_flag, "true or false"),
    "tile_overlap": (_number, "a share of a tile, e.g. 0.1"),
    "batch_size": (_above_0, "tiles at one time, e.g. 8"),
    "do_3D": (_flag, "true or false"),
    "anisotropy": (_above_0, "a number, e.g. 2"),
    "flow3D_smooth": (_number, "a number"),
    "stitch_threshold": (_number, "a number, e.g. 0.25"),
    "use_bfloat16": (_flag, "true or false"),
    "channels": (_channels, "up to three numbers of channels, the first is 0, e.g. [2, 1, 0]"),
    "properties": (_names, "names of scikit-image's, e.g. [area, centroid]"),
}
"""What can stand in `params`: what Cellpose 4 calls so, which channels it gets, what is measured."""


def check(config: Config, name: str) -> Iterator[Problem]:
    """The model, Cellpose itself, params and files."""
    step, where = config.steps[name], f"steps.{name}"
    if not (step.container or step.conda or step.python) and importlib.util.find_spec("cellpose") is None:
        yield Problem("Cellpose is not installed here", f"{where}.cellpose", 'pip install "cellpose>=4"')
    if os.path.sep in step.runs and not os.path.isfile(step.runs):
        yield Problem(f"there is no model {step.runs}", f"{where}.cellpose", "a file, or a name: cpsam_v2")
    for param, value in step.params.items():
        place = f"{where}.params.{param}"
        if param not in PARAMS:
            yield Problem(f"a step of kind cellpose has no param {param!r}", place, nearest(param, PARAMS))
        elif not PARAMS[param][0](value):
            yield Problem(f"{value!r} is no {param}", place, PARAMS[param][1])
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
    version = ""
    if not (step.container or step.conda or step.python):
        with contextlib.suppress(metadata.PackageNotFoundError):  # told by `check`
            version = metadata.version("cellpose")
    return {
        "model": step.runs,
        "load": {"model": {"files": files}},
        "axes": step.axes or _axes(step),
        "bfloat16": step.params.get("use_bfloat16", True),
        **({"version": version} if version else {}),
    }


def source(step: Step) -> str:
    """Nothing: what is run is the model."""
    return ""


def _is_3d(step: Step) -> bool:
    return bool(step.params.get("do_3D") or step.params.get("stitch_threshold"))


def _axes(step: Step) -> str:
    return "zyxc" if _is_3d(step) else "yxc"
