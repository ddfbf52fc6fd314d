"""How good the plates of an assay are: are controls told apart (Z'), and does the edge differ."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pixmake.results.report.columns import Column

SIZES = ((8, 12), (16, 24), (32, 48))
"""Rows and columns of plates of 96, 384 and 1,536 wells."""

LEAST_WELLS = 4
"""At the edge, and within: of fewer nothing is said of the edge."""

PLATE = re.compile(r"^plate([_ ]?(id|name|no|barcode))?$", re.I)
_WELL = re.compile(r"^([A-Za-z]{1,2})0*(\d{1,2})$")


@dataclass(frozen=True)
class PlateQuality:
    """What one measurement says of one plate; of a plate without controls there is no Z'."""

    plate: str
    wells: int
    positive: tuple[float, float | None, int] | None
    """Of the positive controls: mean, standard deviation of the sample, number of wells."""
    negative: tuple[float, float | None, int] | None
    z_prime: float | None
    """``1 - 3 (s+ + s-) / |m+ - m-|``, after Zhang and others (1999)."""
    edge: float | None
    """By which part the median of the outermost wells lies above that of the others, controls apart."""


@dataclass(frozen=True)
class Plates:
    """The plates of a level."""

    wells: tuple[str, ...] = ()
    """The term of the wells; none where there are no plates."""
    controls: Mapping[str, str] | None = None
    """``column`` and its values ``positive`` and ``negative``."""
    quality: Mapping[str, list[PlateQuality]] = field(default_factory=dict)
    """By measurement, a plate after the other."""


def plates_of(columns: Sequence[Column], controls: Mapping[str, str] | None) -> Plates:
    """What the measurements say of the plates, if there are any: a term ``well`` with names such as B07."""
    terms = [column for column in columns if column.kind == "term"]
    found = (column for column in terms if "well" in column.key.lower() and _are_wells(column))
    well = next(found, None)
    if well is None:
        return Plates()
    plate = next((column for column in terms if PLATE.match(column.key)), None)
    marked = next((column for column in terms if controls and column.key == controls["column"]), None)
    quality = {
        column.key: _by_plate(column, well, plate, marked, controls or {})
        for column in columns
        if column.kind == "measurement" and column.type == "number"
    }
    return Plates((well.key,), dict(controls) if controls and marked else None, quality)


def _are_wells(column: Column) -> bool:
    names = column.distinct()
    return len(names) > 3 and all(isinstance(name, str) and _WELL.match(name) for name in names)


def _place(name: str) -> tuple[int, int]:
    """Row and column of a well, counted from 1: ``B07`` is 2, 7 and ``AA1`` 27, 1."""
    found = _WELL.match(name)
    assert found is not None
    row = 0
    for letter in found[1].upper():
        row = row * 26 + ord(letter) - 64
    return row, int(found[2])


def _by_plate(
    column: Column,
    well: Column,
    plate: Column | None,
    marked: Column | None,
    controls: Mapping[str, str],
) -> list[PlateQuality]:
    plates: dict[Any, dict[str, list[float]]] = {}
    kinds: dict[tuple[Any, str], str] = {}
    for row, value in enumerate(column.values):
        name = well.values[row]
        if value is None or name is None:
            continue
        of = "" if plate is None else plate.values[row]
        plates.setdefault(of, {}).setdefault(name, []).append(value)
        if marked is not None:
            kinds[of, name] = str(marked.values[row])
    return [
        _quality(
            "" if of is None else str(of),
            {name: statistics.fmean(values) for name, values in wells.items()},
            {name: kinds.get((of, name), "") for name in wells},
            controls,
        )
        for of, wells in sorted(plates.items(), key=lambda each: str(each[0]))
    ]


def _quality(
    plate: str, wells: Mapping[str, float], kinds: Mapping[str, str], controls: Mapping[str, str]
) -> PlateQuality:
    of_kind = {
        kind: [wells[name] for name in wells if kinds[name] and kinds[name] == controls.get(kind)]
        for kind in ("positive", "negative")
    }
    positive, negative = _summary(of_kind["positive"]), _summary(of_kind["negative"])
    samples = {
        name: value
        for name, value in wells.items()
        if not kinds[name] or kinds[name] not in (controls.get("positive"), controls.get("negative"))
    }
    return PlateQuality(
        plate, len(wells), positive, negative, _z_prime(positive, negative), _edge(samples, wells)
    )


def _summary(values: Sequence[float]) -> tuple[float, float | None, int] | None:
    if not values:
        return None
    spread = statistics.stdev(values) if len(values) > 1 else None
    return statistics.fmean(values), spread, len(values)


def _z_prime(
    positive: tuple[float, float | None, int] | None, negative: tuple[float, float | None, int] | None
) -> float | None:
    if positive is None or negative is None or positive[1] is None or negative[1] is None:
        return None
    apart = abs(positive[0] - negative[0])
    return 1 - 3 * (positive[1] + negative[1]) / apart if apart else None


def _edge(samples: Mapping[str, float], wells: Mapping[str, float]) -> float | None:
    places = [_place(name) for name in wells]
    rows, columns = max(row for row, _ in places), max(column for _, column in places)
    size = next((size for size in SIZES if rows <= size[0] and columns <= size[1]), None)
    if size is None:
        return None
    at_edge: list[float] = []
    within: list[float] = []
    for name, value in samples.items():
        row, column = _place(name)
        outermost = row in (1, size[0]) or column in (1, size[1])
        (at_edge if outermost else within).append(value)
    if min(len(at_edge), len(within)) < LEAST_WELLS or not statistics.median(within):
        return None
    return statistics.median(at_edge) / statistics.median(within) - 1
