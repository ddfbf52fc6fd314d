"""What a run of short images says at its end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pixmake.job.record import Record, write_record
from pixmake.progress.short_work import advice

BEGUN = 1_800_000_000.0


def records(folder: Path, count: int, seconds: float, started: float = BEGUN + 1) -> list[str]:
    """Records of images that took so long."""
    when = datetime.fromtimestamp(started, UTC).isoformat()
    paths = [str(folder / "measure" / f"i{number}.json") for number in range(count)]
    for number, path in enumerate(paths):
        write_record(Record(f"i{number}", "measure", "ok", run={"seconds": seconds, "started": when}), path)
    return paths


def test_short_images_are_told(tmp_path: Path) -> None:
    """How many, how short, and what is saved."""
    (told,) = advice(records(tmp_path, 400, 0.006), ["measure"], BEGUN)
    assert told.startswith("measure: 400 images of some 6 ms; `images_per_process: 100` would save some 2 s")


@pytest.mark.parametrize(
    ("count", "seconds", "started", "steps"),
    [
        (400, 0.2, BEGUN + 1, ["measure"]),
        (50, 0.006, BEGUN + 1, ["measure"]),
        (400, 0.006, BEGUN - 60, ["measure"]),
        (400, 0.006, BEGUN + 1, []),
    ],
    ids=["long ones", "few", "done before", "a step that cannot, or does"],
)
def test_others_are_not(tmp_path: Path, count: int, seconds: float, started: float, steps: list[str]) -> None:
    """Nothing is said where nothing is to be saved."""
    assert advice(records(tmp_path, count, seconds, started), steps, BEGUN) == []
