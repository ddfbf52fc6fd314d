"""Parsl's configurations, as files of QIIME 2 or as objects: taken over or noted, and nothing in silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pixmake.base.errors import PixmakeError
from pixmake.config.parsl import Site, imported, read_qiime2
from pixmake.config.parsl_keys import (
    CLOUDS,
    EXECUTORS,
    LEFT,
    OTHER_EXECUTORS,
    PROVIDERS,
    TAKEN,
)
from pixmake.config.settings import Settings, load_settings, parsl_notes

PRINTED = """\
[parsl]
strategy = "None"

[[parsl.executors]]
class = "ThreadPoolExecutor"
label = "default"
max_threads = max(psutil.cpu_count() - 1, 1)

[[parsl.executors]]
class = "HighThroughputExecutor"
label = "htex"
max_workers = max(psutil.cpu_count() - 1, 1)

[parsl.executors.provider]
class = "LocalProvider"
"""

NUMBER = max((os.cpu_count() or 2) - 1, 1)


def write(folder: Path, text: str) -> Path:
    path = folder / "qiime2_config.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("read", [read_qiime2, load_settings])
def test_default_file_as_its_page_prints_it(tmp_path: Path, read: object) -> None:
    """Expressions are answered with the numbers to write; with these it is taken."""
    path = write(tmp_path, PRINTED)
    with pytest.raises(PixmakeError) as told:
        read(path)  # type: ignore[operator]
    assert [(problem.where, problem.hint) for problem in told.value.problems] == [
        (f"{path}:7", f"on this machine: max_threads = {NUMBER}"),
        (f"{path}:12", f"on this machine: max_workers = {NUMBER}"),
    ]
    path.write_text(
        PRINTED.replace("max(psutil.cpu_count() - 1, 1)", "5").replace("max_workers = 5", "max_workers = 6")
    )
    settings = load_settings(path)
    assert (settings.cores, set(settings.executors)) == (6, {"default", "htex"})
    assert all(executor.local for executor in settings.executors.values())
    assert [note.split(" ")[0] for note in parsl_notes(path)] == ["strategy"]


def test_other_files_have_no_notes_of_it(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("cores: 2\n")
    assert parsl_notes(path) == []


EXECUTOR = {"class": "HighThroughputExecutor", "label": "default"}


@pytest.mark.parametrize(
    ("provider", "of_executor", "executor", "site", "noted"),
    [
        # a node's memory is shared by its workers
        (
            {"class": "PBSProProvider", "select_options": "mem=32gb:ngpus=1:chip=new", "cpus_per_node": 8},
            {},
            {"resources": {"mem_mb": 4000}, "gpu": 1},
            Site(cores=8),
            ["of select_options chip=new"],
        ),
        (
            {"class": "PBSProProvider", "select_options": "ncpus=4"},
            {"max_workers_per_node": 8, "cores_per_worker": 2},
            {"threads": 2},
            Site(cores=4),
            ["8 workers are not taken over"],
        ),
        (
            {
                "class": "SlurmProvider",
                "mem_per_node": 64,
                "cores_per_node": 16,
                "gres": "gpu:1",
                "exclusive": True,
            },
            {"cores_per_worker": 4},
            {"threads": 4, "resources": {"mem_mb": 16000}, "flags": "--gres=gpu:1"},
            Site(cores=16),
            ["exclusive is not taken over"],
        ),
        (
            {
                "class": "SlurmProvider",
                "walltime": "04:00:00",
                "max_blocks": 3,
                "worker_init": "module load q",
            },
            {"max_workers": 8, "mem_per_worker": 2},
            {"job_minutes": 120, "resources": {"mem_mb": 2000}},
            Site(cores=8, jobs=3),
            ["worker_init is not taken over (module load q)"],
        ),
        (
            {"class": "TorqueProvider", "scheduler_options": "see the wiki"},
            {},
            {},
            Site(),
            ["scheduler_options is not taken over", "pixmake scheduler torque"],
        ),
        (
            {"class": "CondorProvider", "project": "lab", "cores_per_slot": 4, "mem_per_slot": 8},
            {},
            {"resources": {"mem_mb": 2000}},
            Site(cores=4),
            ["project is not taken over"],
        ),
        (
            {"class": "KubernetesProvider", "max_cpu": 2, "max_mem": "500Mi", "image": "q:1"},
            {},
            {"resources": {"mem_mb": 250}},
            Site(cores=2),
            ["image is not taken over (q:1)"],
        ),
        (
            {"class": "LocalProvider", "max_blocks": 2, "nonsense": 1},
            {"max_workers": 3, "encrypted": False},
            {"local": True},
            None,
            ["encrypted is not taken over", "max_blocks is not taken over", "Parsl 2026.10 has no such key"],
        ),
    ],
    ids=lambda value: value.get("class") if isinstance(value, dict) else None,
)
def test_nothing_is_dropped_in_silence(
    provider: dict[str, object],
    of_executor: dict[str, object],
    executor: dict[str, object],
    site: Site | None,
    noted: list[str],
) -> None:
    """What a configuration says is in the settings, in the profile, or in a note."""
    content = {"parsl": {"executors": [{**EXECUTOR, **of_executor, "provider": provider}]}}
    found = imported(content, "q.toml")
    Settings.model_validate(found.settings)
    made = found.settings["executors"]["default"]
    assert {key: made.get(key) for key in executor} == executor
    assert list(found.profiles.values()) == ([site] if site else [])
    assert len(found.notes) == len(noted), found.notes
    for note, part in zip(found.notes, noted, strict=True):
        assert part in note


def test_without_the_executor_that_qiime_demands() -> None:
    content = {"executors": [{**EXECUTOR, "label": "big"}], "retries": 2}
    notes = imported(content, "q.toml").notes
    assert [note for note in notes if "`default`, which QIIME 2 demands" in note]
    assert "retries is not taken over (2): write `retries` into the steps" in notes


def test_what_rents_machines_is_named() -> None:
    with pytest.raises(PixmakeError, match=r"'AWSProvider' cannot be taken over \(it rents machines"):
        imported({"executors": [{**EXECUTOR, "provider": {"class": "AWSProvider"}}]}, "q.toml")


PARSL = """\
import inspect, json, os
import parsl
from parsl import executors, providers
from pixmake import ParallelConfig

