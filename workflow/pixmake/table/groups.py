"""Groups: the image, or the images, of one job, with their id, their names and their metadata."""

from __future__ import annotations

import datetime
import os
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.ids import safe_id
from pixmake.base.numerals import number_of
from pixmake.base.templates import template_problem
from pixmake.base.values import TIMESTAMP, as_metadata, comparable
from pixmake.config.images import Images
from pixmake.images.axes import WHOLE, Part, is_zarr
from pixmake.images.remote.omero import plane_name
from pixmake.images.remote.uris import is_plane, is_remote
from pixmake.table.image_parts import part_id
from pixmake.table.table import PATH, Note, Table, located

_STORE = re.compile(r"(\.ome)?\.zarr(?=/|$)")


_NOTHING: Mapping[str, Any] = {}
"""One for all groups."""


class Group(NamedTuple):
    """The image, or the images, of one job.

    A tuple, since a frozen dataclass takes several times as long to make, and there may be a million.
    """

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
    """Of a job of a step with `per`: the groups that belong to it, by time; see `table.per_groups`."""
    rows: tuple[int, ...] = ()
    """The positions of its rows in the table that was grouped."""
    parts: tuple[Part, ...] = ()
    """Which part of each image is meant, in the order of ``paths``; empty if all are whole."""
    written: Mapping[str, Any] = _NOTHING
    """The texts of those metadata whose text says more than their value, such as 1.10: in a list where
    ``metadata`` has one, ``None`` where it says no more."""
    broken: str = ""
    """Why the header of one of its images cannot be read, if so."""
    name: str = ""
    """Of one image of a group, which belongs to a job of a step with `per` by itself: what it is called."""

    def key(self, term: str) -> Any:
        """What tells the groups of one term from those of another: its text, or a value that does as well."""
        return self.written.get(term, self.metadata.get(term))

    @property
    def images(self) -> tuple[tuple[str, Part], ...]:
        """The path of each image and the part of it that is meant."""
        return tuple(zip(self.paths, self.parts or [WHOLE] * len(self.paths), strict=True))


@dataclass(frozen=True, slots=True)
class IncompleteGroup:
    """A group that lacks images that `require` asks for."""

    group: Group
    missing: tuple[str, ...]
    """The names that it lacks."""


@dataclass(frozen=True)
class Grouping:
    """The rows of a table as groups, in the order of their first rows."""

    groups: tuple[Group, ...]
    """The jobs."""
    incomplete: tuple[IncompleteGroup, ...] = ()
    """Groups that are not among the jobs, as they lack an image."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with rows and groups: those are not among the jobs either. With `incomplete: error`
    each incomplete group is one, too."""

    def notes(self) -> tuple[Note, ...]:
        """What to tell of the groups that are left out."""
        return tuple(
            Note(
                f"group is left out, it has no {' and no '.join(lacking.missing)}",
                where=lacking.group.id,
                detail=", ".join(lacking.group.paths),
            )
            for lacking in self.incomplete
        )


@dataclass(frozen=True)
class _Cells:
    """A table's cells by column, and what `images` asks of them."""

    table: Table
    images: Images
    columns: Mapping[str, Sequence[Any]]
    rows: Sequence[tuple[Any, ...]]
    """The same by row."""

    is_filled: bool
    """Whether there is no empty cell."""

    keys: Mapping[str, Sequence[Any]]
    """What tells them apart: texts, and the times of ``timestamp``, so that one time is one group."""

    has_empty_keys: bool
    """Whether a cell is empty by which rows are grouped."""

    names: Sequence[Any]
    """What each row's image is called in its group, if `name_by` says so."""

    places: Sequence[str]
    """Where each row stands, for messages."""

    written: Mapping[str, Sequence[str | None]]
    """As in `Table.written`."""


