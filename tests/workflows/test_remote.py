"""Projects whose images are in object storage or on the web."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.conftest import Project
from tests.objectstore import KEY, SECRET, Bucket, WebFolder


def picture(level: int) -> bytes:
    noise = np.random.default_rng(level).integers(0, 20, (24, 32, 3))
    return cv2.imencode(".png", (noise + level).astype(np.uint8))[1].tobytes()


def storage(bucket: Bucket, project: Project, **more: Any) -> dict[str, Any]:
    return {"endpoint_url": bucket.endpoint, "cache": str(project.folder / "cache"), **more}


def environment(bucket: Bucket) -> Mapping[str, str]:
    return {**bucket.environment, "AWS_EC2_METADATA_DISABLED": "true"}


def written_anywhere(folder: Path) -> bytes:
    """Everything that is in the files of a project."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


STEPS = {"measure": {"function": "scripts/analysis.py:measure"}}


def test_a_bucket_is_measured_and_only_what_changes_again(
    project: Project, bucket: Bucket, ran_since: Any
) -> None:
    for number in range(4):
        bucket.put(f"trial/cam1_P{number}.png", picture(40 * number))
    bucket.put("trial/notes.txt", b"no image")
    project.configure(
        images={"directory": {"path": bucket.uri("trial"), "template": "{camera}_{plant}.png"}},
        storage=storage(bucket, project),
        steps=STEPS | {"again": {"function": "scripts/analysis.py:measure", "params": {"scale": 2}}},
    )
    ended = project.snakemake(environment=environment(bucket))
    assert ended.code == 0, ended.err
    assert [(row["id"], row["camera"], row["plant"]) for row in project.rows()[::2]] == [
        (f"cam1_P{number}", "cam1", f"P{number}") for number in range(4)
    ]
    assert [round(float(row["mean"]) / 40) for row in project.rows()[::2]] == [0, 1, 2, 3]
    # each image came once for both steps, and the folder was listed
    assert len(bucket.traffic.of("trial/cam1", "GET")) == 4
    record = project.record("measure", "cam1_P0")
    assert record["run"]["warm"] and record["images"] == [bucket.uri("trial/cam1_P0.png")]
    assert record["origin"]["inputs"][0]["version"]
    everything = written_anywhere(project.folder) + f"{ended.out}{ended.err}".encode()
    assert SECRET.encode() not in everything and KEY.encode() not in everything

    before = project.started()
    ended = project.snakemake(environment=environment(bucket))
    assert "Nothing to be done" in ended.err or not ran_since(project, before), ended.err
    bucket.put("trial/cam1_P2.png", picture(200))
    bucket.put("trial/cam1_P4.png", picture(10))
    explained = project.pixmake("explain", "cam1_P2", environment=environment(bucket))
    assert "an image has changed" in explained.out
    project.configure(
        images={"directory": {"path": bucket.uri("trial"), "template": "{camera}_{plant}.png"}},
        storage=storage(bucket, project, retries=7),  # how it is reached decides no result
        steps=STEPS | {"again": {"function": "scripts/analysis.py:measure", "params": {"scale": 2}}},
    )
    assert project.snakemake(environment=environment(bucket)).code == 0
    assert ran_since(project, before) == {
        f"{step}/cam1_P{n}" for step in ("measure", "again") for n in (2, 4)
    }
    assert [round(float(row["mean"]) / 40) for row in project.rows()[::2]] == [0, 1, 5, 3, 0]
