"""What would run and what would not, and why: every image that a source knows of, with what became of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pixmake.base.errors import PixmakeError, Problem
from pixmake.config.images import Images
from pixmake.config.models import Config, parse_config, parse_images, parse_storage, read_config
from pixmake.images.formats import place_of
from pixmake.images.remote.objects import configure
from pixmake.job import unnamed_pictures
from pixmake.plan.containers import container_config, found_config
from pixmake.plan.format_check import unread_formats
from pixmake.plan.found_images import found_path, has_rows
from pixmake.plan.own_readers import Misread, misread
from pixmake.plan.plan import Plan, collisions
from pixmake.progress.status import failed_ids, record_ids
from pixmake.table.groups import Group, Grouping, IncompleteGroup, make_grouping
from pixmake.table.look_alikes import compared_columns, look_alike_notes
from pixmake.table.per_groups import make_levels
from pixmake.table.selection import SelectionStep, selection_steps
from pixmake.table.sources import read_images
from pixmake.table.table import MISSING, PATH, Note, Table, located, path_faults, path_problems
from pixmake.table.term_names import renaming_notes

KEPT = "kept"
DONE = "already done"
FAILED = "failed before"
UNDECIDED = "not decided: the selection or the groups cannot be made"


@dataclass(frozen=True)
class Filter:
    """One condition of `images.select` at work."""

    what: str
    """The condition as a person reads it."""
    removed: int
    """The images that it removes of those that the conditions before it have left."""
    left: int


@dataclass(frozen=True)
class Term:
    """One metadata term."""

    name: str
    values: int
    """Distinct values, empty cells apart, among all images of the source."""
    kept: int
    """The same among the images that are kept."""
    empty: int
    """Empty cells among the images that are kept."""
    examples: tuple[Any, ...]
    """The first distinct values of the images that are kept (of all, if none is)."""


@dataclass(frozen=True)
class Inspection:
    """All that is to say of the images of a project."""

    source: str
    """What the images come from."""
    read: int
    """The images that the source gave."""
    suffixes: tuple[tuple[str, int], ...]
    """How many of them have which suffix, the most frequent first."""
    notes: tuple[Note, ...]
    """What the source left out or mended, and what the selection could not compare."""
    filters: tuple[Filter, ...]
    faults: tuple[tuple[str, int], ...]
    """Why selected images cannot be used, and how many."""
    terms: tuple[Term, ...]
    sizes: tuple[tuple[int, int], ...]
    """Images to a group, and how many groups have so many."""
    incomplete: tuple[IncompleteGroup, ...]
    groups: int
    statuses: tuple[tuple[str, int], ...]
    """How many images are kept, done, failed; those that are no longer in the run are not counted."""
    table: Table
    """Every image that the source gave."""
    ids: Sequence[str | None]
    """The id of each row's job, if it has one."""
    status: Sequence[str]
    """What became of each row."""
    problems: tuple[Problem, ...]
    """What a run would stop at."""
    misread: Misread | None = None
    """The TIFFs that steps which read by themselves may get wrong."""
    unnamed: tuple[str, ...] = ()
    """Where pictures are that no file of their step names, and how many."""


