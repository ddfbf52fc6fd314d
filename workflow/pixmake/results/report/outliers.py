"""Which values lie far from what their subject and group lead one to expect.

Where a subject (a plant, an animal, a well) recurs over time, a value is compared with its subject's own
level and the curve of its group over time, both robust; so growth itself makes no outlier. Where nothing
recurs, it is compared with the others of its group and date. Sizes are compared as ratios: on the log scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pixmake.results.report.design import Design

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

CUT = 3.5
"""Robust deviations beyond which a value is an outlier."""

SURE_FROM = 30
"""Degrees of freedom below which more deviations are asked for, since few values tell their spread badly."""

LEAST_SUBJECTS, LEAST_STEPS, LEAST_OTHERS = 4, 4, 8
"""Of a group that is judged: its subjects and dates; without subjects its values at a date."""

LEAST_SPREAD = 0.005
"""On the log scale; differences of less than 2 % are none that anybody would look for."""

_FEW_ZEROS = 0.05
_NORMAL = 1.4826
"""A normal distribution's standard deviation by its median absolute deviation."""

_HELD = 0.9594
"""What is left of a normal distribution's standard deviation if its values are held within two of them."""


@dataclass(frozen=True)
class Judgement:
    """The outliers among the values of one column."""

    rows: dict[int, float] = field(default_factory=dict)
    """How many robust deviations an outlier lies above (or, negative, below) what was expected."""
    judged: int = 0
    """Values that could be compared with others."""
    basis: str = ""
    """What they were compared with, in words; or why there is too little to judge."""


def judge(values: Sequence[float | None], design: Design) -> Judgement:
    """Find the outliers of one column.

    Parameters
    ----------
    values
        One a point; ``None`` where there is none.
    design
        Of the same points.
    """
    import numpy as np

    given = np.array([np.nan if value is None else float(value) for value in values])
    scaled, logarithmic = _scaled(given)
    over_time = bool(design.subject)
    residuals = np.full(given.size, np.nan)
    freedom = 0
    for rows in _members(design.groups, np.isfinite(scaled)):
        found, free = (_by_subject if over_time else _by_cell)(scaled, rows, design)
        residuals[rows] = found
        freedom += free
    judged = np.flatnonzero(np.isfinite(residuals))
    basis = _basis(design, logarithmic)
    if not judged.size or freedom < 4:
        return Judgement(basis=f"too little to judge: {_needed(design)}")
    deviations = _deviations(residuals, judged, design, freedom, LEAST_SPREAD if logarithmic else 0.0)
    cut = CUT * max(1.0, (SURE_FROM / freedom) ** 0.5)
    far = {int(row): round(float(deviations[row]), 2) for row in judged if abs(deviations[row]) > cut}
    return Judgement(far, int(judged.size), basis)


def _scaled(given: Array) -> tuple[Array, bool]:
    """The values, as logarithms where they are sizes: none negative, and few of them zero."""
    import numpy as np

    some = given[np.isfinite(given)]
    if not some.size or some.min() < 0 or (some == 0).mean() > _FEW_ZEROS:
        return given, False
    least = some[some > 0].min() / 2
    with np.errstate(invalid="ignore"):
        return np.log(np.where(given == 0, least, given)), True


def _members(groups: Sequence[int | None], there: Array) -> list[Array]:
    import numpy as np

    found: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        if group is not None and there[row]:
            found.setdefault(group, []).append(row)
    return [np.array(rows) for rows in found.values()]


def _by_subject(scaled: Array, rows: Array, design: Design) -> tuple[Array, int]:
    """What is left of a group's values beside each subject's level and the group's curve over time."""
    import numpy as np

    known = [design.subjects[row] is not None and design.steps[row] is not None for row in rows]
    some = rows[np.array(known, bool)]
    left = np.full(rows.size, np.nan)
    if not some.size:
        return left, 0
    subject = np.unique([design.subjects[row] for row in some], return_inverse=True)[1]
    step = np.unique([design.steps[row] for row in some], return_inverse=True)[1]
    subjects, steps = int(subject.max()) + 1, int(step.max()) + 1
    if subjects < LEAST_SUBJECTS or steps < LEAST_STEPS:
        return left, 0
    count = np.zeros((subjects, steps))
    table = np.zeros((subjects, steps))
    np.add.at(count, (subject, step), 1)
    np.add.at(table, (subject, step), scaled[some])
    with np.errstate(invalid="ignore"):
        fit = _two_way(np.where(count > 0, table / count, np.nan))
    left[np.array(known, bool)] = scaled[some] - fit[subject, step]
    return left, int((count > 0).sum()) - subjects - steps + 1


