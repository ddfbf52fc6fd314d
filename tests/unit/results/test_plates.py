"""Plates of the page: Z' as counted by hand, the edge, sizes."""

from __future__ import annotations

from typing import Any

import pytest

from pixmake.results.report.columns import Column
from pixmake.results.report.plates import Plates, plates_of

CONTROLS = {"column": "role", "positive": "drug", "negative": "vehicle"}


def columns(wells: list[str], values: list[float | None], **terms: list[Any]) -> list[Column]:
    """The columns of a level of wells with one measurement."""
    found = [Column("well", "term", "text", "", "", wells)]
    found += [Column(key, "term", "text", "", "", each) for key, each in terms.items()]
    return [*found, Column("signal", "measurement", "number", "", "", values)]


def test_z_prime_is_that_of_a_table_by_hand() -> None:
    """Means 10 and 2, deviations 1 and 0.5 of three wells each: Z' is 0.4375; two sites are one well."""
    wells = ["A1", "A1", "B1", "C1", "A12", "B12", "C12", "D5"]
    values = [8.0, 10.0, 10.0, 11.0, 1.5, 2.0, 2.5, 7.0]
    roles = ["drug"] * 4 + ["vehicle"] * 3 + ["sample"]
    found = plates_of(columns(wells, values, role=roles), CONTROLS)
    [quality] = found.quality["signal"]
    assert quality.positive == pytest.approx((10.0, 1.0, 3))
    assert quality.negative == pytest.approx((2.0, 0.5, 3))
    assert quality.z_prime == pytest.approx(1 - 3 * 1.5 / 8)
    assert quality.wells == 7
    assert quality.edge is None


@pytest.mark.parametrize(("rows", "across"), [(8, 12), (16, 24), (32, 48)])
def test_the_edge_of_each_size(rows: int, across: int) -> None:
    """The outermost wells of a plate of 96, 384 or 1,536 lie half above the others; controls do not count."""
    letters = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", *(f"A{letter}" for letter in "ABCDEF")][:rows]
    wells, values, roles = [], [], []
    for row, letter in enumerate(letters):
        for column in range(1, across + 1):
            outermost = row in (0, rows - 1) or column in (1, across)
            wells.append(f"{letter}{column:02}")
            roles.append("drug" if column == 1 else "sample")
            values.append(1000.0 if column == 1 else 15.0 if outermost else 10.0)
    [quality] = plates_of(columns(wells, values, role=roles), CONTROLS).quality["signal"]
    assert quality.edge == pytest.approx(0.5)
    assert quality.z_prime is None


def test_several_plates_and_none() -> None:
    """Each plate has its own line; without wells there are none; a column that is not there marks none."""
    wells, plates = ["A1", "A2", "A3", "B1"] * 2, ["p"] * 4 + ["q"] * 4
    values: list[float | None] = [1, 2, 3, 4, 5, 6, 7, None]
    found = plates_of(columns(wells, values, plate=plates), CONTROLS)
    assert [(line.plate, line.wells) for line in found.quality["signal"]] == [("p", 4), ("q", 3)]
    assert found.controls is None
    assert plates_of(columns(["x", "y", "z", "w"], [1, 2, 3, 4]), CONTROLS) == Plates()