def inspect_images(
    images: Images, config: Config | None = None, table: Table | None = None, source: str = ""
) -> Inspection:
    """Follow every image from its source to its job.

    Parameters
    ----------
    images
        Which images.
    config
        The project, if it is in order: then what is done and what failed is known, too.
    table
        What the source gives, if that was read already.
    source
        The config's file, for messages.

    Raises
    ------
    PixmakeError
        The source cannot be read at all.
    """
    table, problems = _read(images) if table is None else (table, [])
    status = np.full(len(table), KEPT, dtype=object)
    ids: list[str | None] = [None] * len(table)
    kept = np.ones(len(table), dtype=bool)

    steps, found = _selection(table, images, source)
    problems += found
    told = [note for step in steps for note in step.notes]
    told += [*look_alike_notes(table, compared_columns(images)), *renaming_notes(table.columns)]
    filters = []
    for step in steps:
        gone = kept & ~step.kept
        status[gone] = f"removed by {step.what}"
        kept = step.kept
        filters.append(Filter(step.what, int(gone.sum()), int(kept.sum())))

    selected = np.flatnonzero(kept)
    faults = path_faults(table.keep(kept))
    for position, fault in faults.items():
        status[selected[position]] = fault
    if faults:
        skipped = images.missing == "skip"
        wrong = path_problems(table.keep(kept))
        problems += [problem for problem in wrong if not (skipped and problem.what.endswith(MISSING))]
    usable = kept.copy()
    usable[selected[list(faults)]] = False

    grouping, rows = Grouping(()), np.flatnonzero(usable)
    table = table.noting(_unread(table, rows.tolist()))
    status[rows] = UNDECIDED  # until the groups have their say
    if not found:
        try:
            grouping = make_grouping(table.keep(usable), images)
        except PixmakeError as error:
            problems += error.problems
        else:
            problems += grouping.problems
            status[rows] = _in_no_group(table.keep(usable), grouping)
    for lacking in grouping.incomplete:
        status[rows[list(lacking.group.rows)]] = f"incomplete group: no {', no '.join(lacking.missing)}"
    states: dict[str, str] = {}
    if config is not None:
        problems += collisions(Plan(config, grouping.groups, (), ()))
        try:
            states = _states(config, grouping.groups, table.columns)
        except PixmakeError as error:
            problems += error.problems
    positions = rows.tolist()
    for group in grouping.groups:
        for row in group.rows:
            ids[positions[row]] = group.id
            status[positions[row]] = states.get(group.id, KEPT)

    counts = Counter(status.tolist())
    there = np.isin(status, [KEPT, DONE, FAILED])
    return Inspection(
        source=table.source,
        read=len(table),
        suffixes=_suffixes(table),
        notes=(*table.notes, *told),
        filters=tuple(filters),
        faults=tuple(Counter(_reason(fault) for fault in faults.values()).most_common()),
        terms=tuple(_terms(table, there)),
        sizes=tuple(sorted(Counter(len(group.paths) for group in grouping.groups).items())),
        incomplete=grouping.incomplete,
        groups=len(grouping.groups),
        statuses=tuple((word, counts[word]) for word in (KEPT, DONE, FAILED) if counts[word]),
        table=table,
        ids=ids,
        status=status.tolist(),
        problems=tuple(problems),
        misread=None if config is None else misread(config, grouping.groups),
        unnamed=() if config is None else _unnamed(config),
    )


def _unnamed(config: Config) -> tuple[str, ...]:
    return tuple(
        line
        for name, step in config.steps.items()
        if step.writeimg
        for line in unnamed_pictures.told(config.results, [name])
        or [f"{config.results}/{name}/*{unnamed_pictures.SUFFIX}/ (none yet)"]
    )


def inspect_project(path: str | Path) -> Inspection:
    """The same for a project, by its config; what is wrong with that is among the problems.

    Where a run finds the images (`images.checkpoint`), these are the images that the last run found, or
    else the files in which one will look for them.

    Raises
    ------
    PixmakeError
        The config cannot be read, or does not say where the images are, or they cannot be read.
    """
    content = read_config(path)
    try:
        config = parse_config(content, [path])
    except PixmakeError as error:
        images = parse_images(content)
        if images is None:
            raise
        configure(parse_storage(content))
        inspection = inspect_images(images, source=str(path))
        return replace(inspection, problems=(*error.problems, *inspection.problems))
    configure(config.reach())
    if config.images.checkpoint is not None:
        table = found_path(config.results)
        # before a run, the files that hold images are all that is known
        config = found_config(config, table) if has_rows(table) else container_config(config)
    return inspect_images(config.images, config, source=str(path))


def whole_table(inspection: Inspection) -> pd.DataFrame:
    """All images, and the files that the source left out, with the id of their job and their status.

    The column `path` is from the working directory. If the table has a column `id` or `status` of its own,
    ours is called `pixmake_id` or `pixmake_status`.
    """
    table = inspection.table
    frame = table.frame[table.columns].reset_index(drop=True)
    frame[PATH] = [None if path is None else located(path, table.root) for path in frame[PATH]]
    id_column, status_column = (_free(name, table.columns) for name in ("id", "status"))
    frame[id_column], frame[status_column] = inspection.ids, inspection.status
    left_out = [note for note in table.notes if note.path]
    if not left_out:
        return frame
    rows = {PATH: [note.path for note in left_out], status_column: [_said(note) for note in left_out]}
    more = pd.DataFrame(rows, columns=frame.columns, dtype=object)
    return pd.concat([frame, more], ignore_index=True)


