"""Results in object storage: links to Snakemake's local copies, and what a run refuses before it begins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pixmake.base.errors import PixmakeError
from pixmake.job.record import STORED, named
from pixmake.plan.plan import Plan, plan_project
from pixmake.rules.object_storage import use_storage

COPIES = ".snakemake/storage/s3/lab/trial/"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"x")
    (tmp_path / "a.py").write_text("def a(image):\n    return {}\n\ndef b(rows):\n    return {}\n")
    steps = {"a": {"function": "a.py:a"}, "b": {"function": "a.py:b", "per": "all"}}
    yield plan_project({"images": {"directory": "images"}, "steps": steps}, [])
    os.environ.pop(STORED, None)


def workflow(
    *, provider: str | None = "s3", keep: bool = True, local: bool = True, shared: str = "all"
) -> Any:
    usages = {"storage-local-copies", "persistence"} if shared == "all" else set()
    storage = SimpleNamespace(
        default_storage_provider=provider, keep_storage_local=keep, shared_fs_usage=usages
    )
    modifier = SimpleNamespace(apply_default_storage=lambda path: f"{COPIES}{path}")
    return SimpleNamespace(
        storage_settings=storage, local_exec=local, modifier=SimpleNamespace(path_modifier=modifier)
    )


def test_results_and_logs_are_links_as_long_as_there_is_a_storage(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    assert use_storage(plan, workflow()) and use_storage(plan, workflow())
    (tmp_path / COPIES / "results/x.csv").write_text("x")
    assert (tmp_path / "results/x.csv").read_text() == "x" and (tmp_path / "logs").is_symlink()
    assert named(f"{COPIES}results/a/a.json") == "results/a/a.json"
    assert not use_storage(plan, workflow(provider=None))
    assert not (tmp_path / "results").exists() and named(f"{COPIES}results") == f"{COPIES}results"


def test_what_cannot_be_is_told_at_once(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/old.csv").write_text("x")
    with pytest.raises(PixmakeError) as told:
        use_storage(plan, workflow(keep=False, local=False, shared=False))
    said = str(told.value)
    for what in ("--keep-storage-local-copies", "results: is there already", "steps.b.per", "images/a.png"):
        assert what in said
    assert (tmp_path / "results/old.csv").exists()
