"""Suspicious batches of pictures: what was planted is named, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from pixmake.results.report.columns import Column
from pixmake.results.report.quality import Quality, quality_of_level

DAY = 86_400_000
Array = np.ndarray[Any, np.dtype[Any]]
Row = tuple[int, int, int, int]


class Trial:
    """Pictures of cameras, plates, subjects and days: growth, subjects that differ, noise."""

    def __init__(
        self, seed: int, cameras: int, plates: int, subjects: int, days: int, plates_differ: float = 0.02
    ) -> None:
        rng = np.random.default_rng(seed)
        self.rows = list(product(range(cameras), range(max(plates, 1)), range(subjects), range(days)))
        camera, plate, subject, day = np.array(self.rows).T
        self.camera, self.plate, self.day = camera, plate, day
        base = rng.normal(0, 0.3, cameras)[camera] + rng.normal(0, plates_differ, max(plates, 1))[plate]
        base = base + rng.normal(0, 0.05, (max(plates, 1), subjects))[plate, subject]
        base = (
            base + 0.15 * (np.exp(day / max(days, 2)) - 1) + rng.normal(0, 0.01, (cameras, days))[camera, day]
        )

        def noise() -> Array:
            return rng.normal(0, 0.03, len(self.rows))

        self.values = {
            "focus": np.exp(base + noise()),
            "brightness": 0.3 * np.exp(base + noise()),
            "saturated": np.clip(0.01 + 0.005 * noise(), 0, 1),
            "warmth": 0.2 * base + noise(),
        }
        self.columns = []
        if cameras > 1:
            self.columns.append(_term("camera", [f"C{each}" for each in camera]))
        if plates:
            self.columns.append(_term("plate", [f"P{each}" for each in plate]))
        if days > 1:
            times = day * DAY + rng.integers(0, DAY // 4, len(self.rows))
            self.columns.append(_term("timestamp", [float(each) for each in times], "time"))

    def judged(self) -> Quality:
        """What the page says."""
        values = {name: [float(each) for each in given] for name, given in self.values.items()}
        time = "timestamp" if self.columns[-1].type == "time" else ""
        return quality_of_level(values, self.columns, time)


def _term(key: str, values: list[Any], kind: str = "text") -> Column:
    return Column(key, "term", kind, "", "", values)


LAYOUTS = {
    "two cameras, twelve plants, eight days": (2, 0, 12, 8),
    "sixty plants, thirty days": (1, 0, 60, 30),
    "one plant, forty days": (1, 0, 1, 40),
    "eight plates": (1, 8, 24, 1),
    "three channels, six plates, five days": (3, 6, 12, 5),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_clean_set_names_none(layout: str) -> None:
    """Growth, subjects that differ and noise are no reason: no batch in 25 trials, next to no picture."""
    found = [Trial(seed, *LAYOUTS[layout]).judged() for seed in range(25)]
    assert [each.batches for each in found if each.batches] == []
    assert sum(len(each.pictures) for each in found) <= 1
    assert all(each.basis.startswith("compared") for each in found)


def _planted(measure: str, factor: float) -> Iterator[Quality]:
    for seed in range(10):
        trial = Trial(seed, 2, 0, 12, 8)
        trial.values[measure][(trial.camera == 0) & (trial.day == 4)] *= factor
        yield trial.judged()


@pytest.mark.parametrize(
    ("measure", "factor", "words"), [("focus", 0.4, "less sharp"), ("brightness", 2.0, "brighter")]
)
def test_a_day_of_a_camera_is_named(measure: str, factor: float, words: str) -> None:
    """Planted blur, planted exposure: that camera on that day, and no other batch."""
    for found in _planted(measure, factor):
        assert [each.name for each in found.batches] == ["camera C0, 1970-01-05"]
        assert found.batches[0].pictures == 12
        assert found.batches[0].reasons[0].startswith(f"{words}: {measure} ")
        assert found.batches[0].where == {"camera": ["C0"]}
        first, last = found.batches[0].dates or (0, 0)
        assert (first // DAY, last // DAY) == (4, 4)


def test_a_camera_that_was_knocked_is_named_from_that_day_on() -> None:
    """A change that stays is told once, with all that follows it."""
    for seed in range(10):
        trial = Trial(seed, 1, 0, 12, 14)
        trial.values["focus"][trial.day >= 6] *= 0.4
        found = trial.judged()
        assert [each.name for each in found.batches] == ["1970-01-07 and after"]
        assert found.batches[0].pictures == 12 * 8


def test_a_swapped_plate_is_named() -> None:
    """Two plates that look unlike were taken one for the other on a day: both are named, for that day."""
    for seed in range(10):
        trial = Trial(seed, 1, 6, 12, 5, plates_differ=0.01)
        bright = np.isin(trial.plate, (1, 3, 5))
        trial.values["brightness"][bright] *= 2.0
        swapped = (trial.day == 2) & (trial.plate < 2)
        trial.values["brightness"][swapped & bright] /= 2.0
        trial.values["brightness"][swapped & ~bright] *= 2.0
        names = {each.name for each in trial.judged().batches}
        assert names == {"plate P0, 1970-01-03", "plate P1, 1970-01-03"}


def test_a_plate_unlike_the_others_is_named() -> None:
    """A plate of another kind among eight."""
    for seed in range(10):
        trial = Trial(seed, 1, 8, 24, 1)
        trial.values["brightness"][trial.plate == 3] *= 0.5
        found = trial.judged()
        assert [each.name for each in found.batches] == ["plate P3"]
        assert found.batches[0].reasons[0].startswith("darker: brightness ")


def test_a_single_picture_is_named() -> None:
    """Out of focus among 59 others of its day."""
    trial = Trial(0, 1, 0, 60, 5)
    trial.values["focus"][77] *= 0.3
    found = trial.judged()
    assert found.batches == []
    assert found.pictures == [(77, "less sharp than the others of its batch")]
    trial.values["brightness"][77] *= 0.2
    assert trial.judged().pictures == [(77, "darker and less sharp than the others of its batch")]


def test_too_little_to_judge() -> None:
    """A few pictures of a day: nothing is compared, and that is said."""
    found = Trial(0, 1, 0, 12, 1)
    found.columns = [_term("plant", [f"P{each}" for each in range(12)])]
    said = found.judged()
    assert (said.batches, said.pictures) == ([], [])
    assert said.basis.startswith("too little to judge")
    assert quality_of_level({}, [], "") == Quality()
