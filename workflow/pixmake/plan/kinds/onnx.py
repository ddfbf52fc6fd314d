"""Kind of step ``onnx``, before anything runs: the network's file, and what is made with it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.base.errors import MissingExtraError, Problem
from pixmake.config.models import Config, Step
from pixmake.config.network import Network
from pixmake.plan.kinds import classified
from pixmake.plan.loads import checksum
from pixmake.table.groups import Group

READS, RUNNER = "decoded", "pixmake.job.runners.onnx"


def check(config: Config, name: str) -> Iterator[Problem]:
    """The network's file, the files that are to be written, and how objects are to be measured."""
    step, key = config.steps[name], f"steps.{name}.onnx"
    network = step.network or Network()
    if not (step.conda or step.container) and importlib.util.find_spec("onnxruntime") is None:
        yield from MissingExtraError("an onnx step", "onnxruntime", "onnx").problems
    if not os.path.isfile(step.runs):
        yield Problem(f"there is no network {step.runs}", key)
    dimensions = 3 if "z" in network.axes else 2
    files = classified.DISTANCES if network.output == "distances" else classified.FILES
    yield from classified.check_step(config, name, network.classes, dimensions, files)
    if step.axes and ("z" in step.axes) != ("z" in network.axes):
        what = f"the network takes {network.axes}"
        yield Problem(what, f"steps.{name}.axes", f"ask for {_axes(network)}")


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: see `pixmake.plan.axes_check`."""
    return iter(())


def work(step: Step) -> Mapping[str, Any]:
    """The network, what is in its file, and what goes in and comes out."""
    network = step.network or Network()
    return {
        "load": {"network": {"files": {step.runs: checksum(step.runs)}}},
        "network": network.model_dump(),
        "axes": step.axes or _axes(network),
    }


def source(step: Step) -> str:
    """Nothing: what is run is the network."""
    return ""


def _axes(network: Network) -> str:
    spatial = "zyx" if "z" in network.axes else "yx"
    return spatial + ("c" if "c" in network.axes else "")