def make_groups(table: Table, images: Images) -> tuple[Group, ...]:
    """The rows as groups of one image each, or as ``group_by`` says, in the order of their first rows.

    Raises
    ------
    PixmakeError
        A column that is not there, an empty cell where a value is needed, two images of one name, a
        group that is incomplete although that is an error.
    """
    grouping = make_grouping(table, images)
    if grouping.problems:
        raise PixmakeError(grouping.problems)
    return grouping.groups


def make_grouping(table: Table, images: Images) -> Grouping:
    """The rows as groups, and those that make none, with why.

    Parameters
    ----------
    table
        The rows that were selected.
    images
        ``group_by``, ``name_by``, ``require``, ``incomplete``, ``empty_group`` and ``id`` are used.

    Raises
    ------
    PixmakeError
        A column that is not there; all else is among the grouping's problems.
    """
    unknown = list(unknown_columns(table, images))
    if unknown:
        raise PixmakeError(unknown)
    cells = _cells(table, images)
    groups: list[Group] = []
    incomplete: list[IncompleteGroup] = []
    problems: list[Problem] = []
    for rows in _members(cells):
        found = list(_empty_keys(cells, rows)) if cells.has_empty_keys else []
        try:
            group = _group(cells, rows)
        except PixmakeError as error:
            found += error.problems
        if found:
            problems += found
            continue
        missing = _missing(group, images)
        if not missing:
            groups.append(group)
            continue
        incomplete.append(IncompleteGroup(group, missing))
        if images.incomplete == "error":
            what = f"the group {group.id!r} has no {' and no '.join(missing)}"
            hint = "`incomplete: skip` leaves such groups out"
            problems.append(Problem(what, group.where, hint, "incomplete group"))
    return Grouping(tuple(groups), tuple(incomplete), tuple(problems))


def _cells(table: Table, images: Images) -> _Cells:
    columns = {name: cells.tolist() for name, cells in table.cells.items()}
    named = {*images.group_by, *template_columns(images.id or "")}
    keys: dict[str, Sequence[Any]] = {name: table.keys(name) for name in columns if name in named}
    if table.when is not None:
        keys[TIMESTAMP] = table.when.tolist()
    written = {name: texts.tolist() for name, texts in table.written.items()}
    return _Cells(
        table,
        images,
        columns,
        rows=list(zip(*columns.values(), strict=True)),
        is_filled=not any(None in column for column in columns.values()),
        keys=keys,
        has_empty_keys=any(None in keys[column] for column in images.group_by),
        names=table.texts(images.name_by) if images.group_by and images.name_by else (),
        places=table.places(),
        written=written,
    )


def _members(cells: _Cells) -> list[list[int]]:
    """The positions of each group's rows; a row with an empty key is a group of its own.

    A row without a path is in none: `pixmake.table.table.path_problems` tells of it.
    """
    paths, group_by = cells.columns[PATH], cells.images.group_by
    if not group_by:
        return [[row] for row, path in enumerate(paths) if path is not None]
    members: dict[Any, list[int]] = {}
    for row, key in enumerate(zip(*(cells.keys[column] for column in group_by), strict=True)):
        if paths[row] is None:
            continue
        members.setdefault(row if None in key else key, []).append(row)
    return list(members.values())


def _group(cells: _Cells, rows: Sequence[int]) -> Group:
    files = cells.table.files
    return Group(
        id=_group_id(cells, rows),
        paths=tuple([file for row in rows if (file := files[row]) is not None]),
        names=_names(cells, rows),
        metadata=_metadata(cells, rows),
        written=_written(cells, rows) if cells.written else {},
        where=cells.places[rows[0]],
        when=_when(cells, rows),
        rows=tuple(rows),
        parts=_parts(cells.table, rows),
        broken=next((text for row in rows if (text := _broken(cells, row))), "")
        if cells.table.broken is not None
        else "",
    )


def _broken(cells: _Cells, row: int) -> str:
    return "" if cells.table.broken is None else cells.table.broken[row] or ""


def _parts(table: Table, rows: Sequence[int]) -> tuple[Part, ...]:
    if table.parts is None:
        return ()
    parts = tuple([table.part(row) for row in rows])
    return parts if any(parts) else ()


