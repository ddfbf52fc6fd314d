"""A few trials of faults; `make soak TRIALS=200` plays many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults.trials import Trial, expected, play, trial

SEEDS = (2, 3, 5)
"""A process that dies at some moment: each of these another one."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What a run that nothing disturbs leaves."""
    return expected(tmp_path_factory.mktemp("faults") / "undisturbed")


@pytest.mark.parametrize("one", [trial(seed) for seed in SEEDS], ids=str)
def test_a_disturbed_run_goes_on(one: Trial, tmp_path: Path, undisturbed: Mapping[str, str]) -> None:
    assert play(one, tmp_path / "project", undisturbed) == []
