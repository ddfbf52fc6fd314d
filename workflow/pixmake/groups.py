"""Groups: the image, or the images, of one job, with their id, their names and their metadata."""

from __future__ import annotations

import datetime
import os
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixmake.config import Images
from pixmake.errors import PixmakeError, Problem
from pixmake.ids import safe_id
from pixmake.table import PATH, TIMESTAMP, Table, as_metadata, is_remote, located


@dataclass(frozen=True, slots=True)
class Group:
    """The image, or the images, of one job."""

    id: str
    paths: tuple[str, ...]
    """From the working directory."""
    names: tuple[str, ...]
    """What a group's images are called; empty for a single image."""
    metadata: Mapping[str, Any]
    """The row's own values, without empty cells; in a group a list where its rows differ."""
    where: str
    """The first row, for messages."""
    when: datetime.datetime | None = None
    """The time of the first image, if the table has times."""
    members: tuple[Group, ...] = ()
    """Of a job of a step with `per`: the groups that belong to it, by time; see `pixmake.cohorts`."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table on its way into a group."""

    cells: Mapping[str, Any]
    when: datetime.datetime | None
    where: str

    def value(self, column: str) -> Any:
        """The cell; of ``timestamp`` the time that it means, so that one time is one group."""
        return self.when if column == TIMESTAMP and self.when is not None else self.cells[column]


def make_groups(table: Table, images: Images) -> tuple[Group, ...]:
    """The rows as groups of one image each, or as ``group_by`` says, in the order of their first rows.

    Raises
    ------
    PixmakeError
        A column that is not there, an empty cell where a value is needed, two images of one name.
    """
    problems = list(_unknown_columns(table, images))
    if problems:
        raise PixmakeError(problems)
    groups: list[Group] = []
    for rows in _members(_rows(table), images.group_by):
        found = list(_empty_keys(rows, images))
        try:
            groups.append(_group(rows, images))
        except PixmakeError as error:
            found += error.problems
        problems += found
    if problems:
        raise PixmakeError(problems)
    return tuple(groups)


def _rows(table: Table) -> list[_Row]:
    records = table.frame.to_dict("records")
    times = table.when if table.when is not None else [None] * len(records)
    rows = zip(table.frame.index, records, times, strict=True)
    return [_Row({str(k): v for k, v in cells.items()}, when, table.place(row)) for row, cells, when in rows]


def _members(rows: Sequence[_Row], group_by: Sequence[str]) -> list[list[_Row]]:
    """The rows of each group; a row with an empty key is a group of its own."""
    members: dict[Any, list[_Row]] = {}
    for number, row in enumerate(rows):
        key = tuple(row.value(column) for column in group_by)
        alone = not group_by or None in key
        members.setdefault(number if alone else key, []).append(row)
    return list(members.values())


def _group(rows: Sequence[_Row], images: Images) -> Group:
    return Group(
        id=_group_id(rows, images),
        paths=tuple(located(row.cells[PATH], images.root) for row in rows),
        names=_names(rows, images),
        metadata=_metadata(rows),
        where=rows[0].where,
        when=min((row.when for row in rows if row.when is not None), default=None),
    )


def _group_id(rows: Sequence[_Row], images: Images) -> str:
    first = rows[0]
    if images.id is not None:
        return _from_template(images.id, rows)
    key = [first.value(column) for column in images.group_by]
    if not key or None in key:
        path = str(first.cells[PATH])
        return safe_id(path if is_remote(path) else os.path.splitext(os.path.normpath(path))[0])
    return safe_id("_".join(str(as_metadata(value)).replace(":", "-") for value in key))


def _from_template(template: str, rows: Sequence[_Row]) -> str:
    """The id by ``images.id``, which needs one value of each column that it names."""
    where, values = rows[0].where, {}
    for column in template_columns(template):
        found = {row.value(column) for row in rows}
        if None in found:
            raise PixmakeError([Problem(f"the column {column!r} is empty, but images.id needs it", where)])
        if len(found) > 1:
            what = f"images.id needs one value of {column!r}, but this group has {len(found)}"
            hint = f"add {column!r} to group_by, or leave it out of the id"
            raise PixmakeError([Problem(what, where, hint)])
        values[column] = found.pop()
    try:
        return safe_id(template.format_map(values))
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        what = f"images.id: {template!r} does not fit this row: {error}"
        raise PixmakeError([Problem(what, where)]) from None


def template_columns(template: str) -> list[str]:
    """The columns that a template of ids names.

    Raises
    ------
    PixmakeError
        It is no template.
    """
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise PixmakeError([Problem(f"images.id: {template!r} is no template: {error}")]) from None
    return names


def _names(rows: Sequence[_Row], images: Images) -> tuple[str, ...]:
    """What the images of a group are called."""
    if not images.group_by:
        return ()
    if images.name_by is None:
        return tuple(f"image{number}" for number in range(1, len(rows) + 1))
    first: dict[str, _Row] = {}
    problems = []
    for row in rows:
        name = row.cells[images.name_by]
        if name is None:
            problems.append(Problem(f"the `name_by` column {images.name_by!r} is empty", row.where))
            continue
        twin = first.setdefault(str(name), row)
        if twin is not row:
            what = f"two images of one group are called {name!r}; the other is {twin.where}"
            hint = "add a column that tells them apart to group_by"
            problems.append(Problem(what, row.where, hint))
    if problems:
        raise PixmakeError(problems)
    return tuple(first)


def _metadata(rows: Sequence[_Row]) -> dict[str, Any]:
    """The rows' values by column: one value where they agree, else a list, an entry an image."""
    merged: dict[str, Any] = {}
    for column in rows[0].cells:
        values = [as_metadata(row.cells[column]) for row in rows]
        if all(value == values[0] for value in values):
            if values[0] is not None:
                merged[column] = values[0]
        else:
            merged[column] = values
    return merged


def _empty_keys(rows: Sequence[_Row], images: Images) -> Iterator[Problem]:
    if images.empty_group == "own":
        return
    for row in rows:
        for column in images.group_by:
            if row.value(column) is None:
                hint = "fill it in, or set `empty_group: own` to make it a group of its own"
                yield Problem(f"the `group_by` column {column!r} is empty", row.where, hint)


def _unknown_columns(table: Table, images: Images) -> Iterator[Problem]:
    named = [("group_by", column) for column in images.group_by]
    named += [("name_by", images.name_by)] if images.name_by else []
    named += [("id", column) for column in template_columns(images.id)] if images.id else []
    for key, column in named:
        if column not in table.frame.columns:
            what = f"images.{key}: {table.source} has no column {column!r}"
            yield Problem(what, hint="its columns: " + ", ".join(table.columns))
