"""A group's values as a table of subjects by dates: what of it is level and curve, whatever lies far off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixmake.results.report.design import Design

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

LEAST_SUBJECTS, LEAST_STEPS = 4, 4
"""Of a group that is judged: its subjects and dates."""

NORMAL = 1.4826
"""A normal distribution's standard deviation by its median absolute deviation."""

_HELD = 0.9594
"""What is left of a normal distribution's standard deviation if its values are held within two of them."""


_NINE_IN_TEN = 1.645
"""Standard deviations within which nine in ten values of a normal distribution lie."""


@dataclass(frozen=True)
class SubjectTable:
    """The values of a group that belong to a subject and a date; several of one cell are averaged."""

    rows: Array
    """The points that are in it."""
    subject: Array
    """Of each of these points the line of the table."""
    step: Array
    """Of each of these points the column of the table."""
    dates: Array
    """Of each column where it stands on the time axis."""
    values: Array
    """Subjects × dates; NaN where there is none."""


def subject_table(scaled: Array, rows: Array, design: Design) -> SubjectTable | None:
    """The table of a group; none if it has too few subjects or dates to be judged."""
    import numpy as np

    known = [design.subjects[row] is not None and design.steps[row] is not None for row in rows]
    some = rows[np.array(known, bool)]
    if not some.size:
        return None
    subjects, subject = np.unique([design.subjects[row] for row in some], return_inverse=True)
    dates, step = np.unique([design.steps[row] for row in some], return_inverse=True)
    if subjects.size < LEAST_SUBJECTS or dates.size < LEAST_STEPS:
        return None
    count = np.zeros((subjects.size, dates.size))
    total = np.zeros(count.shape)
    np.add.at(count, (subject, step), 1)
    np.add.at(total, (subject, step), scaled[some])
    values = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return SubjectTable(some, subject, step, dates.astype(float), values)


def two_way(table: Array) -> tuple[Array, Array]:
    """A robust fit of a level for each row (R × 1) and a curve over the columns (1 × C).

    It begins with medians and ends with bisquare weights.
    """
    import numpy as np

    level = np.zeros((table.shape[0], 1))
    curve = np.zeros((1, table.shape[1]))
    with np.errstate(invalid="ignore"):
        for _ in range(4):
            curve += _median(table - level - curve, 0)
            level += _median(table - level - curve, 1)
        for _ in range(5):
            for axis in (0, 1):
                left = table - level - curve
                weight = bisquare(left)
                total = np.maximum(weight.sum(axis=axis, keepdims=True), 1e-9)
                shift = (weight * np.nan_to_num(left)).sum(axis=axis, keepdims=True) / total
                if axis == 0:
                    curve = curve + shift
                else:
                    level = level + shift
    return level, curve


def bisquare(left: Array) -> Array:
    """Tukey's weights of residuals: 1 of what is usual, 0 of what lies far off or is not there."""
    import numpy as np

    spread = 1.3 * NORMAL * np.nanmedian(np.abs(left)) + 1e-12
    weight: Array = np.nan_to_num(np.clip(1 - (left / (4.685 * spread)) ** 2, 0, None) ** 2)
    return weight


def spread(values: Array) -> float:
    """The standard deviation, to which a value that lies far off adds as much as one at two of them."""
    import numpy as np

    found = NORMAL * float(np.median(np.abs(values)))
    for _ in range(5):
        held = np.minimum(np.abs(values), 2 * found)
        found = float(np.sqrt(np.mean(held**2))) / _HELD
    return found


def spread_of_steps(values: Array) -> float:
    """The same of values of which most are alike: at least what nine in ten of them tell."""
    import numpy as np

    return max(spread(values), float(np.percentile(np.abs(values), 90)) / _NINE_IN_TEN)


def _median(table: Array, axis: int) -> Array:
    """The medians of columns (0) or rows (1) of those values that are there; 0 where none is."""
    import numpy as np

    # `np.nanmedian` takes ten times as long for tables as small as these
    ordered = np.sort(table, axis=axis)  # what is not there stands at the end
    there = np.isfinite(table).sum(axis=axis, keepdims=True)
    lower = np.take_along_axis(ordered, np.maximum(there - 1, 0) // 2, axis)
    upper = np.take_along_axis(ordered, np.minimum(there // 2, table.shape[axis] - 1), axis)
    found: Array = np.where(there > 0, (lower + upper) / 2, 0.0)
    return found
