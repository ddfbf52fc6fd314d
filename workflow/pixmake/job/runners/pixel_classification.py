"""Kind of step ``pixel_classification``: the class of each pixel, by a classifier of `pixmake train`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pixmake.classifier.model import ModelError, model_hash
from pixmake.classifier.terms import spatial
from pixmake.images.axes import ImageError, named
from pixmake.images.read import read_image
from pixmake.job.runners import Call, Outcome
from pixmake.job.runners.classified import leave

if TYPE_CHECKING:
    from pixmake.classifier.apply import Classifier

PRELOAD = ("numpy", "cv2", "sklearn.tree._tree", "pixmake.classifier.apply", "pixmake.classifier.objects")

_CLASSIFIERS: dict[str, Classifier] = {}
"""By the hash of the file: read in the warm process, each image's process has it by the fork."""


def prepare(work: Mapping[str, Any]) -> None:
    """Read the classifier in the warm process, before the first image's process is forked."""
    _classifier(work["model"], work["hash"])


def run(call: Call) -> Outcome:
    """Classify an image, write what the step declares, and measure classes and objects."""
    from pixmake.classifier.apply import channels_first, classify, misfit

    work = call.task.work
    classifier = _classifier(work["model"], work["hash"])
    description = classifier.description
    (path,), (part,), axes = call.images, call.parts, work["axes"]
    image = channels_first(read_image(path, part, axes), axes)
    why = misfit(description, len(image), str(image.dtype))
    if why:
        raise ImageError(f"{named(path, part)}: {why}")
    labels, probabilities = classify(
        classifier, image, probabilities="probabilities" in call.outputs, threads=call.threads
    )
    return leave(call, description.classes, labels, probabilities, lambda: image, spatial(axes))


def _classifier(path: str, digest: str) -> Classifier:
    if digest not in _CLASSIFIERS:
        from pixmake.classifier.apply import load_classifier

        if model_hash(path) != digest:
            raise ModelError(f"{path}: was changed while the run went on; run again")
        _CLASSIFIERS[digest] = load_classifier(path)
    return _CLASSIFIERS[digest]
