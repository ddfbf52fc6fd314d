"""Whether images have the parts that rows mean and the axes that steps ask for, known before a run.

Only OME-Zarr, TIFF and what microscopes write say so without being decoded, and only on this machine's disks
they do at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.models import Step
from pixmake.images.axes import Described, ImageError, Part, is_zarr, left_of, mismatch, named, nameless
from pixmake.images.formats import is_installed, place_of, recognised, scenes
from pixmake.images.read import describe, describe_part
from pixmake.images.remote.uris import is_remote
from pixmake.images.tiff_tags import is_tiff
from pixmake.plan.kinds import decodes_images
from pixmake.plan.plan import Plan
from pixmake.table.groups import Group
from pixmake.table.table import Note

SOME = 20
"""Images that are looked at while Snakemake reads the rules; `pixmake check` looks at all."""


def fitting_problems(plan: Plan, most: int | None = None, notes: list[Note] | None = None) -> list[Problem]:
    """Parts that their images do not have, and images that cannot be had in the axes that a step asks for.

    An image that cannot be read stops no other: it is noted, and its own job will say so. Where all that were
    looked at cannot, that is a problem.

    Parameters
    ----------
    plan
        The images and steps.
    most
        How many images to look at, each level and page of one being one; default: all.
    notes
        Images that cannot be read are added to them.
    """
    broken: dict[str, Problem] = {}
    looked: dict[Any, Described | Problem | None] = {}
    problems: dict[Any, Problem] = {}
    for planned in plan.steps:
        axes = planned.work.get("axes")
        for group, path, part in _parts(plan.levels.of(planned.name)):
            if is_remote(path) or not (is_zarr(path) or part or axes):
                continue
            place = (path, *(part.get(which) for which in _WHICH), axes)
            if place not in looked:
                if len(looked) == most:
                    continue
                looked[place] = _described(path, part, axes, group)
            described = looked[place]
            if isinstance(described, Problem) and _is_broken(path, part):
                broken.setdefault(path, described)
            elif isinstance(described, Problem):
                problems.setdefault(place, described)
            if not isinstance(described, Described):
                continue
            try:
                left = left_of(described, part)
            except ImageError as error:
                problems.setdefault((path, *part.items()), Problem(f"{path}: {error}", group.where))
                continue
            why = mismatch(left, axes) or _unlike(left, planned.work)
            if why:
                where = f"steps.{planned.name}.axes, {group.where}"
                # one word for an image: its other planes have the same axes
                what = f"{named(path, part)} {why}"
                problems.setdefault(
                    (path, planned.name), Problem(what, where, mistake=f"{planned.name} {why}")
                )
    if broken and len(broken) == len({path for path, *_ in looked}):
        return [*broken.values(), *problems.values()]
    if notes is not None:
        notes += [Note("cannot be read", path, told.where, told.what) for path, told in broken.items()]
    return list(problems.values())


def page_problems(plan: Plan, notes: list[Note] | None) -> Iterator[Problem]:
    """TIFFs of pages that nothing names, for steps that would refuse them: once for each step.

    Where all images of a step are so, that is a problem; some are noted, as their own jobs will say. Who is
    about to decode all images need not ask: that tells the same.
    """
    looked: dict[Any, str] = {}
    for planned in plan.steps:
        if planned.work.get("axes") or not _decodes(planned.step):
            continue
        images = list(_parts(plan.levels.of(planned.name)))
        refused: dict[str, tuple[str, str]] = {}
        for group, path, part in images:
            if is_remote(path) or not path.lower().endswith((".tif", ".tiff")):
                continue
            place = (path, *part.items())
            if place not in looked:
                looked[place] = _why_refused(path, part, group)
            if looked[place]:
                refused.setdefault(path, (group.where, looked[place]))
        if not refused:
            continue
        path, (where, why) = next(iter(refused.items()))
        what, _, hint = why.partition(": ")
        if len(refused) == len({path for _, path, _ in images}):
            others = len(refused) - 1
            more = f"; so {'has one more' if others == 1 else f'have {others} more'}" if others else ""
            yield Problem(f"{path} {what}{more}", f"steps.{planned.name}", hint)
        elif notes is not None:
            said = f"TIFF of several pages, which step {planned.name} refuses"
            notes.append(Note(said, path, where, f"{path} {what}", hint, len(refused)))


def _decodes(step: Step) -> bool:
    try:
        return decodes_images(step)
    except PixmakeError:  # told where the step is checked
        return False


def _why_refused(path: str, part: Part, group: Group) -> str:
    described = _described(path, part, None, group)
    try:
        return nameless(left_of(described, part)) if isinstance(described, Described) else ""
    except ImageError:
        return ""  # told with the other parts that are not there


def _is_broken(path: str, part: Mapping[str, Any]) -> bool:
    """Whether it is the image that cannot be read, and not a part of it that it does not have."""
    if not part.keys() & set(_WHICH):
        return True
    try:
        found = None if is_zarr(path) else recognised(path)
        if found is not None:
            scenes(path, found)
        else:
            describe(path)
    except ImageError:
        return True
    return False


def _unlike(left: Described, work: Mapping[str, Any]) -> str:
    """Why a classifier was not made for such an image, if so."""
    channels, dtype = work.get("channels"), work.get("dtype")
    if channels is not None and left.size("c") != channels:
        return f"has {counted(left.size('c'), 'channel')}, and {work['model']} was trained on {channels}"
    if dtype is not None and left.dtype != dtype:
        return f"has {left.dtype} values, and {work['model']} was trained on {dtype}"
    return ""


def _parts(groups: tuple[Group, ...]) -> Iterator[tuple[Group, str, Any]]:
    for group in groups:
        for each in group.members or (group,):
            for path, part in each.images:
                yield each, path, part


_WHICH = ("level", "page", "scene", "inside")
"""What of a part says which array of the image it is a part of."""


def _described(path: str, part: Part, axes: str | None, group: Group) -> Described | Problem | None:
    """What an image is; nothing if only decoding it tells."""
    try:
        found = None if is_zarr(path) else recognised(path)
        if found is not None and not is_installed(found):
            return None  # `pixmake.plan.format_check` says it
        if found or is_zarr(path) or is_tiff(path):
            return describe_part(path, part, axes)
    except ImageError as error:
        # what is not there was told while the plan was made
        return Problem(str(error), group.where) if os.path.exists(place_of(path).file) else None
    except PixmakeError as error:
        return error.problems[0]
    return None
