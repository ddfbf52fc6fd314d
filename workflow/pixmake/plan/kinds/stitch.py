"""Kind of step ``stitch``, before anything runs: its files, its tiles, and what it is told of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmake.base.errors import Problem, nearest
from pixmake.base.files import is_folder
from pixmake.config.models import Config, Step
from pixmake.images.axes import PLANES
from pixmake.images.read import IMAGES, TABLES
from pixmake.images.stitch import GridError, Region, cores
from pixmake.table.groups import Group
from pixmake.table.table import PATH

READS = "otherwise"
RUNNER = "pixmake.job.runners.stitch"

PARAMS = {"least_shared": float, "label": str}
"""What can stand in `params`, and its type; see `pixmake.job.runners.stitch`."""


def check(config: Config, name: str) -> Iterator[Problem]:
    """The files that it makes, and the steps that it needs."""
    step, where = config.steps[name], f"steps.{name}"
    assert step.stitch is not None
    if step.terms is None:
        hint = "per: [path], or with planes per: [path, t, z]: what the tiles of one image share"
        yield Problem("a step that stitches needs `per`", where, hint)
    known = config.needed_files(step)
    if known is None:
        return
    for file, what in step.stitch.items():
        if file not in known:
            unknown = f"no needed step has a file {file!r}"
            hint = nearest(file, known) if known else "name the step in `needs`"
            yield Problem(unknown, f"{where}.stitch", hint)
        kind = "table" if what == "table" else "image"
        for made_by, suffix in (("the needed step", known.get(file)), ("this step", step.files.get(file))):
            if suffix is not None and not _fits(suffix, kind):
                yield Problem(f"the file {file!r} of {made_by} is no {kind}, but a {suffix}", where)
    for file in sorted(set(step.stitch) ^ set(step.files)):
        half = f"{file!r} stands in one of `stitch` and `files`"
        yield Problem(half, where, "each file has an entry in both: what it is, and its suffix")
    kinds = list(step.stitch.values())
    if kinds.count("labels") > 1:
        yield Problem("has more than one file of labels", f"{where}.stitch", "make a step of each")
    yield from _param_problems(step, where, "labels" in kinds)


def check_images(step: Step, name: str, groups: Sequence[Group]) -> Iterator[Problem]:
    """The tiles of each image: where they are must be known, and they must make a grid."""
    for group in groups:
        for problem in _tile_problems(group):
            yield Problem(problem[0], f"steps.{name}, {group.id}", problem[1], f"tiles of {name}")


def work(step: Step) -> Mapping[str, Any]:
    """What each file is."""
    return {"stitch": dict(step.stitch or {})}


def source(step: Step) -> str:
    """Nothing: what it does is in the task."""
    return ""


def _fits(suffix: str, kind: str) -> bool:
    last = suffix.rpartition(".")[2].lower()
    return last in TABLES if kind == "table" else last in IMAGES or last == "npy" or is_folder(f"x.{last}")


def _param_problems(step: Step, where: str, labels: bool) -> Iterator[Problem]:
    for param, value in step.params.items():
        if param not in PARAMS:
            yield Problem(f"unknown param {param!r}", f"{where}.params", nearest(param, PARAMS))
        elif not labels:
            yield Problem(f"{param} is about labels, and no file is", f"{where}.params", "remove it")
        elif param == "label" and not isinstance(value, str):
            yield Problem(f"label: {value!r} is no name of a column", f"{where}.params")
        elif param == "least_shared" and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1
        ):
            yield Problem(f"least_shared: {value!r} is no number from 0 to below 1", f"{where}.params")


def _tile_problems(group: Group) -> Iterator[tuple[str, str]]:
    planes: defaultdict[str, set[Any]] = defaultdict(set)
    regions = []
    for member in group.members:
        if len(member.paths) != 1:
            yield "stitches tiles, not groups of images", "take out `group_by`"
            return
        for term in (PATH, *PLANES, "level"):
            planes[term].add(member.metadata.get(term))
        cells: list[Any] = [member.metadata.get(term) for term in Region._fields]
        if not all(isinstance(cell, int) for cell in cells):
            hint = "the source `zarr` adds them by its key `tile`"
            yield f"{member.id} has no columns y, x, height and width", hint
            return
        regions.append(Region(*cells))
    several = [term for term, values in planes.items() if len(values) > 1]
    if several:
        yield f"its tiles differ in {' and '.join(several)}", f"add it to `per`: [{', '.join(several)}, …]"
        return
    try:
        cores(regions)
    except GridError as error:
        yield str(error), ""