def write_tables(inspection: Inspection, folder: str | Path) -> list[str]:
    """Write the whole table, the filters, the terms and the groups as CSV; returns the files' names.

    Raises
    ------
    PixmakeError
        The folder cannot be written to.
    """
    tables = {
        "images": whole_table(inspection),
        "filters": pd.DataFrame(
            [(step.what, step.removed, step.left) for step in inspection.filters],
            columns=["filter", "removed", "left"],
        ),
        "terms": pd.DataFrame(
            [(term.name, term.values, term.kept, term.empty) for term in inspection.terms],
            columns=["term", "values", "values_kept", "empty_kept"],
        ),
    }
    written = []
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, frame in tables.items():
            path = os.path.join(folder, f"{name}.csv")
            frame.to_csv(path, index=False, errors="surrogateescape")
            written.append(path)
    except OSError as error:
        raise PixmakeError([Problem(f"cannot be written: {error.strerror}", str(folder))]) from None
    return written


def _unread(table: Table, rows: Sequence[int]) -> Iterator[Note]:
    """A note for each image of a format that nothing here reads."""
    paths = table.cells[PATH]
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(place_of(located(paths[row], table.root)).file, row)
    for path, why, short in unread_formats(first):
        yield Note(short, path, table.place(first[path]), why)


def _read(images: Images) -> tuple[Table, list[Problem]]:
    """The source's table; where the source stops at files and rows, the table without them, and why."""
    try:
        return read_images(images), []
    except PixmakeError as error:
        try:
            return read_images(_lenient(images)), list(error.problems)
        except PixmakeError:
            raise error from None


def _lenient(images: Images) -> Images:
    """The same, but what does not fit is left out and noted."""
    changes: dict[str, Any] = {
        "missing": "skip",
        "join": [join.model_copy(update={"unmatched": "skip"}) for join in images.join],
    }
    source = getattr(images, images.source)
    if "unmatched" in type(source).model_fields:
        changes[images.source] = source.model_copy(update={"unmatched": "skip"})
    return images.model_copy(update=changes)


def _selection(table: Table, images: Images, source: str) -> tuple[list[SelectionStep], Sequence[Problem]]:
    try:
        return selection_steps(table, images.select, images.group_by, source), ()
    except PixmakeError as error:
        return [], error.problems


def _in_no_group(table: Table, grouping: Grouping) -> list[str]:
    """What is said of each row before the groups have their say: why it makes none."""
    reasons: dict[str, str] = {}
    for problem in grouping.problems:
        reasons.setdefault(problem.where, problem.what)
    if not reasons:
        return [KEPT] * len(table)
    other = "an image of its group cannot be used"
    return [reasons.get(table.place(position), other) for position in range(len(table))]


def _states(config: Config, groups: tuple[Group, ...], columns: Sequence[str]) -> dict[str, str]:
    """What the records on disk say of each image: done if all of its jobs are, failed if any is.

    A job of a step with ``per`` is one of each of its images.
    """
    levels = make_levels(config, groups, columns)
    index = levels.index()
    states = {group.id: DONE for group in groups}
    for step in config.steps:
        there, failed = record_ids(config.results, step), set(failed_ids(config, step))
        for group in groups:
            jobs = {job.id for job in levels.related(group, step, index)}
            if jobs & failed:
                states[group.id] = FAILED
            elif not jobs <= there and states[group.id] == DONE:
                states[group.id] = KEPT
    return states


def _said(note: Note) -> str:
    """A note as a status: its reason and what it is in this file."""
    return f"{note.why}: {note.detail}" if note.detail else note.why


def _free(name: str, columns: Sequence[str]) -> str:
    while name in columns:
        name = f"pixmake_{name}"
    return name


def _suffixes(table: Table) -> tuple[tuple[str, int], ...]:
    paths = [path for path in table.cells[PATH] if path is not None]
    return tuple(Counter(os.path.splitext(path)[1].lower() for path in paths).most_common())


def _terms(table: Table, there: Any) -> Iterator[Term]:
    for name in table.columns[1:]:
        cells = table.cells[name].tolist()
        kept = [cell for cell, is_there in zip(cells, there.tolist(), strict=True) if is_there]
        every, some = dict.fromkeys(cells), dict.fromkeys(kept)
        examples = [value for value in (some or every) if value is not None]
        yield Term(
            name=name,
            values=len(every) - (None in every),
            kept=len(some) - (None in some),
            empty=kept.count(None),
            examples=tuple(examples[:5]),
        )


def _reason(fault: str) -> str:
    """A fault without what is this row's own."""
    for reason in ("stands in", "is a folder", "is no file name"):
        if reason in fault:
            return {"stands in": "stands in the table already"}.get(reason, reason)
    return fault
