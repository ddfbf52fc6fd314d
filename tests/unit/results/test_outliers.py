"""Outliers of the page: growth is none, a plant that grows no more is one; too little is said so."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pixmake.results.report.columns import Column
from pixmake.results.report.design import DAY, Design, design_of
from pixmake.results.report.outliers import Judgement, judge


def term(key: str, values: list[Any], type_: str = "text") -> Column:
    """A column of metadata."""
    return Column(key, "term", type_, "", "", values)


def trial(
    seed: int, noise: float, *, halved: bool = False, times: float = 2.0, rates: float = 0.0, count: int = 5
) -> tuple[list[float], Design, set[int]]:
    """Areas of two groups of six plants over five dates, their design, the rows of a plant astray.

    A plant's area grows by ``times`` from date to date, in the second group by a fifth less (on the log
    scale); that of the first plant by half of that from a date on that the seed chooses.
    """
    random = np.random.default_rng(seed)
    from_date = int(random.integers(0, count - 1))
    areas: list[float] = []
    plants, treatments, dates, astray = [], [], [], set()
    for group in range(2):
        for number in range(6):
            rate = math.log(times) * (1 - 0.2 * group) * (1 + rates * random.normal())
            level = math.log(1000) + 0.15 * random.normal()
            for date in range(count):
                if halved and (group, number) == (0, 0):
                    astray.add(len(areas))
                areas.append(math.exp(level + noise * random.normal()))
                plants.append(f"{group}{number}")
                treatments.append(("control", "drought")[group])
                dates.append(float(date * 3 * DAY))
                level += rate / 2 if halved and (group, number) == (0, 0) and date >= from_date else rate
    columns = [term("plant", plants), term("treatment", treatments), term("timestamp", dates, "time")]
    return areas, design_of(columns), astray


@pytest.mark.parametrize("times", [1.5, 2.0])
@pytest.mark.parametrize("rates", [0.0, 0.05])
def test_clean_growth_has_no_outliers(rates: float, times: float) -> None:
    """200 trials of clean growth with 3 % noise, also of plants with rates of their own: at most 1 % of the
    images are called."""
    called = judged = 0
    for seed in range(200):
        areas, design, _ = trial(seed, 0.03, rates=rates, times=times)
        judgement = judge(areas, design)
        called += len(judgement.rows)
        judged += judgement.judged
    assert judged == 200 * 60
    assert called / judged <= 0.01


def test_a_leaf_more_or_less_is_no_outlier() -> None:
    """Plants that get a leaf every other date, some a date later, have none; one with half of them is."""
    random = np.random.default_rng(0)
    plants, dates, leaves = [], [], []
    for plant in range(30):
        begins = random.uniform(0, 0.6)
        for date in range(12):
            plants.append(f"P{plant}")
            dates.append(float(date * DAY))
            leaves.append(float(math.floor(2 + begins + date / 2 + 0.1 * random.normal())))
    design = design_of([term("plant", plants), term("timestamp", dates, "time")])
    assert judge(leaves, design).rows == {}
    leaves[35] = 3.0
    assert list(judge(leaves, design).rows) == [35]


@pytest.mark.parametrize("times", [1.5, 2.0])
def test_a_plant_whose_growth_halves_is_found(times: float) -> None:
    """200 trials with 5 % noise, one plant's growth halved from a date on, be it the last but one: found
    in 95 % of them."""
    found = 0
    for seed in range(200):
        areas, design, astray = trial(seed, 0.05, halved=True, times=times)
        found += bool(astray & judge(areas, design).rows.keys())
    assert found / 200 >= 0.95


def test_of_a_plant_that_stops_growing_the_dates_before_are_no_outliers() -> None:
    """Three of its six pictures are as good as those of the others."""
    for seed in range(20):
        areas, design, _ = trial(seed, 0.03, count=6)
        for date in (3, 4, 5):
            areas[date] = areas[2]
        assert {3, 4, 5} <= judge(areas, design).rows.keys()
        assert not {0, 1, 2} & judge(areas, design).rows.keys()


def test_who_falls_behind_at_the_last_date_is_called_so() -> None:
    """18 % less than expected make no outlier, but are enough at the last date; as much more is not."""
    areas, design, _ = trial(2, 0.05)
    assert judge(areas, design).rows == {}
    areas[29] *= 0.82
    found = judge(areas, design)
    assert (list(found.rows), found.behind) == ([29], [29])
    assert -3.5 < found.rows[29] < -1.95
    areas[29] *= 1.18 / 0.82
    assert judge(areas, design).rows == {}
    areas[28] *= 0.82
    assert judge(areas, design).behind == [], "it is another date"


def test_one_wrong_picture_is_found() -> None:
    """A mask that took in the pot, on the first date, is the one outlier; it lies above."""
    areas, design, _ = trial(3, 0.03)
    areas[10] *= 3
    judgement = judge(areas, design)
    assert list(judgement.rows) == [10]
    assert judgement.rows[10] > 10
    assert judgement.basis == (
        "compared with the level of its own plant and its group’s curve over timestamp (treatment), as ratios"
    )


def test_controls_are_compared_with_controls() -> None:
    """Wells that are there to differ from the others are none; the samples among which one lies off are."""
    random = np.random.default_rng(1)
    roles = ["drug"] * 8 + ["vehicle"] * 8 + ["sample"] * 80
    values = [{"drug": 900.0, "vehicle": 100.0, "sample": 300.0}[role] + random.normal() for role in roles]
    values[-1] = 500.0
    columns = [term("well", [f"w{n}" for n in range(96)]), term("role", roles)]
    assert list(judge(values, design_of(columns, "role")).rows) == [95]
    assert len(judge(values, design_of(columns)).rows) > 16


@pytest.mark.parametrize("count", [0, 7, 8, 40])
def test_without_subjects_values_are_compared_with_their_group(count: int) -> None:
    """Eight values of a treatment tell what is usual there; of fewer it is said that they are too few."""
    random = np.random.default_rng(1)
    values = [*(100 + random.normal(size=count)), *(500 + random.normal(size=count))]
    design = design_of([term("treatment", ["a"] * count + ["b"] * count)])
    if count < 8:
        assert judge(values, design) == Judgement(
            basis=f"too little to judge: it takes 8 values{' of one treatment' if count else ''}"
        )
        return
    assert judge(values, design).rows == {}
    assert list(judge([*values[:-1], 100.0], design).rows) == [2 * count - 1]


def test_noise_alone_has_few_outliers() -> None:
    """Values of a normal distribution, in groups that are just large enough: at most 1 % are called."""
    called = judged = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        values = list(random.normal(size=24))
        judgement = judge(values, design_of([term("treatment", list("abc") * 8)]))
        called += len(judgement.rows)
        judged += judgement.judged
    assert called / judged <= 0.01


def test_two_plants_a_group_are_too_few() -> None:
    """What cannot be told is said: no plant is thrown away for it."""
    areas, design, _ = trial(0, 0.03)
    some = [row for row, subject in enumerate(design.subjects) if subject in (0, 1, 6, 7)]
    few = Design(
        "timestamp",
        [design.steps[row] for row in some],
        True,
        ("plant",),
        [design.subjects[row] for row in some],
        ("treatment",),
        (),
        [design.groups[row] for row in some],
    )
    assert judge([areas[row] for row in some], few) == Judgement(
        basis="too little to judge: it takes 4 of plant in a group (treatment) at 4 dates"
    )


def test_zero_is_an_outlier_and_nothing_is_none() -> None:
    """A plant in which nothing was found has an area of zero; an image without a value is not judged."""
    areas: list[float | None] = list(trial(0, 0.03)[0])
    areas[7], areas[20] = 0.0, None
    judgement = judge(areas, trial(0, 0.03)[1])
    assert list(judgement.rows) == [7]
    assert judgement.judged == 59


@pytest.mark.parametrize(
    ("columns", "time", "subject", "factors"),
    [
        ({"plant": "ababab", "day": [1, 1, 2, 2, 3, 3]}, "day", ("plant",), ()),
        ({"well": "AABBAABB", "plate": "12121212", "hour": [0] * 4 + [1] * 4}, "hour", ("well", "plate"), ()),
        (
            {"replicate": "12121212", "genotype": "aabbaabb", "day": [1] * 4 + [2] * 4},
            *("day", ("replicate", "genotype"), ("genotype",)),
        ),
        ({"treatment": "aabb", "plant": "abcd", "day": [1, 2, 1, 2]}, "day", (), ("treatment",)),
        ({"treatment": "aabb", "genotype": "abab"}, "", (), ("treatment", "genotype")),
    ],
)
def test_the_design_is_read_from_metadata(
    columns: dict[str, Any], time: str, subject: tuple[str, ...], factors: tuple[str, ...]
) -> None:
    """What recurs over time is a subject, with its plate or genotype where the name alone is none."""
    found = design_of(
        [
            term(key, list(values), "text" if isinstance(values, str) else "number")
            for key, values in columns.items()
        ]
    )
    assert (found.time, found.subject, found.factors) == (time, subject, factors)


def test_cameras_are_judged_apart() -> None:
    """What a second camera sees from the side is a curve of its own."""
    areas, design, _ = trial(0, 0.03)
    camera = ["top"] * 60 + ["side"] * 60
    columns = [
        term("plant", [f"{subject}" for subject in design.subjects] * 2),
        term("timestamp", [*design.steps] * 2, "time"),
        term("camera", camera),
    ]
    found = design_of(columns)
    assert len(set(found.subjects)) == 24
    assert judge([*areas, *(area / 7 for area in areas)], found).rows == {}
