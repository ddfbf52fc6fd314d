"""The state of what rules gather says whether their output is made of it as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pixmake.base.ids import memory_of
from pixmake.plan.file_states import Stamps, made_of, remember, state_of

FILES = ["a.json", "b.json"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with two files, of which something was made."""
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).write_text(name)
    remember("results", "records", state_of(FILES, Stamps()))


def is_of_these() -> bool:
    """Whether the output is made of the files as they are."""
    return made_of("results", "records") == state_of(FILES, Stamps())


def test_what_stays_as_it_was() -> None:
    """However often one looks."""
    assert is_of_these() and is_of_these()


@pytest.mark.parametrize(
    "change",
    [
        lambda: Path("a.json").unlink(),
        lambda: Path("a.json").write_text("longer than it was"),
        lambda: os.utime("b.json", (5, 5)),
        lambda: FILES and Path(memory_of("results"), "records.state").write_text("[1"),
        Path(memory_of("results"), "records.state").unlink,
    ],
    ids=["gone", "other content", "other date", "damaged memory", "forgotten"],
)
def test_what_changes_behind_its_back(change: object) -> None:
    """A file that comes, goes or is written by another hand, and a run that was killed before it gathered."""
    assert callable(change)
    change()
    assert not is_of_these()
    remember("results", "records", state_of(FILES, Stamps()))
    assert is_of_these()


def test_what_was_never_gathered() -> None:
    """Nothing is remembered of it."""
    assert made_of("results", "gather_measure") == ""