def keys(module):
    return {name: list(inspect.signature(getattr(module, name)).parameters) for name in module.__all__}

config = parsl.Config(
    strategy="none",
    executors=[
        executors.HighThroughputExecutor(
            label="default",
            max_workers_per_node=8,
            provider=providers.SlurmProvider("long", walltime="02:00:00", worker_init="module load q"),
        ),
        executors.ThreadPoolExecutor(label="few", max_threads=3),
    ],
)
print(json.dumps({
    "providers": keys(providers),
    "executors": keys(executors),
    "config": list(inspect.signature(parsl.Config).parameters),
    "settings": ParallelConfig(config).settings,
}))
"""


@pytest.mark.slow
def test_parsls_own_classes(tmp_path: Path) -> None:
    """Each class that Parsl has is known, and each of their keys; a ``parsl.Config`` is taken as it is."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tmp_path), "parsl>=2026.10"]
    installed = subprocess.run(pip, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"Parsl cannot be installed here: {installed.stderr[-500:]}")
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n{PARSL}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["providers"]) == {*PROVIDERS, *CLOUDS}
    assert set(found["executors"]) <= {*EXECUTORS, *OTHER_EXECUTORS}
    keys = {key for name in PROVIDERS for key in found["providers"][name]}
    keys |= {key for name in EXECUTORS for key in found["executors"][name]} | set(found["config"])
    assert keys - {"executors"} <= {*TAKEN, *LEFT}, keys - {*TAKEN, *LEFT}
    default = found["settings"]["executors"]["default"]
    assert default == {"partition": "long", "images_per_job": "auto", "job_minutes": 60}
    assert found["settings"]["cores"] == 3
    assert "worker_init is not taken over (module load q)" in done.stderr
