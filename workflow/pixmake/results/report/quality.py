"""Which batches of pictures are suspicious: a day, a plate or a camera whose came out unlike the others.

Pictures of one camera are compared with each other alone. What is slow is left to biology: a day is held
against the days beside it, so that growth, which changes pictures little by little, is no alarm; a plate
against the other plates; and a plate on one day against what that plate and that day lead one to expect, so
that a plate which was taken for another one is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pixmake.results.report.columns import Column
from pixmake.results.report.design import DAY

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

CUT = 4.0
"""Robust deviations beyond which a batch is suspicious; more where there are few batches to compare."""

SURE_FROM = 30
"""Batches from which on their spread is known."""

LEAST_DAYS, LEAST_PLATES, LEAST_CELLS, LEAST_PICTURES = 4, 6, 8, 8
"""Of one camera, to be compared: its days; its plates; its plates on days; the pictures of one of these."""

LEAST_SPREAD = 0.005
"""On each scale; differences of half a percent are none."""

MOST_DAYS, MOST_VIEWS = 400, 50
"""More dates, or cameras, than these are none that one looks at one by one."""

MOST_NAMED = 40
"""Batches, and pictures, that are named."""

PLATE = re.compile(r"^(plate|tray|slide|rack|batch)([_ ]?(id|name|no|number|barcode))?$", re.I)
VIEW = re.compile(
    r"^(camera|imager|microscope|instrument|modality|view|angle|channel|wavelength|side|side_?view|zoom|lens)"
    r"([_ ]?(id|name|no|number))?$",
    re.I,
)


@dataclass(frozen=True)
class Measure:
    """How one figure of `pixmake.images.quality` is compared."""

    name: str
    logarithmic: bool
    least: float
    """A difference that is worth a look, on the scale on which it is compared."""
    less: str
    more: str
    is_share: bool = False


MEASURES = (
    Measure("focus", True, 0.25, "less sharp", "sharper"),
    Measure("brightness", True, 0.25, "darker", "brighter"),
    Measure("saturated", False, 0.05, "less overexposed", "more overexposed", True),
    Measure("dark", False, 0.05, "less in the black", "more in the black", True),
    Measure("warmth", False, 0.15, "bluer", "redder"),
)


@dataclass(frozen=True)
class Batch:
    """Pictures that came out unlike the others."""

    name: str
    where: Mapping[str, Sequence[Any]]
    """By term the values that its pictures have."""
    dates: tuple[float, float] | None
    """The first and the last of its times, on the time axis."""
    pictures: int
    reasons: tuple[str, ...]
    """What differs, and from what, in words."""
    deviations: float
    """How far off it is, in robust deviations of what is usual, where that is most."""


@dataclass(frozen=True)
class Quality:
    """What is known of the quality of the pictures of a level."""

    values: Mapping[str, list[float | None]] = field(default_factory=dict)
    """Of each figure one an image."""
    batches: list[Batch] = field(default_factory=list)
    """Those that are suspicious, the farthest off first."""
    pictures: list[tuple[int, str]] = field(default_factory=list)
    """Rows that differ from the others of their batch, and in what."""
    basis: str = ""
    """What was compared; or why there is too little to judge."""
    time: str = ""
    """The column that says the date."""
    view: str = ""
    """The column that tells cameras apart, if there is one."""


@dataclass(frozen=True)
class _Layout:
    """Which batch each picture belongs to: codes of its view, its plate and its day, -1 where not known."""

    views: Array
    plates: Array
    days: Array
    view_values: list[tuple[Any, ...]]
    plate_values: list[tuple[Any, ...]]
    dates: list[float]
    view_terms: tuple[str, ...]
    plate_terms: tuple[str, ...]
    time: Column | None
    daily: bool


@dataclass(frozen=True)
class _Odd:
    """A batch that is off in one measure."""

    view: int
    plate: int | None
    days: tuple[int, ...] | None
    measure: Measure
    deviation: float
    value: float
    usual: float
    from_on: bool = False


def quality_of_level(
    values: Mapping[str, list[float | None]], columns: Sequence[Column], time: str
) -> Quality:
    """Find the suspicious batches.

    Parameters
    ----------
    values
        By figure one a row.
    columns
        The terms, of the same rows.
    time
        The column that is the time axis; empty if there is none.
    """
    import numpy as np

    if not values:
        return Quality()
    layout = _layout(columns, time, len(next(iter(values.values()))))
    odd: list[_Odd] = []
    pictures: list[tuple[float, int, str]] = []
    judged = False
    for measure in MEASURES:
        given = values.get(measure.name)
        if given is None:
            continue
        scaled = _scaled(given, measure)
        for view in range(len(layout.view_values)):
            rows = np.flatnonzero((layout.views == view) & np.isfinite(scaled))
            if not rows.size:
                continue
            found, could = _judge(scaled, rows, layout, view, measure)
            odd += found
            judged = judged or could
            pictures += _single(scaled, rows, layout, found, measure)
    batches = _batches(odd, layout)
    return Quality(
        values=dict(values),
        batches=batches[:MOST_NAMED],
        pictures=_told(pictures)[:MOST_NAMED],
        basis=_basis(layout, judged),
        time=layout.time.key if layout.time else "",
        view=layout.view_terms[0] if layout.view_terms else "",
    )


def _layout(columns: Sequence[Column], time: str, rows: int) -> _Layout:
    import numpy as np

    terms = [column for column in columns if column.kind == "term"]
    views = [each for each in terms if VIEW.match(each.key) and 1 < len(each.distinct()) <= MOST_VIEWS]
    plates = [each for each in terms if PLATE.match(each.key) and len(each.distinct()) > 1]
    axis = next((each for each in terms if each.key == time), None)
    dates, steps, daily = _dates(axis, rows)
    view_codes, view_values = _codes(views, rows)
    plate_codes, plate_values = _codes(plates, rows)
    return _Layout(
        views=np.array(view_codes),
        plates=np.array(plate_codes),
        days=np.array(steps),
        view_values=view_values,
        plate_values=plate_values,
        dates=dates,
        view_terms=tuple(each.key for each in views),
        plate_terms=tuple(each.key for each in plates),
        time=axis if dates else None,
        daily=daily,
    )


def _codes(columns: Sequence[Column], rows: int) -> tuple[list[int], list[tuple[Any, ...]]]:
    """A number for each combination of values; without a column all are of one."""
    known: dict[tuple[Any, ...], int] = {}
    keys = [tuple(column.values[row] for column in columns) for row in range(rows)]
    return [-1 if None in key else known.setdefault(key, len(known)) for key in keys], list(known)


def _dates(axis: Column | None, rows: int) -> tuple[list[float], list[int], bool]:
    """The dates in their order, and the number of each row's; times of several days are counted by day."""
    if axis is None:
        return [], [0] * rows, False
    daily = axis.type == "time" and len({value // DAY for value in axis.values if value is not None}) > 1
    found = [None if value is None else value // DAY * DAY if daily else value for value in axis.values]
    dates = sorted({value for value in found if value is not None})
    if not 1 < len(dates) <= MOST_DAYS:
        return [], [0] * rows, False
    numbers = {value: number for number, value in enumerate(dates)}
    return dates, [-1 if value is None else numbers[value] for value in found], daily


def _scaled(values: Sequence[float | None], measure: Measure) -> Array:
    import numpy as np

    given = np.array([np.nan if value is None else value for value in values], float)
    if not measure.logarithmic:
        return given
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(given > 0, np.log(given), np.nan)


@dataclass(frozen=True)
class _Cells:
    """Plates × days of one camera: the median of each, how many pictures it has, and their noise."""

    plates: Array
    days: Array
    medians: Array
    count: Array
    noise: float
    """How much a picture differs from the others of its plate and day."""
    level: Array
    curve: Array
    """A level for each plate, and what each day adds to all of them."""

    @property
    def freedom(self) -> int:
        """Cells beyond those that a level for each plate and each day takes."""
        return int((self.count > 0).sum()) - self.plates.size - self.days.size + 1

    def noise_of(self, count: Array) -> Array:
        """How much a median of so many pictures differs by their noise alone."""
        import numpy as np

        found: Array = 1.25 * self.noise / np.sqrt(np.maximum(count, 1))
        return found


def _judge(
    scaled: Array, rows: Array, layout: _Layout, view: int, measure: Measure
) -> tuple[list[_Odd], bool]:
    """The days, plates and plates on days of one camera that are off, and whether anything was compared."""
    rows = rows[(layout.plates[rows] >= 0) & (layout.days[rows] >= 0)]
    if not rows.size:
        return [], False
    cells = _cells(scaled, rows, layout)
    enough = (
        cells.days.size >= LEAST_DAYS,
        cells.plates.size >= LEAST_PLATES,
        cells.plates.size >= 3 and cells.days.size >= 2 and cells.freedom >= LEAST_CELLS,
    )
    found = _of_days(cells, layout, view, measure) if enough[0] else []
    found += _of_plates(cells, view, measure) if enough[1] else []
    if enough[2]:
        told = list(found)
        found += [
            odd
            for odd in _of_cells(cells, view, measure)
            if not any(each.plate == odd.plate or each.days == odd.days for each in told)
        ]
    return found, any(enough)


def _cells(scaled: Array, rows: Array, layout: _Layout) -> _Cells:
    import numpy as np

    plates, plate = np.unique(layout.plates[rows], return_inverse=True)
    days, day = np.unique(layout.days[rows], return_inverse=True)
    medians, count = np.full((plates.size, days.size), np.nan), np.zeros((plates.size, days.size))
    within = []
    order = np.argsort(plate * days.size + day, kind="stable")
    keys = (plate * days.size + day)[order]
    for some in np.split(order, np.flatnonzero(np.diff(keys)) + 1):
        at, values = (plate[some[0]], day[some[0]]), scaled[rows[some]]
        medians[at], count[at] = np.median(values), values.size
        if values.size >= LEAST_PICTURES:
            within.append(values - medians[at])
    noise = _spread(np.concatenate(within)) if within else 0.0
    return _Cells(plates, days, medians, count, noise, *_two_way(medians))


def _of_days(cells: _Cells, layout: _Layout, view: int, measure: Measure) -> list[_Odd]:
    import numpy as np

    when = np.array([layout.dates[number] for number in cells.days])
    noise = cells.noise_of(cells.count.sum(axis=0))
    found = []
    for first, last, deviation, effect in _odd_days(cells.curve, when, noise, measure.least):
        at = float(np.median(cells.curve[first : last + 1]) + np.median(cells.level))
        days = tuple(int(number) for number in cells.days[first : last + 1])
        found.append(_Odd(view, None, days, measure, deviation, at, at - effect, from_on=last > first))
    return found


def _of_plates(cells: _Cells, view: int, measure: Measure) -> list[_Odd]:
    import numpy as np

    middle = float(np.median(cells.level))
    off = cells.level - middle
    usual = _usual(_spread(off), off.size - 1, cells.noise_of(cells.count.sum(axis=1)))
    odd = np.flatnonzero((np.abs(off / usual) > CUT) & (np.abs(off) > measure.least))
    return [
        _Odd(
            view,
            int(cells.plates[number]),
            None,
            measure,
            float(off[number] / usual[number]),
            float(cells.level[number]),
            middle,
        )
        for number in odd
    ]


def _of_cells(cells: _Cells, view: int, measure: Measure) -> list[_Odd]:
    import numpy as np

    left = cells.medians - cells.level[:, None] - cells.curve[None, :]
    known = left[np.isfinite(left)]
    spread = _spread(known) * (known.size / cells.freedom) ** 0.5
    deviations = np.nan_to_num(left / _usual(spread, cells.freedom, cells.noise_of(cells.count)))
    found = []
    for at in np.argwhere((np.abs(deviations) > CUT) & (np.abs(np.nan_to_num(left)) > measure.least)):
        row, column = int(at[0]), int(at[1])
        value = float(cells.medians[row, column])
        plate, day = int(cells.plates[row]), int(cells.days[column])
        usual = value - float(left[row, column])
        found.append(_Odd(view, plate, (day,), measure, float(deviations[row, column]), value, usual))
    return found


def _usual(spread: float, freedom: int, noise: Array) -> Array:
    """What batches differ by anyway: as they do, more where few of them say so, and as their pictures do."""
    import numpy as np

    unsure = max(1.0, (SURE_FROM / max(freedom, 1)) ** 0.3)
    usual: Array = np.maximum(max(spread, LEAST_SPREAD) * unsure, noise)
    return usual


def _spread(values: Array) -> float:
    import numpy as np

    return 1.4826 * float(np.median(np.abs(values))) if values.size else 0.0


def _two_way(cells: Array) -> tuple[Array, Array]:
    """A level for each plate, and what each day adds to all of them: by medians."""
    import numpy as np

    level, curve = np.nanmedian(cells, axis=1), np.zeros(cells.shape[1])
    for _ in range(6):
        curve = curve + np.nanmedian(cells - level[:, None] - curve, axis=0)
        level = level + np.nanmedian(cells - level[:, None] - curve, axis=1)
    shift = float(np.median(curve))
    return level + shift, curve - shift


def _odd_days(curve: Array, when: Array, noise: Array, least: float) -> list[tuple[int, int, float, float]]:
    """Days that neither the days before nor those after lead one to expect, and changes that stay.

    Returns
    -------
    list
        The first and the last day, how many deviations it is off, and by how much.
    """
    import numpy as np

    number = curve.size
    off = np.array([_missed(curve, when, at) for at in range(number)])
    # at either end less tells what a day should be like: one line through its neighbours, or two
    ends = np.ones(number)
    ends[[0, -1]], ends[[1, -2]] = 2.5, 1.5
    usual = ends * _usual(_spread(off), number - 2, noise)
    single = [at for at in range(number) if abs(off[at]) > max(CUT * usual[at], least)]
    left = np.array([at for at in range(number) if at not in single])
    return [
        *((at, at, float(off[at] / usual[at]), float(off[at])) for at in single),
        *((at, number - 1, *how) for at, how in _changes(curve, when, noise, least, left).items()),
    ]


def _changes(
    curve: Array, when: Array, noise: Array, least: float, left: Array
) -> dict[int, tuple[float, float]]:
    """The days from which on things are another way: how many deviations, and how much.

    Parameters
    ----------
    left
        The days that are not odd by themselves.
    """
    import numpy as np

    places = range(2, left.size - 1)
    ahead, back = np.zeros(left.size + 1), np.zeros(left.size + 1)
    for place in places:
        before, after = left[place - 2 : place], left[place : place + 2]
        ahead[place] = curve[after[0]] - _line(when, curve, before, after[0])
        back[place] = curve[before[1]] - _line(when, curve, after, before[1])
    # a curve bends away from both lines to one side; a change that stays lies between them
    jump = np.where(ahead * back < 0, np.minimum(abs(ahead), abs(back)) * np.sign(ahead), 0.0)
    # each line is made of two days, and carries the noise of both
    usual = _usual(_spread(ahead[2:-2]), left.size - 3, 2.5 * np.append(noise[left], 0.0))
    found = {}
    for place in places:
        beside = max(abs(jump[place - 1]), abs(jump[place + 1]))
        if abs(jump[place]) > max(CUT * usual[place], least, beside):
            found[int(left[place])] = (float(jump[place] / usual[place]), float(jump[place]))
    return found


def _missed(curve: Array, when: Array, at: int) -> float:
    """How far a day is off what the two days before it and the two after say.

    That is any one of them, or the line through any two: the one that comes nearest, so that another odd day
    among them does not count, nor does a curve that rises, or bends.
    """
    near = [other for other in range(at - 2, at + 3) if other != at and 0 <= other < curve.size]
    said = [float(curve[other]) for other in near]
    said += [_line(when, curve, pair, at) for pair in combinations(near, 2)]
    return min((float(curve[at]) - each for each in said), key=abs)


def _line(when: Array, curve: Array, pair: Sequence[int] | Array, at: int) -> float:
    one, other = pair
    share = (when[at] - when[one]) / (when[other] - when[one])
    return float(curve[one] + (curve[other] - curve[one]) * share)


def _single(
    scaled: Array, rows: Array, layout: _Layout, odd: Sequence[_Odd], measure: Measure
) -> list[tuple[float, int, str]]:
    """The pictures that differ from the others of their plate and day, unless those are all suspicious."""
    import numpy as np

    found = []
    left = np.full(scaled.size, np.nan)
    keys = layout.plates[rows] * (len(layout.dates) + 2) + layout.days[rows]
    for key in np.unique(keys):
        some = rows[keys == key]
        if some.size >= LEAST_PICTURES:
            left[some] = scaled[some] - np.median(scaled[some])
    known = left[np.isfinite(left)]
    if known.size < SURE_FROM:
        return []
    spread = max(_spread(known), float(np.percentile(np.abs(known), 90)) / 1.645, 1e-9)
    for row in np.flatnonzero(np.abs(np.nan_to_num(left)) > max(1.5 * measure.least, 1.5 * CUT * spread)):
        if not any(_holds(each, layout, int(row)) for each in odd):
            deviation = float(left[row]) / spread
            found.append((abs(deviation), int(row), _how(measure, deviation)))
    return found


def _told(pictures: Sequence[tuple[float, int, str]]) -> list[tuple[int, str]]:
    """Each picture once, with all that is said of it; those that lie farthest off first."""
    ways: dict[int, list[str]] = {}
    for _, row, way in sorted(pictures, reverse=True):
        ways.setdefault(row, []).append(way)
    return [(row, f"{' and '.join(of)} than the others of its batch") for row, of in ways.items()]


def _holds(odd: _Odd, layout: _Layout, row: int) -> bool:
    return (odd.plate is None or odd.plate == layout.plates[row]) and (
        odd.days is None or layout.days[row] in odd.days
    )


def _how(measure: Measure, deviation: float) -> str:
    return measure.more if deviation > 0 else measure.less


def _batches(odd: Sequence[_Odd], layout: _Layout) -> list[Batch]:
    """What is off in several measures is one batch with several reasons."""
    together: dict[tuple[int, int | None, tuple[int, ...] | None], list[_Odd]] = {}
    for each in odd:
        together.setdefault((each.view, each.plate, each.days), []).append(each)
    found = [_batch(members, layout) for members in together.values()]
    return sorted(found, key=lambda batch: -batch.deviations)


def _batch(members: Sequence[_Odd], layout: _Layout) -> Batch:
    import numpy as np

    one = members[0]
    rows = np.flatnonzero(layout.views == one.view)
    rows = np.array([row for row in rows if _holds(one, layout, int(row))], int)
    where: dict[str, list[Any]] = {}
    names = []
    for term, value in zip(layout.view_terms, layout.view_values[one.view], strict=True):
        where[term] = [value]
        names.append(f"{term} {value}")
    if one.plate is not None:
        for term, value in zip(layout.plate_terms, layout.plate_values[one.plate], strict=True):
            where[term] = [value]
            names.append(f"{term} {value}")
    dates = None
    if one.days is not None and layout.time is not None:
        values = [layout.time.values[row] for row in rows]
        dates = (min(values), max(values))
        names.append(f"{_date(layout, one.days[0])}{' and after' if one.from_on else ''}")
    reasons = sorted(members, key=lambda each: -abs(each.deviation))
    return Batch(
        name=", ".join(names),
        where=where,
        dates=dates,
        pictures=int(rows.size),
        reasons=tuple(_reason(each) for each in reasons),
        deviations=round(max(abs(each.deviation) for each in members), 1),
    )


def _reason(odd: _Odd) -> str:
    import math

    value, usual = odd.value, odd.usual
    if odd.measure.logarithmic:
        value, usual = math.exp(value), math.exp(usual)
    said, other = (f"{each:.1%}" if odd.measure.is_share else f"{each:.3g}" for each in (value, usual))
    return f"{_how(odd.measure, odd.deviation)}: {odd.measure.name} {said} instead of {other}"


def _date(layout: _Layout, number: int) -> str:
    import datetime

    assert layout.time is not None
    value = layout.dates[number]
    if layout.time.type != "time":
        return f"{layout.time.key} {value:g}"
    when = datetime.datetime.fromtimestamp(value / 1000, datetime.UTC)
    return f"{when:%Y-%m-%d}" if layout.daily else f"{when:%Y-%m-%d %H:%M}"


def _basis(layout: _Layout, judged: bool) -> str:
    if not judged:
        return f"too little to judge: it takes {LEAST_DAYS} dates or {LEAST_PLATES} plates"
    parts = []
    if len(layout.dates) >= LEAST_DAYS:
        parts.append("each day with the days beside it")
    if len(layout.plate_values) >= LEAST_PLATES:
        parts.append("each plate with the others")
    if len(layout.plate_values) >= 3 and len(layout.dates) > 1:
        parts.append("each plate on a day with what that plate and that day lead one to expect")
    of = f", for each {' and '.join(layout.view_terms)}" if layout.view_terms else ""
    return f"compared {'; '.join(parts)}{of}"
