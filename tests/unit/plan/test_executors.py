"""Executors by name: which one runs a step, with what, and where that was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pixmake.base.errors import PixmakeError
from pixmake.config.models import Config
from pixmake.config.settings import FoundSettings, Settings
from pixmake.plan.effective_settings import as_lines, project_lines
from pixmake.plan.executors import place_steps


def config(**keys: Any) -> Config:
    steps = keys.pop("steps", {"measure": {}})
    steps = {name: {"function": "a.py:f", **step} for name, step in steps.items()}
    return Config.model_validate({"images": {"table": "images.csv"}, "steps": steps, **keys})


def found(source: str = "site.yaml", **keys: Any) -> FoundSettings:
    return FoundSettings(Settings.model_validate(keys), source)


def test_nobody_defines_any() -> None:
    """A step runs on `default`, which is supplied."""
    placement = place_steps(config(), found(), "config.yaml")["measure"]
    assert (placement.executor, placement.threads, placement.images_per_job) == ("default", 1, 1)
    assert placement.resources == {}


def test_step_wins_over_project_wins_over_settings() -> None:
    """Values are merged key by key."""
    site = found(
        executors={"big": {"threads": 8, "partition": "long", "account": "lab", "resources": {"mem_mb": 1}}},
        steps={"measure": "default", "other": "big"},
    )
    project = config(
        executors={"big": {"gpu": 1, "resources": {"mem_mb": 2, "runtime": 3}, "images_per_job": 50}},
        steps={"measure": {"executor": "big", "resources": {"runtime": 5}}, "other": {"threads": 1}},
    )
    placements = place_steps(project, site, "config.yaml")
    measure = placements["measure"]
    assert (measure.executor, measure.threads, measure.images_per_job) == ("big", 8, 50)
    expected = {"mem_mb": 2, "runtime": 5, "gpu": 1, "slurm_partition": "long", "slurm_account": "lab"}
    assert expected.items() <= measure.resources.items()
    assert measure.values["threads"] == (8, "site.yaml")
    assert measure.values["resources.mem_mb"] == (2, "config.yaml")
    # the step says one thread, which is not the same as saying nothing
    assert (placements["other"].executor, placements["other"].threads) == ("big", 1)


def test_unknown_executors_are_all_told_with_those_that_there_are() -> None:
    """A name that is not defined is an error that lists those that are."""
    project = config(executors={"big": {}}, steps={"measure": {"executor": "bgi"}, "find": {}, "count": {}})
    with pytest.raises(PixmakeError) as raised:
        place_steps(project, found(executors={"gpu": {}}, steps={"find": "zzz", "gone": "y"}), "config.yaml")
    assert [str(problem) for problem in raised.value.problems] == [
        "steps.measure.executor: there is no executor 'bgi' (did you mean 'big'? known: big, default, gpu)",
        "site.yaml: there is no executor 'zzz' (known: big, default, gpu)",
    ]


def test_shown_with_origins() -> None:
    """Each value stands with the file that it came from."""
    project = config(steps={"measure": {"executor": "gpu", "threads": 2}}, max_failures=3)
    site = found(cores=7, executors={"gpu": {"gpu": 1}})
    lines = {tuple(line.split()) for line in as_lines(list(project_lines(project, site, "config.yaml")))}
    assert {
        ("cores", "7", "site.yaml"),
        ("max_failures", "3", "config.yaml"),
        ("executors.gpu.resources.gpu", "1", "site.yaml"),
        ("steps.measure.executor", "gpu", "config.yaml"),
        ("steps.measure.threads", "2", "config.yaml"),
        ("steps.measure.resources.gpu", "1", "site.yaml"),
        ("steps.measure.local", "false", "default"),
    } <= lines


def test_devices_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job gets devices of its own, of those that it may see; nothing is hidden where there are none."""
    from pixmake.job import gpus as devices

    monkeypatch.setattr(devices, "Path", lambda name: tmp_path / "locks")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-5a")
    assert devices.claim_devices(1) == ("0",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-5a")
    assert devices.claim_devices(1) == ("GPU-5a",)
    assert devices.os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-5a"
    assert devices.claim_devices(2) == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.claim_devices(1) == ()
