"""Which images and which labels a pixel classifier is trained on, as a project or the command line says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pixmake.base.errors import PixmakeError, Problem
from pixmake.classifier.ilastik_project import read_project
from pixmake.classifier.learn import Method, Sample, learn
from pixmake.classifier.model import Description, Forest
from pixmake.classifier.terms import AXES, selected
from pixmake.config.models import Config, Step, explain, parse_config
from pixmake.config.training import Training
from pixmake.images.axes import WHOLE, ImageError, Part, left_of, named
from pixmake.images.read import IMAGES, describe_part, read_image
from pixmake.plan.plan import selected_table
from pixmake.project.ilastik_images import axes_of, find_images, samples_of
from pixmake.table.groups import make_groups

Images = Mapping[str, Sequence[tuple[str, Part]]]
"""Images, and which part of each is meant, by the names that labels may have."""

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
    if training.ilastik:
        return _from_project(training, axes, config, threads)
    filters = selected(training.features, training.scales, planar=training.planar)
    if not filters:
        what = "no feature is left: below a scale of 0.7 there is GaussianSmoothing alone"
        raise PixmakeError([Problem(what, "features, scales")])
    assert training.labels is not None
    images = _in_folder(training.images) if training.images else _of_project(config)
    samples = list(_samples(training.labels, images))
    method = Method(
        filters=filters,
        axes=axes or _axes_of(*images[_image_name(Path(samples[0].name))][0]),
        classes=tuple(training.classes),
        trees=training.trees,
        most_pixels=training.most_pixels,
        seed=training.seed,
    )
    return learn(samples, method, threads)


def _from_project(
    training: Training, axes: str | None, config: Config | None, threads: int
) -> tuple[Description, Forest]:
    """As `train`, from an ilastik project: its features, its classes, the labels that were drawn in it."""
    file = str(training.ilastik)
    project = read_project(file)
    if not any(lane.blocks for lane in project.lanes):
        hint = "open it in ilastik, draw labels and save it; or give label images with --labels"
        raise PixmakeError([Problem("the project holds no labels", file, hint)])
    if not project.filters:
        raise PixmakeError([Problem("no feature is selected", file, "select some in ilastik, and save it")])
    found = find_images(project, file, Path(training.images) if training.images else Path(file).parent)
    method = Method(
        filters=project.filters,
        axes=axes or _taken(axes_of(found[0]), found[0].file),
        classes=tuple(training.classes) or project.classes,
        trees=training.trees,
        most_pixels=training.most_pixels,
        seed=training.seed,
    )
    return learn(list(samples_of(found, file, method.axes)), method, threads)


def _axes_of(path: str, part: Part) -> str:
    """The axes of an image, if a classifier takes them."""
    try:
        axes = left_of(describe_part(path, part), part).axes
    except ImageError as error:
        raise PixmakeError([Problem(str(error), "images")]) from None
    return _taken(axes, named(path, part))


def _taken(axes: str, image: str) -> str:
    """The axes of an image, which a classifier has to take."""
    if axes not in AXES:
        hint = f"say which are wanted with `axes` (--axes): {', '.join(AXES)}"
        raise PixmakeError([Problem(f"{image} has axes {axes}", "images", hint)])
    return axes


def _samples(folder: str, images: Images) -> Iterator[Sample]:
    """Each label image with the image of its name."""
    if not Path(folder).is_dir():
        raise PixmakeError([Problem(f"there is no folder {folder}", "labels")])
    found, problems = [], []
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lstrip(".").lower() not in IMAGES:
            continue
        name = _image_name(path)
        own = [image for image in images.get(name, ()) if Path(image[0]).resolve() != path.resolve()]
        if name == path.stem and not own and Path(folder).resolve() in _folders(images):
            continue  # an image beside its labels
        if len(own) != 1:
            listed = ", ".join(named(*image) for image in own[:3])
            many = f"{len(own)} images have this name: {listed}" if own else "has no image"
            problems.append(Problem(many, str(path), f"labels are named as their image, here {name!r}"))
            continue
        files = {"image": own[0][0], "labels": str(path)}
        found.append(Sample(str(path), partial(read_image, *own[0]), partial(read_image, path, WHOLE), files))
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


def _folders(images: Images) -> set[Path]:
    return {Path(path).resolve().parent for found in images.values() for path, _ in found}


def _in_folder(folder: str) -> dict[str, list[tuple[str, Part]]]:
    """The images of a folder by their names without suffixes."""
    if not Path(folder).is_dir():
        raise PixmakeError([Problem(f"there is no folder {folder}", "images")])
    found: dict[str, list[tuple[str, Part]]] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lstrip(".").lower() in IMAGES:
            found.setdefault(path.stem, []).append((str(path), WHOLE))
    return found


def _of_project(config: Config | None) -> dict[str, list[tuple[str, Part]]]:
    """The images of a project by their ids, and by their names without suffixes."""
    assert config is not None
    found: dict[str, list[tuple[str, Part]]] = {}
    for group in make_groups(selected_table(config.images), config.images):
        for name in dict.fromkeys((group.id, *(Path(path).stem for path in group.paths))):
            found.setdefault(name, []).extend(group.images)
    return found