def _when(cells: _Cells, rows: Sequence[int]) -> datetime.datetime | None:
    if cells.table.when is None:
        return None
    times = cells.keys[TIMESTAMP]
    if len(rows) == 1:
        when: datetime.datetime | None = times[rows[0]]
        return when
    return min([when for row in rows if (when := times[row]) is not None], default=None)


def _group_id(cells: _Cells, rows: Sequence[int]) -> str:
    images, first = cells.images, rows[0]
    if images.id is not None and not _lacks(cells, rows, template_columns(images.id)):
        return _from_template(images.id, cells, rows)
    key = [cells.keys[column][first] for column in images.group_by]
    if not key or None in key:
        path, table = str(cells.columns[PATH][first]), cells.table
        if is_plane(path):
            return safe_id(plane_name(path))
        part = "" if table.parts is None else part_id(table.part(first))
        if images.omero is not None:  # where its pixels lie says nothing of an image
            return safe_id(_omero_name(cells, first) + part)
        return safe_id((os.path.splitext(path)[0] if table.is_plain else without_suffix(path)) + part)
    return safe_id("_".join(str(as_metadata(value)).replace(":", "-") for value in key))


def _omero_name(cells: _Cells, row: int) -> str:
    """What OMERO calls an image, and its id, since several may have one name."""
    name = os.path.splitext(str(cells.columns["name"][row] or ""))[0] if "name" in cells.columns else ""
    return "_".join(filter(None, (name or "omero", str(cells.columns["image_id"][row]))))


def _lacks(cells: _Cells, rows: Sequence[int], columns: Sequence[str]) -> bool:
    """Whether a broken header is why an id cannot be made of some columns."""
    return any(_broken(cells, row) and any(cells.keys[name][row] is None for name in columns) for row in rows)


def without_suffix(path: str) -> str:
    """A path as ids have it: of an OME-Zarr's outside, or of a file, the suffix is left out."""
    if is_zarr(path):
        return _STORE.sub("", path if is_remote(path) else located(path, "."))
    return path if is_remote(path) else os.path.splitext(located(path, "."))[0]


def _from_template(template: str, cells: _Cells, rows: Sequence[int]) -> str:
    """The id by ``images.id``, which needs one value of each column that it names."""
    where, values = cells.places[rows[0]], {}
    for column in template_columns(template):
        found = {cells.keys[column][row]: row for row in rows}
        if None in found:
            what = f"the column {column!r} is empty, but images.id needs it"
            raise PixmakeError([Problem(what, where, mistake=what)])
        if len(found) > 1:
            what = f"images.id needs one value of {column!r}, but this group has {len(found)}"
            hint = f"add {column!r} to group_by, or leave it out of the id"
            raise PixmakeError([Problem(what, where, hint, f"several values of {column}")])
        ((key, row),) = found.items()
        values[column] = _for_template(key, cells.columns[column][row])
    try:
        return safe_id(template.format_map(values))
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        what = f"images.id: {template!r} does not fit this row: {error}"
        raise PixmakeError([Problem(what, where)]) from None


class _AsWritten(str):
    """A number's text in a template; and its value, where the template says how a number is written."""

    __slots__ = ("value",)
    value: int | float

    def __format__(self, spec: str) -> str:
        is_text = spec == "" or spec[-1] == "s" or (self != str(self.value) and _PLACED.fullmatch(spec))
        return format(str(self) if is_text else self.value, spec)

    def __repr__(self) -> str:
        return str(self)


_PLACED = re.compile(r"(.?[<>^])?([1-9]\d*)?")
"""What a template may say of numbers and of texts alike."""


def _for_template(key: Any, value: Any) -> Any:
    """What stands for a cell in a template, by what tells it apart and its value."""
    if isinstance(key, datetime.datetime) or type(value) not in (int, float):
        return key
    text = _AsWritten(key)
    text.value = value
    return text


