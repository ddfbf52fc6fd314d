"""Kind of step ``pixel_classification``, before anything runs: the classifier, and what is made with it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.config import Config, Step
from pixmake.errors import MissingExtraError, Problem, nearest
from pixmake.groups import Group
from pixmake.pixelmodel import Description, ModelError, model_hash, read_description
from pixmake.pixelterms import AXES, OBJECT_PROPERTIES, PROPERTIES, spatial

FILES = {
    "labels": ("png", "tif", "tiff", "npy", "zarr", "ome.zarr"),
    "probabilities": ("tif", "tiff", "npy", "zarr", "ome.zarr"),
    "objects": ("csv", "tsv", "parquet"),
    "object_labels": ("png", "tif", "tiff", "npy", "zarr", "ome.zarr"),
}
"""The files that such a step can write, and as what."""

PARAMS = ("objects", "properties", "min_area")


def check(config: Config, name: str) -> Iterator[Problem]:
    """The classifier's file, the files that are to be written, and how objects are to be measured."""
    step, where = config.steps[name], f"steps.{name}"
    for package in ("sklearn", "skimage") if not (step.conda or step.container) else ():
        if importlib.util.find_spec(package) is None:
            missing = {"sklearn": "scikit-learn", "skimage": "scikit-image"}[package]
            yield from MissingExtraError("a pixel_classification", missing, "classification").problems
    if config.images.group_by:
        what = "classifies single images, and images.group_by makes groups of them"
        yield Problem(what, f"{where}.pixel_classification", "leave out group_by, or use a function")
    yield from _file_problems(step, where)
    model, key = step.runs, f"{where}.pixel_classification"
    if not os.path.isfile(model):
        hint = "make it with: pixmake train" + ("" if step.training else f" {model} --labels FOLDER …")
        yield Problem(f"there is no classifier {model}", key, hint)
        return
    try:
        description = read_description(model)
    except ModelError as error:
        yield Problem(str(error), key, "make it again with: pixmake train")
        return
    yield from _axes_problems(step, description, where)
    yield from _param_problems(step, description, where)


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """Nothing: an image that is not as those of the training fails by itself."""
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


def _file_problems(step: Step, where: str) -> Iterator[Problem]:
    for file, suffix in step.files.items():
        if file not in FILES:
            what = f"a pixel_classification has no file {file!r}"
            yield Problem(what, f"{where}.files.{file}", nearest(file, FILES))
        elif suffix.lstrip(".") not in FILES[file]:
            what = f"{file} cannot be written as {suffix}"
            yield Problem(what, f"{where}.files.{file}", f"as one of: {', '.join(FILES[file])}")


def _axes_problems(step: Step, description: Description, where: str) -> Iterator[Problem]:
    axes = description.axes
    if step.axes and step.axes not in AXES:
        what = f"a pixel_classification takes no {step.axes}"
        yield Problem(what, f"{where}.axes", f"one of: {', '.join(AXES)}")
    elif step.axes and spatial(step.axes) != spatial(axes):
        what = f"the classifier {step.runs} was trained on {axes}"
        yield Problem(what, f"{where}.axes", "ask for these, or train another one")
    elif step.axes and "c" not in step.axes and description.channels > 1:
        what = f"the classifier {step.runs} was trained on {description.channels} channels"
        yield Problem(what, f"{where}.axes", f"ask for {axes}")
    if description.dimensions == 3:
        for file, suffix in step.files.items():
            if suffix.lstrip(".") == "png":
                what = f"a png holds no volume, and the classifier was trained on {axes}"
                yield Problem(what, f"{where}.files.{file}", "use tif, npy or zarr")


def _param_problems(step: Step, description: Description, where: str) -> Iterator[Problem]:
    for param, value in step.params.items():
        place = f"{where}.params.{param}"
        if param not in PARAMS:
            what = f"a pixel_classification has no param {param!r}"
            yield Problem(what, place, nearest(param, PARAMS))
        elif param == "min_area":
            if type(value) is not int or value < 1:
                yield Problem(f"{value!r} is no number of pixels", place, "a whole number above 0")
        elif not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            yield Problem(f"{value!r} is no list of names", place, f"e.g. {param}: [{_example(param)}]")
        else:
            known = description.classes if param == "objects" else tuple(PROPERTIES)
            for each in value:
                if each not in known:
                    noun = "class" if param == "objects" else "property"
                    yield Problem(f"there is no {noun} {each!r}", place, nearest(each, known))
                elif description.dimensions == 3 and PROPERTIES.get(each) == "plane":
                    what = f"{each!r} is of objects in a plane"
                    yield Problem(what, place, f"the classifier was trained on {description.axes}")


def _example(param: str) -> str:
    return ", ".join(OBJECT_PROPERTIES[:2]) if param == "properties" else "leaf"
