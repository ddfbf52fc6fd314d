"""Which subjects fall behind at the last date.

A plant whose growth has just slowed down shows that on one picture alone, and it is then that somebody can
still look at it. With noise of 5 % and growth by half from date to date, halved growth is a deviation of four
spreads of a single value: the rule for outliers at all dates finds a third of such plants. So at the last
date, and only for what is smaller than expected, less is enough: each subject is compared with what its own
earlier dates and the others' last step lead one to expect, with the uncertainty of that prediction. Where
subjects grow at rates of their own, as their slopes over the earlier dates tell, that is part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixmake.results.report.robust import SubjectTable, bisquare, spread, two_way

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

BEHIND = 1.95
"""Deviations below what is expected from which on a subject is called: 1 in 40 good ones is, by chance."""

OWN_RATES = 2.0
"""How many times the variance that noise gives slopes they must have, for subjects to have own rates."""


@dataclass(frozen=True)
class _Latest:
    rows: Array
    """The points of the last date."""
    off: Array
    """How far each lies above what is expected."""
    by_noise: Array
    """The variance of that, by that of a single value."""
    by_rates: Array
    """The same, by the variance of rates."""
    slopes: Array
    """Of each subject over the earlier dates, by what noise of 1 makes of it; beside the group's curve."""
    slope_variance: Array
    """Of each subject's slope, by that of a single value."""
    left: Array
    """What is left of the earlier values beside level, curve and slope."""
    freedom: int


def fallen_behind(tables: Sequence[SubjectTable], least: float) -> dict[int, float]:
    """The points of the last date at which subjects have fallen behind.

    Parameters
    ----------
    tables
        The values of each group, on the log scale.
    least
        The spread of a single value, at the least.

    Returns
    -------
    dict
        By point how many deviations it lies below (negative) what was expected.
    """
    import numpy as np

    groups = [found for table in tables if (found := _latest(table)) is not None]
    freedom = sum(each.freedom for each in groups)
    if freedom < 4:
        return {}
    left = np.concatenate([each.left for each in groups])
    noise = max(spread(left) * (left.size / freedom) ** 0.5, least)
    varied = spread(np.concatenate([each.slopes for each in groups])) ** 2 / noise**2
    called = {}
    for each in groups:
        rates = noise**2 * (varied - 1) * each.slope_variance if varied > OWN_RATES else 0.0
        deviations = each.off / np.sqrt(noise**2 * each.by_noise + rates * each.by_rates)
        for row, deviation in zip(each.rows, deviations, strict=True):
            if deviation < -BEHIND:
                called[int(row)] = round(float(deviation), 2)
    return called


def _latest(table: SubjectTable) -> _Latest | None:
    """The last date of a group, and what its earlier dates say of noise and rates."""
    import numpy as np

    early, last = table.values[:, :-1], table.values[:, -1]
    there = np.isfinite(early)
    # a subject that is not there before, or not at the last date, has nothing to be compared
    judged = np.isfinite(last) & (there.sum(axis=1) > 1)
    if judged.sum() < 2:
        return None
    level, curve = two_way(early)
    left = early - level - curve
    dates = np.where(there, table.dates[:-1], np.nan)
    middle = np.array(
        [
            [np.nanmean(line) if line_there.any() else 0.0]
            for line, line_there in zip(dates, there, strict=True)
        ]
    )
    apart = np.nan_to_num(dates - middle)
    moment = np.maximum((apart**2).sum(axis=1), 1e-9)
    slope = (apart * np.nan_to_num(left)).sum(axis=1) / moment
    subjects, steps = early.shape
    step = last - level[:, 0]
    weight = np.where(judged, bisquare(step - np.nanmedian(step[judged])), 0.0)
    of_others = np.maximum(weight.sum() - weight, 1e-9)
    usual = ((weight * np.nan_to_num(step)).sum() - weight * np.nan_to_num(step)) / of_others
    own, others = 1 + 1 / np.maximum(there.sum(axis=1), 1), 1 + 1 / np.maximum(of_others, 1)
    at_last = (table.step == steps) & judged[table.subject]
    rows, of = table.rows[at_last], table.subject[at_last]
    return _Latest(
        rows=rows,
        off=(step - usual)[of],
        by_noise=(own * others)[of],
        by_rates=((table.dates[-1] - middle[:, 0]) ** 2 * others)[of],
        slopes=(slope * np.sqrt(moment * subjects / (subjects - 1)))[judged],
        slope_variance=(1 / moment)[of],
        left=(left - slope[:, None] * apart)[there],
        freedom=int(there.sum()) - 2 * subjects - steps + 2,
    )
