"""Which images and which labels a pixel classifier is trained on, as a project or the command line says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pixmake.config import Config, Step, explain, parse_config
from pixmake.errors import PixmakeError, Problem
from pixmake.groups import make_groups
from pixmake.images import IMAGES, read_image
from pixmake.pixellearning import Method, Sample, learn
from pixmake.pixelmodel import Description, Forest
from pixmake.pixelterms import AXES, selected
from pixmake.pixeltraining import Training
from pixmake.plan import selected_table

LABELS = ("_labels", "-labels", " labels")
"""What may stand behind an image's name in that of its labels, so that both fit into one folder."""


def trained_steps(content: Mapping[str, Any], file: str) -> tuple[Config, dict[str, Step]]:
    """A project and its steps that have `training`, by name; their classifiers need not be there yet."""
    config = parse_config(content, [file])
    return config, {name: step for name, step in config.steps.items() if step.training is not None}


def parse_training(content: Mapping[str, Any]) -> Training:
    """What the command line says, checked.

    Raises
    ------
    PixmakeError
        With all that is wrong with it.
    """
    try:
        return Training.model_validate(content)
    except ValidationError as error:
        raise PixmakeError([explain(each, {}, "train", Training) for each in error.errors()]) from None


def train(
    training: Training, axes: str | None, config: Config | None, threads: int
) -> tuple[Description, Forest]:
    """Learn a classifier from what a project or the command line names.

    Raises
    ------
    PixmakeError
        With all that is wrong with images and labels.
    """
    if axes is not None and axes not in AXES:
        raise PixmakeError([Problem(f"{axes!r} are no axes of images", "axes", f"one of: {', '.join(AXES)}")])
    filters = selected(training.features, training.scales, planar=training.planar)
    if not filters:
        what = "no feature is left: below a scale of 0.7 there is GaussianSmoothing alone"
        raise PixmakeError([Problem(what, "features, scales")])
    method = Method(
        filters=filters,
        axes=axes,
        classes=tuple(training.classes),
        trees=training.trees,
        most_pixels=training.most_pixels,
        seed=training.seed,
    )
    assert training.labels is not None
    images = _in_folder(training.images) if training.images else _of_project(config)
    return learn(list(_samples(training.labels, images, axes)), method, threads)


def _samples(folder: str, images: Mapping[str, Sequence[str]], axes: str | None) -> Iterator[Sample]:
    """Each label image with the image of its name."""
    if not Path(folder).is_dir():
        raise PixmakeError([Problem(f"there is no folder {folder}", "labels")])
    found, problems = [], []
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lstrip(".").lower() not in IMAGES:
            continue
        name = _image_name(path)
        own = [each for each in images.get(name, ()) if Path(each).resolve() != path.resolve()]
        if name == path.stem and not own and Path(folder).resolve() in _folders(images):
            continue  # an image beside its labels
        if len(own) != 1:
            many = f"{len(own)} images have this name: {', '.join(own[:3])}" if own else "has no image"
            problems.append(Problem(many, str(path), f"labels are named as their image, here {name!r}"))
            continue
        files = {"image": own[0], "labels": str(path)}
        found.append(Sample(str(path), partial(read_image, own[0]), partial(read_image, path), files))
    if not found and not problems:
        problems.append(Problem(f"no label image in {folder}", "labels", "as PNG or TIFF"))
    if problems:
        raise PixmakeError(problems)
    yield from found


def _image_name(labels: Path) -> str:
    for ending in LABELS:
        if labels.stem.lower().endswith(ending):
            return labels.stem[: -len(ending)]
    return labels.stem


def _folders(images: Mapping[str, Sequence[str]]) -> set[Path]:
    return {Path(path).resolve().parent for paths in images.values() for path in paths}


def _in_folder(folder: str) -> dict[str, list[str]]:
    """The images of a folder by their names without suffixes."""
    if not Path(folder).is_dir():
        raise PixmakeError([Problem(f"there is no folder {folder}", "images")])
    found: dict[str, list[str]] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lstrip(".").lower() in IMAGES:
            found.setdefault(path.stem, []).append(str(path))
    return found


def _of_project(config: Config | None) -> dict[str, list[str]]:
    """The images of a project by their ids, and by their names without suffixes."""
    assert config is not None
    found: dict[str, list[str]] = {}
    for group in make_groups(selected_table(config.images), config.images):
        for name in dict.fromkeys((group.id, *(Path(path).stem for path in group.paths))):
            found.setdefault(name, []).extend(group.paths)
    return found
