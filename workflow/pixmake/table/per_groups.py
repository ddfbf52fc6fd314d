"""Cohorts: the images of one job of a step that runs once per plant, per day, or over all of them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.ids import safe_id
from pixmake.config.images import Images
from pixmake.config.models import Config, Step
from pixmake.images.axes import is_zarr
from pixmake.table.groups import Group, without_suffix
from pixmake.table.table import PATH

Index = Mapping[str, Mapping[tuple[str, str], "Group"]]
"""See `Levels.index`."""

ALL = "all"
"""The id of the one job of a step with ``per: all``."""


@dataclass(frozen=True)
class Levels:
    """Which jobs each step has, and which jobs of a needed step belong to a job.

    ``groups`` are the images (or groups of images); ``cohorts`` holds the jobs of each step that has
    ``per``, with the images that belong to each as its members.
    """

    groups: tuple[Group, ...]
    cohorts: Mapping[str, tuple[Group, ...]]

    def of(self, step: str) -> tuple[Group, ...]:
        """The jobs of a step."""
        return self.cohorts.get(step, self.groups)

    def related(self, job: Group, need: str, index: Index) -> list[Group]:
        """The jobs of a needed step that share an image with a job, in its order.

        For a group whose images belong to different jobs (`by_name`): a job for each of its names.
        """
        members = job.members or (job,)
        if need not in self.cohorts:
            return list(members)
        cohorts = index[need]
        found = (cohorts[key] for each in members for key in _keys(each) if key in cohorts)
        return list({id(cohort): cohort for cohort in found}.values())

    def index(self) -> dict[str, dict[tuple[str, str], Group]]:
        """The cohort of each image, by the cohort's step, the image's id and, if apart, its name."""
        return {
            step: {(member.id, member.name): cohort for cohort in cohorts for member in cohort.members}
            for step, cohorts in self.cohorts.items()
        }


def by_name(images: Images, step: Step) -> bool:
    """Whether images of one group belong to different jobs of a step: `per` has the term of `name_by`."""
    return images.name_by is not None and images.name_by in (step.terms or ())


def make_levels(config: Config, groups: Sequence[Group], columns: Sequence[str]) -> Levels:
    """The jobs of each step.

    Raises
    ------
    PixmakeError
        A term of ``per`` that is not there, is empty, or has several values within a group.
    """
    problems: list[Problem] = []
    cohorts: dict[str, tuple[Group, ...]] = {}
    for name, step in config.steps.items():
        if step.terms is None:
            continue
        where = f"steps.{name}.per"
        unknown = [term for term in step.terms if term not in columns]
        problems += [
            Problem(f"the table has no column {term!r}", where, nearest(term, columns)) for term in unknown
        ]
        if unknown:
            continue
        members = (
            [each for group in groups for each in _alone(group)] if by_name(config.images, step) else groups
        )
        wrong = list(_unusable(members, step.terms, where, own=config.images.empty_group == "own"))
        problems += wrong
        if not wrong:
            cohorts[name] = tuple(_cohorts(members, step.terms))
    if problems:
        raise PixmakeError(problems)
    return Levels(tuple(groups), cohorts)


def _keys(group: Group) -> Iterator[tuple[str, str]]:
    """Under which keys of `Levels.index` the cohorts of an image or of a group may be."""
    yield group.id, ""
    for name in (group.name,) if group.name else group.names:
        yield group.id, name


def _alone(group: Group) -> Iterator[Group]:
    """The images of a group, each by itself."""
    for number, (name, path) in enumerate(zip(group.names, group.paths, strict=True)):
        yield group._replace(
            paths=(path,),
            names=(),
            name=name,
            metadata={
                term: said
                for term, value in group.metadata.items()
                if (said := _at(value, number)) is not None
            },
            written={
                term: said for term, text in group.written.items() if (said := _at(text, number)) is not None
            },
            rows=group.rows[number : number + 1],
            parts=group.parts[number : number + 1],
        )


def _at(value: Any, number: int) -> Any:
    """What a group says of one of its images: a list has an entry for each."""
    return value[number] if isinstance(value, list) else value


def _cohorts(groups: Iterable[Group], terms: Sequence[str]) -> Iterator[Group]:
    members: dict[Any, list[Group]] = {}
    for number, group in enumerate(groups):
        key = tuple(_key(group, term) for term in terms)
        members.setdefault(number if None in key else key, []).append(group)
    for key, found in members.items():
        yield Group(
            id=found[0].id if isinstance(key, int) else _cohort_id(key, terms),
            paths=(),
            names=(),
            metadata=(shared := _shared(found, terms)),
            written={term: text for term, text in found[0].written.items() if term in shared},
            where=found[0].where,
            members=tuple(sorted(found, key=_time)),
        )


def _key(group: Group, term: str) -> Any:
    key = group.key(term)
    return str(key) if type(key) is bool else key  # True equals 1


def _cohort_id(key: Sequence[Any], terms: Sequence[str]) -> str:
    said = [
        without_suffix(value) if term == PATH and is_zarr(value) else str(value).replace(":", "-")
        for term, value in zip(terms, key, strict=True)
    ]
    return safe_id("_".join(said)) if said else ALL


def _shared(members: Sequence[Group], terms: Sequence[str]) -> dict[str, Any]:
    """The terms, and what else is the same for all images: a plant's treatment follows the plant."""
    first = members[0].metadata
    return {
        column: value
        for column, value in first.items()
        if column in terms
        or (
            column != PATH
            and all(
                other.metadata.get(column) == value and other.key(column) == members[0].key(column)
                for other in members
            )
        )
    }


def _time(group: Group) -> tuple[bool, datetime.datetime]:
    return group.when is None, group.when or datetime.datetime.min


def _unusable(groups: Iterable[Group], terms: Sequence[str], where: str, *, own: bool) -> Iterator[Problem]:
    for group in groups:
        for term in terms:
            value = group.metadata.get(term)
            if isinstance(value, list):
                what = f"the images of {group.id} have several values of {term!r}"
                hint = "add it to images.group_by"
                yield Problem(what, f"{group.where}, {where}", hint, f"several values of {term} in {where}")
            elif value is None and not own and not group.broken:
                hint = "fill it in, or set images.empty_group to own: such an image is a job of its own"
                what = f"the column {term!r} is empty"
                yield Problem(what, f"{group.where}, {where}", hint, f"{what} in {where}")
