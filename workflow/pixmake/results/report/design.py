"""How an experiment was laid out, as its metadata tell: what recurs over time, and in which groups."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixmake.results.report.columns import Column

DAY = 86_400_000
"""Milliseconds of a day."""

MOST_LEVELS = 20
"""Values of a term that sorts into groups, at the most."""

FACTORS = (
    *("treatment", "condition", "genotype", "dose", "concentration", "compound", "drug", "group", "line"),
    *("cultivar", "variety", "accession", "ecotype", "strain", "species", "sex", "diet"),
)
"""Terms that name what was done to subjects or what they are, the likeliest first."""

_TIME = re.compile(r"^(day|das|dap|dai|age|week|hour|time|t|frame|date)s?$", re.I)
_SUBJECT = (
    re.compile(
        r"^(plantbarcode|plant|subject|animal|mouse|fish|larva|individual|seedling)([_ ]?(id|name|no))?$",
        re.I,
    ),
    re.compile(r"^(pot|colony|organoid|embryo|specimen|well|id)([_ ]?(id|name|no))?$", re.I),
    re.compile(r"^(rep|replicate)([_ ]?(id|name|no))?$", re.I),
)
_PLATE = re.compile(r"^plate([_ ]?(id|name|no|barcode))?$", re.I)
_VIEW = re.compile(r"^(camera|view|angle|channel|wavelength|site|field|side|side_?view|frame|zoom)$", re.I)


@dataclass(frozen=True)
class Design:
    """The layout of an experiment; each list has an entry a point, ``None`` where it is not known."""

    time: str
    """The column that is the time axis; empty if there is none."""
    steps: list[float | None]
    """The date of each point, on the time axis."""
    daily: bool
    """Times are counted by day."""
    subject: tuple[str, ...]
    """The terms that name what recurs over time."""
    subjects: list[int | None]
    factors: tuple[str, ...]
    """The terms by which subjects are in groups."""
    views: tuple[str, ...]
    """The terms that tell several pictures of one subject at one date apart: a camera, a channel, a site."""
    groups: list[int | None]
    """The group of each point, of all factors and of what tells views of one subject apart."""


def design_of(columns: Sequence[Column], controls: str = "") -> Design:
    """How the points were laid out, by names and values of terms; ``controls`` is the term of controls."""
    terms = [column for column in columns if column.kind == "term"]
    rows = len(terms[0].values) if terms else 0
    time = _time_axis(terms)
    subject = _subject(terms, time)
    daily = time is not None and _by_day(time, subject)
    steps: list[float | None] = [None] * rows
    if time is not None:
        steps = [_step(value, daily) for value in time.values]
    factors = _factors(terms, time, subject, controls)
    views = _views(terms, steps, subject, factors)
    return Design(
        time="" if time is None else time.key,
        steps=steps,
        daily=daily,
        subject=tuple(column.key for column in subject),
        subjects=_codes([*subject, *views], rows) if subject else [None] * rows,
        factors=tuple(column.key for column in factors),
        views=tuple(column.key for column in views),
        groups=_codes([*factors, *views], rows),
    )


def _codes(columns: Sequence[Column], rows: int) -> list[int | None]:
    """A number for each combination of values; none where one of them is empty."""
    known: dict[tuple[Any, ...], int] = {}
    keys = [tuple(column.values[row] for column in columns) for row in range(rows)]
    return [None if None in key else known.setdefault(key, len(known)) for key in keys]


def _time_axis(terms: Sequence[Column]) -> Column | None:
    found = [
        column
        for column in terms
        if (column.type == "time" or (column.type == "number" and _TIME.match(column.key)))
        and len(column.distinct()) > 1
    ]
    return min(found, key=lambda column: column.type != "time", default=None)


def _subject(terms: Sequence[Column], time: Column | None) -> list[Column]:
    """What recurs over time: a plant, an animal, a well of a plate."""
    if time is None:
        return []
    named = [
        column
        for pattern in _SUBJECT
        for column in terms
        if pattern.match(column.key) and column is not time and len(column.distinct()) > 1
    ]
    plates = [column for column in terms if _PLATE.match(column.key) and len(column.distinct()) > 1]
    factors = [column for column in terms if column.key.lower() in FACTORS]
    for column in named:
        if not _recurs([column], time):
            continue
        # a well of each plate, the first plant of each genotype: the name alone is not one subject
        parts = [column, *(plates if re.match("(?i)well|pos", column.key) else [])]
        parts += [
            factor for factor in factors if factor is not column and _several_within(factor, column, time)
        ]
        if _recurs(parts, time):
            return parts
    return []


def _recurs(columns: Sequence[Column], time: Column) -> bool:
    """Whether at least half of the subjects are there at more than one time."""
    times: dict[Any, set[Any]] = {}
    for row, at in enumerate(time.values):
        key = tuple(column.values[row] for column in columns)
        if None not in key and at is not None:
            times.setdefault(key, set()).add(at)
    return bool(times) and sum(len(found) > 1 for found in times.values()) * 2 >= len(times)


def _several_within(factor: Column, subject: Column, time: Column) -> bool:
    """Whether most subjects of one name have several values of a factor at one time."""
    found: dict[Any, set[Any]] = {}
    for row, value in enumerate(factor.values):
        found.setdefault((subject.values[row], time.values[row]), set()).add(value)
    return sum(len(values) > 1 for values in found.values()) * 2 > len(found)


def _by_day(time: Column, subject: Sequence[Column]) -> bool:
    """Whether times of one day are one date: no subject is there twice a day, or there are too many times."""
    times = time.distinct()
    days = {value // DAY for value in times}
    if time.type != "time" or len(days) < 2 or len(days) == len(times):
        return False
    if not subject:
        return len(times) > 40 or len(times) * 2 > len(time.values)
    seen: dict[Any, set[Any]] = {}
    for row, at in enumerate(time.values):
        if at is not None:
            key = (*(column.values[row] for column in subject), at // DAY)
            seen.setdefault(key, set()).add(at)
    return statistics.median(len(found) for found in seen.values()) <= 1


def _step(value: float | None, daily: bool) -> float | None:
    return value // DAY * DAY if daily and value is not None else value


def _factors(
    terms: Sequence[Column], time: Column | None, subject: Sequence[Column], controls: str
) -> list[Column]:
    """Terms by which subjects are in groups: the same at all times, and of few values.

    That of the controls comes first: they are there to differ from the others.
    """
    names = [controls.lower(), *FACTORS]
    some = [
        column
        for column in terms
        if column is not time
        and column not in subject[:1]
        and column.type != "time"
        and 1 < len(column.distinct()) <= MOST_LEVELS
        and (not subject or _constant(column, subject))
    ]
    named = sorted(
        (column for column in some if column.key.lower() in names),
        key=lambda column: names.index(column.key.lower()),
    )
    return named[:3]


def _constant(column: Column, subject: Sequence[Column]) -> bool:
    seen: dict[Any, Any] = {}
    for row, value in enumerate(column.values):
        key = tuple(each.values[row] for each in subject)
        if value is not None and None not in key and seen.setdefault(key, value) != value:
            return False
    return True


def _views(
    terms: Sequence[Column],
    steps: Sequence[float | None],
    subject: Sequence[Column],
    factors: Sequence[Column],
) -> list[Column]:
    """Terms that tell several pictures of one subject at one time apart: cameras, channels, sites."""
    some = [
        column for column in terms if _VIEW.match(column.key) and 1 < len(column.distinct()) <= MOST_LEVELS
    ]
    return [column for column in some if column not in factors and _differs(column, steps, subject)]


def _differs(column: Column, steps: Sequence[float | None], subject: Sequence[Column]) -> bool:
    if not subject:
        return True
    seen: dict[Any, set[Any]] = {}
    for row, value in enumerate(column.values):
        seen.setdefault((*(each.values[row] for each in subject), steps[row]), set()).add(value)
    return any(len(values) > 1 for values in seen.values())
