"""What gathers is told the same as long as what it gathers is what it was last made of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pixmake.plan.file_states import Stamps, made_of, remember, remembered, state_of

FILES = ["a.json", "b.json"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with two files."""
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).write_text(name)


def told() -> str:
    """What the next run tells the rule."""
    return remembered("results", "records", FILES, Stamps())


def test_a_run_changes_what_is_gathered_and_not_what_is_told() -> None:
    """Jobs that a run does change the files after the rule was told; the next run tells the same."""
    first = told()
    Path("a.json").write_text("made in this run")
    remember("results", "records", first, state_of(FILES, Stamps()))
    assert told() == first == told()


@pytest.mark.parametrize(
    "change",
    [
        lambda: Path("a.json").unlink(),
        lambda: Path("a.json").write_text("longer than it was"),
        lambda: os.utime("b.json", (5, 5)),
        lambda: FILES and Path(".snakemake/pixmake/memory/results/records.state").write_text("[1"),
    ],
    ids=["gone", "other content", "other date", "forgotten"],
)
def test_what_changes_behind_its_back_is_told(change: object) -> None:
    """A file that comes, goes or is written by another hand, and a run that was killed before it gathered."""
    first = told()
    Path("a.json").write_text("made in this run")
    remember("results", "records", first, state_of(FILES, Stamps()))
    assert callable(change)
    change()
    assert told() != first


def test_what_was_never_gathered() -> None:
    """Nothing is remembered of it."""
    assert made_of("results", "records") == ""
    assert told() == state_of(FILES, Stamps())
