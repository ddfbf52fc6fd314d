"""Kind of step ``stardist``, before anything runs: the model, params by StarDist's own names, files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmake.base.errors import Problem
from pixmake.config.models import Config, Step
from pixmake.plan.kinds import classified
from pixmake.plan.kinds.named_params import (
    CHANNELS,
    MEASURED,
    Param,
    above_0,
    check_installed,
    check_params,
    share,
    version,
)
from pixmake.plan.loads import checksum
from pixmake.table.groups import Group

READS = "decoded"
RUNNER = "pixmake_stardist.run"
KEYS = ("axes", "python", "load_slots", "load_timeout", "cpu_fallback")

CONFIG = "config.json"
"""The file of a model's folder that says what it takes."""

WEIGHTS = (".h5", ".keras")


def _percentiles(value: Any) -> bool:
    if value is False:
        return True
    numbers = isinstance(value, list) and len(value) == 2
    return numbers and all(type(each) in (int, float) and 0 <= each <= 100 for each in value)


def _tiles(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (2, 3) and all(type(n) is int and n > 0 for n in value)


PARAMS: Mapping[str, Param] = {
    "prob_thresh": (share, "a number from 0 to 1; default: the model's own"),
    "nms_thresh": (share, "a number from 0 to 1; default: the model's own"),
    "normalize": (_percentiles, "two percentiles, e.g. [1, 99.8], or false"),
    "n_tiles": (_tiles, "so many along each axis of space, e.g. [2, 2]"),
    "scale": (above_0, "a number: objects of twice the size of those it was trained on have 0.5"),
    "channels": CHANNELS,
    "properties": MEASURED,
}
"""What can stand in `params`: what StarDist calls so, which channels it gets, what is measured of objects."""


def check(config: Config, name: str) -> Iterator[Problem]:
    """The model, StarDist itself, params and files."""
    step, where = config.steps[name], f"steps.{name}"
    yield from check_installed(step, name, "stardist", "StarDist", "pip install stardist tensorflow")
    yield from _model_problems(step.runs, f"{where}.stardist")
    yield from check_params(step, name, PARAMS)
    if step.axes and ("z" in step.axes) != _is_3d(step):
        what = f"{step.runs} is a model of {'volumes' if _is_3d(step) else 'planes'}"
        yield Problem(what, f"{where}.axes", f"ask for {_axes(step)}")
    yield from classified.check_files(config, name, classified.OBJECTS, 3 if _is_3d(step) else 2)


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: axes are checked for all kinds."""
    return iter(())


def work(step: Step) -> Mapping[str, Any]:
    """The model, what is in its folder, the versions that are here, and the axes of an image."""
    return {
        "model": step.runs,
        "dimensions": 3 if _is_3d(step) else 2,
        "load": {"model": {"files": {path: checksum(path) for path in _files(step.runs)}}},
        "axes": step.axes or _axes(step),
        **version(step, "stardist"),
    }


def source(step: Step) -> str:
    """Nothing: what is run is the model."""
    return ""


def _files(model: str) -> list[str]:
    """What decides a model that is a folder: its weights, thresholds and config."""
    folder = Path(model)
    if not folder.is_dir():
        return []
    return sorted(str(path) for path in folder.iterdir() if path.suffix in (".json", *WEIGHTS))


def _model_problems(model: str, where: str) -> Iterator[Problem]:
    if not os.path.isdir(model):
        if os.path.sep in model:
            yield Problem(f"there is no model {model}", where, "a folder with a config.json, or a name")
        return
    if not os.path.isfile(os.path.join(model, CONFIG)):
        yield Problem(f"{model} has no {CONFIG}", where, "the folder that StarDist wrote when it was trained")
    elif not any(path.endswith(WEIGHTS) for path in _files(model)):
        yield Problem(f"{model} has no weights", where, "weights_best.h5, as StarDist leaves them")


def _is_3d(step: Step) -> bool:
    """By the model's own config; of one that has a name, by that: StarDist's begin with `2D` or `3D`."""
    try:
        said = json.loads((Path(step.runs) / CONFIG).read_bytes())
        return int(said.get("n_dim", 2)) == 3
    except (OSError, ValueError, AttributeError, TypeError):
        return step.runs.startswith("3D")


def _axes(step: Step) -> str:
    return "zyxc" if _is_3d(step) else "yxc"
