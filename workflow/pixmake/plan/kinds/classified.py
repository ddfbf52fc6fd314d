"""Checks shared by the kinds of step that give each pixel a class: files, and how objects are measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pixmake.base.errors import Problem, nearest
from pixmake.classifier.terms import OBJECT_PROPERTIES, PROPERTIES
from pixmake.config.models import Config, Step

_ARRAYS = ("tif", "tiff", "npy", "zarr", "ome.zarr")
FILES = {
    "labels": ("png", *_ARRAYS),
    "probabilities": _ARRAYS,
    "objects": ("csv", "tsv", "parquet"),
    "object_labels": ("png", *_ARRAYS),
}
"""The files that such a step can write, and as what."""

DISTANCES = {"distances": _ARRAYS}
"""The files of a step whose network gives distances."""

OBJECTS = {"labels": FILES["labels"], "objects": FILES["objects"]}
"""The files of a step that finds objects; see `pixmake.job.runners.classified.leave_objects`."""

PARAMS = ("objects", "properties", "min_area")


def check_step(
    config: Config,
    name: str,
    classes: Sequence[str] = (),
    dimensions: int | None = None,
    files: Mapping[str, Sequence[str]] = FILES,
) -> Iterator[Problem]:
    """What is wrong with the files and params of a step.

    Parameters
    ----------
    classes
        The names of the classes, if they are known.
    dimensions
        2 for planes, 3 for volumes, if that is known.
    files
        What it can write, and as what.
    """
    yield from check_files(config, name, files, dimensions)
    yield from _param_problems(config.steps[name], f"steps.{name}", classes, dimensions)


def check_files(
    config: Config, name: str, files: Mapping[str, Sequence[str]], dimensions: int | None = None
) -> Iterator[Problem]:
    """What is wrong with the files of a step of single images."""
    step, where = config.steps[name], f"steps.{name}"
    if config.images.group_by:
        what = (
            f"a step of kind {step.kind} classifies single images, and images.group_by makes groups of them"
        )
        yield Problem(what, f"{where}.{step.kind}", "leave out group_by, or use a function")
    for file, suffix in step.files.items():
        place = f"{where}.files.{file}"
        if file not in files:
            yield Problem(f"a step of kind {step.kind} has no file {file!r}", place, nearest(file, files))
        elif suffix.lstrip(".") not in files[file]:
            hint = f"as one of: {', '.join(files[file])}"
            yield Problem(f"{file} cannot be written as {suffix}", place, hint)
        elif dimensions == 3 and suffix.lstrip(".") == "png":
            yield Problem("a png holds no volume", place, "use tif, npy or zarr")


def _param_problems(
    step: Step, where: str, classes: Sequence[str], dimensions: int | None
) -> Iterator[Problem]:
    for param, value in step.params.items():
        place = f"{where}.params.{param}"
        if param not in PARAMS:
            yield Problem(f"a step of kind {step.kind} has no param {param!r}", place, nearest(param, PARAMS))
        elif param == "min_area":
            if type(value) is not int or value < 1:
                yield Problem(f"{value!r} is no number of pixels", place, "a whole number above 0")
        elif not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            example = ", ".join(OBJECT_PROPERTIES[:2] if param == "properties" else classes[-1:])
            yield Problem(f"{value!r} is no list of names", place, f"e.g. {param}: [{example}]")
        else:
            known = classes if param == "objects" else tuple(PROPERTIES)
            for each in value if known else ():
                if each not in known:
                    noun = "class" if param == "objects" else "property"
                    yield Problem(f"there is no {noun} {each!r}", place, nearest(each, known))
                elif param == "properties" and dimensions == 3 and PROPERTIES[each] == "plane":
                    yield Problem(f"{each!r} is measured of objects in a plane alone", place)
