"""Whether images are of formats that pixmake reads, told by their first bytes before a run.

A broken image is a failure of its own, and no reason to stop a run; a format that nothing here reads concerns
all that have it. `pixmake check` and `pixmake inspect` say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pixmake.base.counted import counted
from pixmake.base.errors import MissingExtraError, MissingPackageError, PixmakeError, Problem
from pixmake.images import formats
from pixmake.images.axes import is_zarr
from pixmake.images.formats import signs
from pixmake.images.remote.uris import is_remote
from pixmake.plan.axes_check import fitting_problems, page_problems
from pixmake.plan.kinds import decodes_images
from pixmake.plan.plan import Plan
from pixmake.table.table import Note


def image_problems(plan: Plan, notes: list[Note] | None = None) -> list[Problem]:
    """All that is known to be wrong with the images of a plan without decoding them.

    Images whose headers cannot be read are added to ``notes``: they stop no others.
    """
    return [*format_problems(plan), *fitting_problems(plan, notes=notes), *page_problems(plan, notes)]


def format_problems(plan: Plan) -> list[Problem]:
    """Images that a step has decoded, and that nothing here reads, each format once.

    Of images that are not on this machine's disks it is not known.
    """
    images: dict[str, str] = {}
    for planned in plan.steps:
        try:
            decodes = decodes_images(planned.step)
        except PixmakeError:  # told where the step is checked
            continue
        if decodes:
            for group in plan.levels.of(planned.name):
                for each in group.members or (group,):
                    images.update(dict.fromkeys(each.paths, each.where))
    return unread_problems(unread_formats(images), images)


def unread_problems(found: Iterable[tuple[str, str, str]], places: Mapping[str, str]) -> list[Problem]:
    """What `unread_formats` has found, each format once, with where its first file is named."""
    unread: dict[str, list[tuple[str, str]]] = {}
    for path, why, _ in found:
        unread.setdefault(why, []).append((path, places.get(path, "")))
    return [
        Problem(f"{path}: {why}" + (f"; so {_are(len(others))}" if others else ""), where)
        for why, ((path, where), *others) in unread.items()
    ]


def unread_formats(paths: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Files here that nothing reads, and why, in full and in short: for all of a format in the same words."""
    for path in paths:
        if is_remote(path) or is_zarr(path):
            continue
        head, _ = formats.start_of(path)
        found = formats.recognised(path, head) if head else None
        if found is not None:
            try:
                formats.require(found, path)
            except (MissingExtraError, MissingPackageError) as error:
                packages = (
                    f"'pixmake[{found.EXTRA}]'"
                    if found.EXTRA
                    else " ".join(each.rpartition("=")[2] for each in found.PACKAGES)
                )
                way = f"pip install {packages}, or ask for `path`"
                yield path, str(error).removeprefix(f"{path}: "), f"is {found.NAME}: {way}"
        elif head and signs.name_of(head) not in signs.IMAGES:
            why = formats.unknown(path, head).removeprefix(f"{path}: ")
            yield path, why, "is of no image format that pixmake knows: ask for `path`"


def _are(count: int) -> str:
    return f"{'is' if count == 1 else 'are'} {counted(count, 'other image')}"
