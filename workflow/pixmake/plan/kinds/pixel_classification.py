"""Kind of step ``pixel_classification``, before anything runs: the classifier, and what is made with it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.base.errors import MissingExtraError, Problem
from pixmake.classifier.model import Description, ModelError, model_hash, read_description
from pixmake.classifier.terms import AXES, spatial
from pixmake.config.models import Config, Step
from pixmake.plan.kinds import classified
from pixmake.table.groups import Group

READS = "decoded"
RUNNER = "pixmake.job.runners.pixel_classification"


def check(config: Config, name: str) -> Iterator[Problem]:
    """The classifier's file, the files that are to be written, and how objects are to be measured."""
    step, key = config.steps[name], f"steps.{name}.pixel_classification"
    for package, module in (("scikit-learn", "sklearn"), ("scikit-image", "skimage")):
        if not (step.conda or step.container) and importlib.util.find_spec(module) is None:
            yield from MissingExtraError("a pixel_classification", package, "classification").problems
    if not os.path.isfile(step.runs):
        hint = "make it with: pixmake train" + ("" if step.training else f" {step.runs} --labels FOLDER …")
        yield Problem(f"there is no classifier {step.runs}", key, hint)
        yield from classified.check_step(config, name)
        return
    try:
        description = read_description(step.runs)
    except ModelError as error:
        yield Problem(str(error), key, "make it again with: pixmake train")
        return
    yield from _axes_problems(step, description, f"steps.{name}.axes")
    yield from classified.check_step(config, name, description.classes, description.dimensions)


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: see `pixmake.plan.axes_check`."""
    return iter(())


def work(step: Step) -> Mapping[str, Any]:
    """The classifier, its hash (with another one all images are classified again), and what it takes."""
    description = read_description(step.runs)
    return {
        "model": step.runs,
        "hash": model_hash(step.runs),
        "axes": step.axes or description.axes,
        "channels": description.channels,
        "dtype": description.dtype,
    }


def source(step: Step) -> str:
    """Nothing: what is run is the classifier."""
    return ""


def _axes_problems(step: Step, description: Description, where: str) -> Iterator[Problem]:
    asked = step.axes
    if asked is None:
        return
    if asked not in AXES:
        yield Problem(f"a pixel_classification takes no {asked}", where, f"one of: {', '.join(AXES)}")
    elif spatial(asked) != spatial(description.axes):
        what = f"the classifier {step.runs} was trained on {description.axes}"
        yield Problem(what, where, "ask for these, or train another one")
    elif "c" not in asked and description.channels > 1:
        what = f"the classifier {step.runs} was trained on {description.channels} channels"
        yield Problem(what, where, f"ask for {description.axes}")
