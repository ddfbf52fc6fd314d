"""What a run would be to a cluster, as `pixmake profile` and `pixmake inspect` say it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pixmake.config.models import parse_config
from pixmake.plan.plan import make_plan
from pixmake.project.cluster_load import is_for_clusters, load_lines
from pixmake.project.profiles import Site, write_profile

STEPS = {
    "segment": {"shell": "cp {image} {files.mask}", "files": {"mask": "png"}},
    "measure": {"shell": "true {needs.mask}", "needs": ["segment"]},
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 24 images."""
    monkeypatch.chdir(tmp_path)
    names = [f"{number:02}.png" for number in range(24)]
    for name in names:
        Path(name).write_bytes(b"x")
    Path("images.csv").write_text("\n".join(["path", *names]) + "\n")
    return tmp_path


def lines(cores: int | None = None, **keys: Any) -> list[str]:
    content = {"images": {"table": "images.csv"}, "steps": STEPS, **keys}
    return list(load_lines(make_plan(parse_config(yaml.safe_load(yaml.safe_dump(content)), [])), cores))


def measured(step: str, seconds: float) -> None:
    path = Path(f"results/{step}/00.json")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"run": {"seconds": seconds}}))


ADVICE = "; with `executors: {default: {images_per_job: auto}}` in config.yaml "


def test_a_job_an_image_and_step(here: Path) -> None:
    """Many short ones are told with what groups would make of them, in seconds once some were measured."""
    assert lines() == [f"on a cluster, segment and measure: 48 cluster jobs{ADVICE}1 cluster job"]
    measured("segment", 0.1)
    measured("measure", 0.3)
    (line,) = lines(cores=4)
    assert (
        line == f"on a cluster, segment and measure: 48 cluster jobs of 0.2 s{ADVICE}1 cluster job of 2.4 s"
    )


def test_long_jobs_need_no_advice(here: Path) -> None:
    """Nor do groups, and steps that run here are no cluster jobs."""
    measured("segment", 100)
    measured("measure", 140)
    assert lines() == ["on a cluster, segment and measure: 48 cluster jobs of 2 min"]
    executors = {"default": {"images_per_job": 8}}
    assert lines(cores=4, executors=executors) == [
        "on a cluster, segment and measure: 3 cluster jobs of 8 min"
    ]
    assert lines(executors={"default": {"local": True}}) == []


def test_which_projects_have_a_cluster(here: Path) -> None:
    assert not is_for_clusters()
    write_profile("default", Site())
    assert not is_for_clusters()
    write_profile("sge", Site())
    assert is_for_clusters()