def template_columns(template: str) -> list[str]:
    """The columns that a template of ids names.

    Raises
    ------
    PixmakeError
        It is no template.
    """
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
        problem = template_problem(template)
    except ValueError as error:
        raise PixmakeError([Problem(f"images.id: {template!r} is no template: {error}")]) from None
    if problem:
        raise PixmakeError([Problem(f"images.id: {problem}")])
    return names


def _names(cells: _Cells, rows: Sequence[int]) -> tuple[str, ...]:
    """What the images of a group are called."""
    images = cells.images
    if not images.group_by:
        return ()
    if images.name_by is None:
        return tuple(f"image{number}" for number in range(1, len(rows) + 1))
    names = tuple([cells.names[row] for row in rows])
    if None in names or len(set(names)) < len(names):
        raise PixmakeError(_wrong_names(cells, rows))
    return names


def _wrong_names(cells: _Cells, rows: Sequence[int]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for row in rows:
        name = cells.names[row]
        if name is None:
            what = f"the `name_by` column {cells.images.name_by!r} is empty"
            yield Problem(what, cells.places[row], mistake=what)
            continue
        twin = first.setdefault(name, row)
        if twin != row:
            what = f"two images of one group are called {name!r}; the other is {cells.places[twin]}"
            hint = "add a column that tells them apart to group_by"
            yield Problem(what, cells.places[row], hint, "two images of one name")


def _missing(group: Group, images: Images) -> tuple[str, ...]:
    if all(name in group.names for name in images.require):
        return ()
    numbers = {number_of(name) for name in group.names}
    there = {*group.names, *map(str.lower, group.names)}
    return tuple(
        [
            str(name)
            for name in images.require
            if not (name in numbers if type(name) in (int, float) else comparable(name) in there)
        ]
    )


def _metadata(cells: _Cells, rows: Sequence[int]) -> dict[str, Any]:
    """The rows' values by column: one value where they agree, else a list, an entry an image."""
    if len(rows) == 1:
        of_row = zip(cells.columns, cells.rows[rows[0]], strict=True)
        return dict(of_row) if cells.is_filled else {name: cell for name, cell in of_row if cell is not None}
    merged: dict[str, Any] = {}
    written = cells.written
    for name, values in zip(cells.columns, zip(*[cells.rows[row] for row in rows], strict=True), strict=True):
        first = values[0]
        if values.count(first) == len(values) and (name not in written or _agree(written[name], rows)):
            if first is not None:
                merged[name] = first
        else:
            merged[name] = list(values)
    return merged


def _agree(texts: Sequence[str | None], rows: Sequence[int]) -> bool:
    return not texts or len({texts[row] for row in rows}) == 1


def _written(cells: _Cells, rows: Sequence[int]) -> dict[str, Any]:
    """The texts of `_metadata` that say more than its values."""
    found: dict[str, Any] = {}
    for name, texts in cells.written.items():
        some = [texts[row] for row in rows]
        if any(some):
            values = [cells.columns[name][row] for row in rows]
            agree = values.count(values[0]) == len(values) and _agree(texts, rows)
            found[name] = some[0] if agree else some
    return found


def _empty_keys(cells: _Cells, rows: Sequence[int]) -> Iterator[Problem]:
    if cells.images.empty_group == "own":
        return
    for row in rows:
        for column in cells.images.group_by:
            if cells.keys[column][row] is None and not _broken(cells, row):
                hint = "fill it in, or set `empty_group: own` to make it a group of its own"
                what = f"the `group_by` column {column!r} is empty"
                yield Problem(what, cells.places[row], hint, what)


def unknown_columns(table: Table, images: Images) -> Iterator[Problem]:
    """The columns that groups and ids are made of, and that are not there."""
    named = [("group_by", column) for column in images.group_by]
    named += [("name_by", images.name_by)] if images.name_by else []
    named += [("id", column) for column in template_columns(images.id)] if images.id else []
    for key, column in named:
        if column not in table.cells:
            what = f"images.{key}: {table.source} has no column {column!r}"
            yield Problem(what, hint="its columns: " + ", ".join(table.columns))
