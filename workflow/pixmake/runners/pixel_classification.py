"""Kind of step ``pixel_classification``: the class of each pixel, by a classifier of `pixmake train`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmake.axes import ImageError, named
from pixmake.images import read_image, write_file
from pixmake.pixelmodel import ModelError, model_hash
from pixmake.pixelterms import OBJECT_PROPERTIES, spatial
from pixmake.records import Measurement, written_whole
from pixmake.runners import Call, Outcome
from pixmake.runners.measurements import measured

if TYPE_CHECKING:
    from pixmake.pixelclasses import Classifier

PRELOAD = ("numpy", "cv2", "sklearn.tree._tree", "pixmake.pixelclasses", "pixmake.pixelobjects")

_CLASSIFIERS: dict[str, Classifier] = {}
"""By the hash of the file: read in the warm process, each image's process has it by the fork."""


def prepare(work: Mapping[str, Any], folder: str) -> None:
    """Read the classifier in the warm process, before the first image's process is forked."""
    _classifier(os.path.join(folder, work["model"]), work["hash"])


def run(call: Call) -> Outcome:
    """Classify an image, write what the step declares, and measure classes and objects."""
    from pixmake.pixelclasses import channels_first, classify, misfit

    task = call.task
    classifier = _classifier(task.work["model"], task.work["hash"])
    description = classifier.description
    (path,), (part,), axes = call.images, call.parts, task.work["axes"]
    image = channels_first(read_image(path, part, axes), axes)
    why = misfit(description, len(image), str(image.dtype))
    if why:
        raise ImageError(f"{named(path, part)}: {why}")
    labels, probabilities = classify(
        classifier, image, probabilities="probabilities" in call.outputs, threads=call.threads
    )
    arrays: dict[str, Any] = {"labels": labels, "probabilities": probabilities}
    found = _areas(labels, description.classes)
    if {"objects", "object_labels"} & set(call.outputs) or "objects" in task.params:
        from pixmake.pixelobjects import label_objects, measure_objects

        wanted = task.params.get("objects", description.classes)
        numbers = [description.classes.index(each) + 1 for each in wanted]
        arrays["object_labels"] = objects = label_objects(labels, numbers, task.params.get("min_area", 1))
        table = measure_objects(
            objects,
            labels,
            description.classes,
            image,
            spatial(axes),
            task.params.get("properties", OBJECT_PROPERTIES) if "objects" in call.outputs else (),
        )
        arrays["objects"] = table
        counts = table["class"].value_counts()
        found |= {f"objects_{each}": int(counts.get(each, 0)) for each in wanted}
    for name, output in call.outputs.items():
        with written_whole(output) as temporary:
            _write(arrays[name], temporary)
    return Outcome({name: measured(name, value) for name, value in found.items()})


def _classifier(path: str, digest: str) -> Classifier:
    if digest not in _CLASSIFIERS:
        from pixmake.pixelclasses import load_classifier

        if model_hash(path) != digest:
            raise ModelError(f"{path}: was changed while the run went on; run again")
        _CLASSIFIERS[digest] = load_classifier(path)
    return _CLASSIFIERS[digest]


def _areas(labels: Any, classes: tuple[str, ...]) -> dict[str, Any]:
    """Of each class how many pixels it has, and their share of the image."""
    import numpy as np

    counts = np.bincount(labels.ravel(), minlength=len(classes) + 1)[1:]
    unit = "pixels" if labels.ndim == 2 else "voxels"
    areas = {f"area_{name}": Measurement(int(n), unit=unit) for name, n in zip(classes, counts, strict=True)}
    shares = {f"fraction_{name}": float(n / labels.size) for name, n in zip(classes, counts, strict=True)}
    return {**areas, **shares}


def _write(value: Any, path: Path) -> None:
    """Write an array or table; a TIFF of several planes through tifffile, which names its axes."""
    if path.suffix.lower() in (".tif", ".tiff") and (value.ndim > 2 or value.dtype.itemsize > 2):
        import tifffile

        axes = {2: "YX", 3: "CYX" if value.dtype.kind == "f" else "ZYX", 4: "CZYX"}[value.ndim]
        tifffile.imwrite(path, value, metadata={"axes": axes}, compression="zlib", photometric="minisblack")
    else:
        write_file(value, path)
