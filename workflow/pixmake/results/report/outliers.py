"""Which values lie far from what their subject and group lead one to expect.

Where a subject (a plant, an animal, a well) recurs over time, a value is compared with its subject's own
level and the curve of its group over time, both robust; so growth itself makes no outlier. At the last date a
subject that falls behind is called, too (`behind`). Where nothing recurs, a value is compared with the others
of its group and date. Sizes are compared as ratios: on the log scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pixmake.results.report.behind import fallen_behind
from pixmake.results.report.design import Design
from pixmake.results.report.robust import (
    LEAST_STEPS,
    LEAST_SUBJECTS,
    SubjectTable,
    spread,
    spread_of_steps,
    subject_table,
    two_way,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

CUT = 3.5
"""Robust deviations beyond which a value is an outlier."""

SURE_FROM = 30
"""Degrees of freedom below which more deviations are asked for, since few values tell their spread badly."""

LEAST_OTHERS = 8
"""Of a group without subjects that is judged: its values at a date."""

LEAST_SPREAD = 0.005
"""On the log scale; differences of less than 2 % are none that anybody would look for."""

_FEW_ZEROS = 0.05


@dataclass(frozen=True)
class Judgement:
    """The outliers among the values of one column."""

    rows: dict[int, float] = field(default_factory=dict)
    """How many robust deviations an outlier lies above (or, negative, below) what was expected."""
    judged: int = 0
    """Values that could be compared with others."""
    basis: str = ""
    """What they were compared with, in words; or why there is too little to judge."""
    behind: list[int] = field(default_factory=list)
    """The outliers that are called for having fallen behind at the last date, for which less is enough."""


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
    groups = _members(design.groups, np.isfinite(scaled))
    tables = [subject_table(scaled, rows, design) if over_time else None for rows in groups]
    for rows, table in zip(groups, tables, strict=True):
        found, free = _by_subject(scaled, rows, table) if over_time else _by_cell(scaled, rows, design)
        residuals[rows] = found
        freedom += free
    judged = np.flatnonzero(np.isfinite(residuals))
    basis = _basis(design, logarithmic)
    if not judged.size or freedom < 4:
        return Judgement(basis=f"too little to judge: {_needed(design)}")
    deviations = _deviations(residuals, judged, design, freedom, logarithmic, _rounding(given, logarithmic))
    cut = CUT * max(1.0, (SURE_FROM / freedom) ** 0.5)
    far = {int(row): round(float(deviations[row]), 2) for row in judged if abs(deviations[row]) > cut}
    if over_time:
        far = _where_it_strays(far, residuals, deviations, judged, design, cut)
    # what is smaller than expected means something of sizes alone
    some = [table for table in tables if table is not None] if logarithmic else []
    behind = {row: z for row, z in fallen_behind(some, LEAST_SPREAD).items() if row not in far}
    return Judgement({**far, **behind}, int(judged.size), basis, sorted(behind))


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


def _by_subject(scaled: Array, rows: Array, table: SubjectTable | None) -> tuple[Array, int]:
    """What is left of a group's values beside each subject's level and the group's curve over time."""
    import numpy as np

    left = np.full(scaled.size, np.nan)
    if table is None:
        return left[rows], 0
    level, curve = two_way(table.values)
    left[table.rows] = scaled[table.rows] - (level + curve)[table.subject, table.step]
    subjects, steps = table.values.shape
    return left[rows], int(np.isfinite(table.values).sum()) - subjects - steps + 1


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


def _rounding(given: Array, logarithmic: bool) -> Array:
    """By how much each value may be off since it is a whole number: leaves, or a height in pixels."""
    import numpy as np

    some = given[np.isfinite(given)]
    if (some != np.round(some)).any():
        return np.zeros(given.size)
    return 0.5 / np.maximum(np.nan_to_num(given), 1) if logarithmic else np.full(given.size, 0.5)


def _deviations(
    residuals: Array, judged: Array, design: Design, freedom: int, logarithmic: bool, rounding: Array
) -> Array:
    """Residuals by their spread: that of all, or that of their date or group where it is larger."""
    import numpy as np

    lost = (freedom / judged.size) ** 0.5
    # where rounding hides the noise most residuals are alike, and medians see none
    hidden = spread(residuals[judged]) < np.median(rounding[judged])
    spread_of = spread_of_steps if hidden else spread
    spreads = np.maximum(spread_of(residuals[judged]) / lost, rounding)
    spreads = np.maximum(spreads, LEAST_SPREAD if logarithmic else 0.0)
    for keys in (design.steps, design.groups):
        cells: dict[Any, list[int]] = {}
        for row in judged:
            cells.setdefault(keys[row], []).append(row)
        for rows in cells.values():
            spreads[rows] = np.maximum(spreads[rows], spread_of(residuals[rows]) / lost)
    deviations: Array = np.divide(residuals, spreads, out=np.zeros(residuals.size), where=spreads > 0)
    return deviations


def _where_it_strays(
    far: dict[int, float], residuals: Array, deviations: Array, judged: Array, design: Design, cut: float
) -> dict[int, float]:
    """Of a subject with several outliers, those that lie far from the half of its dates that agree best.

    The level of one that stops growing lies between its good dates and the others, far from all.
    """
    dates: dict[int | None, list[int]] = {}
    for row in judged:
        dates.setdefault(design.subjects[row], []).append(int(row))
    found = dict(far)
    for rows in dates.values():
        called = [row for row in rows if row in far]
        if len(called) < 2:
            continue
        middle = _of_best_half(residuals[rows])
        beside = {
            row: round(float(deviations[row] * (1 - middle / residuals[row])), 2)
            for row in called
            if abs(deviations[row] * (1 - middle / residuals[row])) > cut
        }
        if beside:
            found = {row: z for row, z in found.items() if row not in called} | beside
    return found


def _of_best_half(values: Array) -> float:
    """The mean of those that lie closest together, half of them or one more."""
    ordered: list[float] = sorted(values.tolist())
    half = len(ordered) // 2 + len(ordered) % 2
    begins = range(len(ordered) - half + 1)
    begin = min(begins, key=lambda place: ordered[place + half - 1] - ordered[place])
    return sum(ordered[begin : begin + half]) / half


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
