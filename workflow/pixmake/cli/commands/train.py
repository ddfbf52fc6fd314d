"""``pixmake train``: learns pixel classifiers from label images."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.cli.commands.options import Commands, add_command

if TYPE_CHECKING:
    from pixmake.classifier.model import Description
    from pixmake.config.models import Config
    from pixmake.config.training import Training


def add(commands: Commands) -> None:
    """Add its parser."""
    command = add_command(
        commands,
        "train",
        run,
        "Train the classifiers of a project's pixel_classification steps, or one by the options.",
    )
    command.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="the classifier's file, with --labels or --from; or a step (default: all that have `training`)",
    )
    command.add_argument("--labels", metavar="FOLDER", help="label images: 0 unlabelled, 1, 2, … the classes")
    command.add_argument("--images", metavar="FOLDER", help="the images of these names")
    command.add_argument(
        "--from", dest="ilastik", metavar="FILE.ilp", help="an ilastik project: its labels and features"
    )
    command.add_argument("--classes", nargs="+", metavar="NAME", help="the names of the classes")
    command.add_argument("--features", nargs="+", metavar="NAME", help="filters (default: all)")
    command.add_argument(
        "--scales", nargs="+", type=float, metavar="PIXELS", help="scales of the filters (default: all)"
    )
    command.add_argument("--axes", help="the axes of the images, e.g. zyx (default: yx, or yxc)")
    command.add_argument("--planar", action="store_true", help="compute features plane by plane")
    command.add_argument("--trees", type=int, metavar="N", help="trees of the forest (default: 100)")
    command.add_argument("--seed", type=int, metavar="N", help="of the random numbers (default: 0)")
    command.add_argument(
        "--threads", type=int, default=_cores(), metavar="N", help="cores to use (default: all)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, write, and say how well it went."""
    from pixmake.classifier.model import write_model
    from pixmake.project.training_images import train

    for path, training, axes, config in _asked(arguments):
        description, forest = train(training, axes, config, arguments.threads)
        write_model(path, description, forest)
        print("\n".join(_told(path, description)))
    return 0


def _asked(arguments: argparse.Namespace) -> list[tuple[str, Training, str | None, Config | None]]:
    """Of each classifier the file, what it is learnt from, the axes of its images, and the project."""
    from pixmake.config.models import read_config
    from pixmake.project.training_images import parse_training, trained_steps

    if arguments.labels or arguments.ilastik:
        if not arguments.model:
            raise PixmakeError([Problem("which file is to be written?", "MODEL", "e.g. models/leaf.npz")])
        keys = ("labels", "images", "ilastik", "classes", "features", "scales", "trees", "seed")
        given: dict[str, Any] = {key: getattr(arguments, key) for key in keys}
        given = {key: value for key, value in given.items() if value is not None}
        training = parse_training({**given, "planar": arguments.planar})
        if training.labels and not training.images:
            raise PixmakeError([Problem("where are the images of these labels?", "--images")])
        return [(arguments.model, training, arguments.axes, None)]
    config, steps = trained_steps(read_config(arguments.config), arguments.config)
    if arguments.model is not None and arguments.model not in steps:
        what = f"there is no step {arguments.model!r} with `training`"
        raise PixmakeError([Problem(what, arguments.config, nearest(arguments.model, steps))])
    if not steps:
        hint = "add `training` to a step, or give MODEL with --labels and --images"
        raise PixmakeError([Problem("no step has `training`", arguments.config, hint)])
    chosen = [arguments.model] if arguments.model else list(steps)
    return [
        (steps[name].runs, trained, steps[name].axes, config)
        for name in chosen
        if (trained := steps[name].training)
    ]


def _told(path: str, description: Description) -> list[str]:
    """What was made, for people."""
    from pixmake.classifier.features import feature_names

    names = feature_names(description.filters, description.dimensions)
    lines = [
        f"{path}: {description.trees} trees, {len(names)} features of each of "
        f"{counted(description.channels, 'channel')}, from {counted(len(description.images), 'image')}"
    ]
    widest = max(map(len, description.classes))
    lines += [f"  {name:{widest}}  {count:,} pixels" for name, count in description.pixels.items()]
    if description.out_of_bag is not None:
        lines.append(
            f"  out-of-bag accuracy: {100 * description.out_of_bag:.1f} % of these pixels. Those of one "
            "stroke resemble each other: look at how an image without labels is classified, too."
        )
    return lines


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