def _two_way(table: Array) -> Array:
    """A robust fit of a level for each row and a curve over the columns: by medians, then bisquare."""
    import numpy as np

    level = np.zeros((table.shape[0], 1))
    curve = np.zeros((1, table.shape[1]))
    for _ in range(4):
        curve += np.nanmedian(table - level - curve, axis=0, keepdims=True)
        level += np.nanmedian(table - level - curve, axis=1, keepdims=True)
    for _ in range(5):
        for axis in (0, 1):
            left = table - level - curve
            spread = 1.3 * _NORMAL * np.nanmedian(np.abs(left)) + 1e-12
            weight = np.nan_to_num(np.clip(1 - (left / (4.685 * spread)) ** 2, 0, None) ** 2)
            total = np.maximum(weight.sum(axis=axis, keepdims=True), 1e-9)
            shift = (weight * np.nan_to_num(left)).sum(axis=axis, keepdims=True) / total
            if axis == 0:
                curve = curve + shift
            else:
                level = level + shift
    return level + curve


def _by_cell(scaled: Array, rows: Array, design: Design) -> tuple[Array, int]:
    """What is left of a group's values beside the median of those of their date."""
    import numpy as np

    left = np.full(rows.size, np.nan)
    freedom = 0
    steps = np.array([np.nan if design.steps[row] is None else design.steps[row] for row in rows], float)
    for step in np.unique(steps):
        cell = np.isnan(steps) if np.isnan(step) else steps == step
        if cell.sum() >= LEAST_OTHERS:
            left[cell] = scaled[rows[cell]] - np.median(scaled[rows[cell]])
            freedom += int(cell.sum()) - 1
    return left, freedom


def _deviations(residuals: Array, judged: Array, design: Design, freedom: int, least: float) -> Array:
    """Residuals by their spread: that of all, or that of their date or group where it is larger."""
    import numpy as np

    lost = (freedom / judged.size) ** 0.5
    spreads = np.full(residuals.size, max(_spread(residuals[judged]) / lost, least))
    for keys in (design.steps, design.groups):
        cells: dict[Any, list[int]] = {}
        for row in judged:
            cells.setdefault(keys[row], []).append(row)
        for rows in cells.values():
            spreads[rows] = np.maximum(spreads[rows], _spread(residuals[rows]) / lost)
    deviations: Array = np.divide(residuals, spreads, out=np.zeros(residuals.size), where=spreads > 0)
    return deviations


def _spread(values: Array) -> float:
    """The standard deviation, to which a value that lies far off adds as much as one at two of them."""
    import numpy as np

    spread = _NORMAL * float(np.median(np.abs(values)))
    for _ in range(5):
        held = np.minimum(np.abs(values), 2 * spread)
        spread = float(np.sqrt(np.mean(held**2))) / _HELD
    return spread


def _basis(design: Design, logarithmic: bool) -> str:
    group = " × ".join(design.factors)
    scale = ", as ratios" if logarithmic else ""
    if design.subject:
        of_group = (
            f"its group’s curve over {design.time} ({group})"
            if group
            else f"the curve of all over {design.time}"
        )
        return f"compared with the level of its own {' and '.join(design.subject)} and {of_group}{scale}"
    others = " and ".join([*design.factors, *([design.time] if design.time else [])])
    return (
        f"compared with the others of its {others}{scale}" if others else f"compared with all others{scale}"
    )


def _needed(design: Design) -> str:
    if design.subject:
        group = f" in a group ({' × '.join(design.factors)})" if design.factors else ""
        return f"it takes {LEAST_SUBJECTS} of {' and '.join(design.subject)}{group} at {LEAST_STEPS} dates"
    where = " and ".join([*design.factors, *([design.time] if design.time else [])])
    return f"it takes {LEAST_OTHERS} values{f' of one {where}' if where else ''}"
