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


def test_what_is_not_there_and_who_may_not(project: Project, bucket: Bucket) -> None:
    bucket.put("a.png", picture(0))
    project.configure(
        images={"table": "config/images.csv", "root": bucket.uri()},
        storage=storage(bucket, project),
        steps=STEPS,
    )
    project.list_images([{"path": "a.png"}, {"path": "b.png"}, {"path": "http://me:pw@x.org/c.png"}])
    ended = project.pixmake("check", environment=environment(bucket))
    assert ended.code == 1
    assert f"row 3: {bucket.uri('b.png')}: there is no such file (`missing: skip` leaves" in ended.err
    assert "row 4: the address holds credentials" in ended.err and "pw@" not in ended.err
    project.list_images([{"path": "a.png"}, {"path": "b.png"}])
    wrong = {**environment(bucket), "AWS_SECRET_ACCESS_KEY": "wrong/Secret"}
    ended = project.snakemake(environment=wrong)
    assert ended.code == 1 and "access is denied" in ended.err and "Traceback" not in ended.err
    assert "wrong/Secret" not in ended.err + written_anywhere(project.folder).decode(errors="replace")
    project.configure(
        images={"table": "config/images.csv", "root": bucket.uri(), "missing": "skip"},
        storage=storage(bucket, project),
        steps=STEPS,
    )
    bucket.traffic.fail_every = 3
    ended = project.snakemake(environment=environment(bucket))
    assert ended.code == 0 and "1 × there is no such file" in ended.err
    assert [row["id"] for row in project.rows()] == ["a"] and bucket.traffic.failed


KINDS = """\
from pathlib import Path

def by_path(path):
    return {"suffix": Path(path).suffix, "bytes": len(Path(path).read_bytes())}

def over_all(images, paths, rows):
    files = [len(Path(path).read_bytes()) for path in paths]
    return {"means": [float(image.mean()) for image in images], "files": files}

def group(images):
    return {name: float(image.mean()) for name, image in images.items()}
"""


@pytest.mark.slow
def test_every_kind_of_step_gets_its_image(project: Project, web: WebFolder, bucket: Bucket) -> None:
    first, second = picture(40), picture(80)
    bucket.put("x y/a.png", first)
    project.write("images/b.png", second)
    project.list_images(
        [
            {"path": bucket.uri("x y/a.png"), "n": "a"},
            {"path": "images/b.png", "n": "b"},
            {"path": web.put("d/c.png", picture(120)), "n": "c"},
        ]
    )
    project.write("scripts/kinds.py", KINDS)
    project.write(
        "scripts/size.sh", 'wc -c < "$(echo "$1")" | awk \'{print "{\\"bytes\\": " $1 "}"}\' > "$2"\n'
    )
    function = "scripts/kinds.py:"
    images = {"table": "config/images.csv", "id": "{n}"}
    project.configure(
        images=images,
        storage=storage(bucket, project),
        steps={
            "by_path": {"function": f"{function}by_path"},
            "shell": {"shell": "wc -c < {image} | sed 's/.*/{{\"bytes\": &}}/' > {result}"},
            "script": {"script": "scripts/size.sh", "args": ["{image}", "{result}"]},
            "over_all": {"function": f"{function}over_all", "per": "all"},
        },
    )
    ended = project.snakemake(environment=environment(bucket))
    assert ended.code == 0, ended.err
    sizes = [len(first), len(second), len(picture(120))]
    for step in ("by_path", "shell", "script"):
        assert [project.record(step, name)["measurements"]["bytes"]["value"] for name in "abc"] == sizes, step
    assert project.record("by_path", "c")["measurements"]["suffix"]["value"] == ".png"
    together = project.record("over_all", "all")["measurements"]
    assert together["files"]["value"] == sizes and [
        round(mean / 40) for mean in together["means"]["value"]
    ] == [1, 2, 3]
    before = project.started()
    web.put("d/c.png", picture(160))
    # plain processes do the same
    plain = {**environment(bucket), "PIXMAKE_WARM": "0"}
    assert project.snakemake(environment=plain).code == 0
    after = project.started()
    assert {job for job in after if after[job] != before[job]} == {
        f"{step}/c" for step in ("by_path", "shell", "script")
    } | {"over_all/all"}
    # a group of images, one of them here and one there
    project.configure(
        images={"table": "config/images.csv", "group_by": ["g"], "name_by": "n"},
        storage=storage(bucket, project),
        steps={"group": {"function": f"{function}group"}},
    )
    project.list_images(
        [{"path": "images/b.png", "n": "b", "g": 1}, {"path": bucket.uri("x y/a.png"), "n": "a", "g": 1}]
    )
    assert project.snakemake(environment=environment(bucket)).code == 0
    found = project.record("group", "1")["measurements"]
    assert round(found["b"]["value"] / 40) == 2 and round(found["a"]["value"] / 40) == 1


@pytest.mark.slow
def test_planes_of_a_plate_read_their_chunks_alone(project: Project, bucket: Bucket) -> None:
    import zarr

    planes = np.random.default_rng(0).integers(0, 60_000, (3, 2, 64, 64), dtype=np.uint16)
    group = zarr.open_group(project.folder / "z" / "p.zarr", mode="w", zarr_format=2)
    group.create_array("0", shape=planes.shape, dtype="uint16", chunks=(1, 1, 64, 64))[:] = planes
    axes = [
        {"name": name, "type": kind}
        for name, kind in zip("tcyx", ("time", "channel", "space", "space"), strict=True)
    ]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": axes,
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 1]}]}
            ],
        }
    ]
    bucket.upload(project.folder / "z", "plates")
    rows = [{"path": bucket.uri("plates/p.zarr"), "t": t, "c": 1} for t in (0, 2)]
    project.list_images(rows)
    project.configure(
        images={"table": "config/images.csv"},
        storage=storage(bucket, project),
        steps=STEPS,
        aggregate={"report": False},  # which reads a plane once more, for its picture
    )
    bucket.traffic.slow = 0.02
    ended = project.snakemake(environment=environment(bucket))
    assert ended.code == 0, ended.err
    assert [float(row["mean"]) for row in project.rows()] == [float(planes[t, 1].mean()) for t in (0, 2)]
    chunks = [
        seen
        for seen in bucket.traffic.of("p.zarr/0/", "GET")
        if seen.status == 200 and "/.z" not in seen.path and "?" not in seen.path
    ]
    assert len(chunks) == 2
    assert bucket.traffic.sent < 2 * planes[0, 0].nbytes + 20_000
    before = project.started()
    content = json.loads(bucket.get("plates/p.zarr/.zattrs"))
    bucket.put("plates/p.zarr/.zattrs", json.dumps({**content, "changed": 1}).encode())
    assert project.snakemake(environment=environment(bucket)).code == 0
    assert all(started != before[job] for job, started in project.started().items())


def test_a_run_that_is_killed_goes_on(project: Project, bucket: Bucket) -> None:
    import signal
    import subprocess
    import sys

    for number in range(6):
        bucket.put(f"p{number}.png", picture(20 * number))
    project.configure(images={"directory": bucket.uri()}, storage=storage(bucket, project), steps=STEPS)
    bucket.traffic.slow = 0.4
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=project.folder,
        env={**os.environ, **environment(bucket)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + 90
    while not bucket.traffic.of(".png", "GET") and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    bucket.traffic.reset()
    ended = project.snakemake("--nolock", environment=environment(bucket))
    assert ended.code == 0, ended.err
    assert [round(float(row["mean"]) / 20) for row in project.rows()] == [0, 1, 2, 3, 4, 5]
    assert not list((project.folder / "cache").rglob("*.part"))


TWO_STEPS = """\
def seg(image):
    return {"mask": image[..., 0] > 50, "n": 1}

def measure(image, mask):
    return {"area": int((mask > 0).sum())}
"""


def test_results_arrive_in_the_bucket(project: Project, bucket: Bucket, tmp_path: Path) -> None:
    for number in range(3):
        bucket.put(f"raw/p{number}.png", picture(40 * number))
    bucket.put("raw/bad.png", b"no picture")
    project.draw("images/here.png", level=120)
    project.write("scripts/two.py", TWO_STEPS)
    rows = [{"path": bucket.uri(f"raw/{name}.png"), "n": name} for name in ("p0", "p1", "p2", "bad")]
    project.list_images([*rows, {"path": "images/here.png", "n": "here"}])
    steps = {
        "seg": {"function": "scripts/two.py:seg", "files": {"mask": "png"}},
        "measure": {"function": "scripts/two.py:measure", "needs": ["seg"]},
    }
    images = {"table": "config/images.csv", "id": "{n}"}
    project.configure(images=images, storage=storage(bucket, project), steps=steps)
    login = {
        **environment(bucket),
        "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": KEY,
        "SNAKEMAKE_STORAGE_S3_SECRET_KEY": SECRET,
    }
    words = ["--default-storage-provider", "s3", "--default-storage-prefix", bucket.uri("trial")]
    words += ["--storage-s3-endpoint-url", bucket.endpoint]
    words.append("--keep-storage-local-copies")
    ended = project.snakemake(*words, environment=login, timeout=300)
    assert ended.code == 1, ended.err
    assert "1 of 5 images failed: see results/failures.csv" in ended.err
    there = bucket.keys("trial/results/")
    for name in ("measurements.csv", "failures.csv", "report.html", "measure/p1.json", "seg/here.mask.png"):
        assert f"trial/results/{name}" in there
    pictures = [key for key in there if key.startswith("trial/results/report_files/")]
    assert len([key for key in pictures if key.endswith(".jpg")]) == 4
    # the same tables as without storage
    files = bucket.get("trial/results/files.csv").decode()
    assert "results/seg/p1.mask.png" in files and ".snakemake" not in files
    status = project.pixmake("status", environment=login)
    assert status.out.split()[-8:] == ["seg", "4", "1", "0", "measure", "4", "1", "0"]
    # only the image that failed is tried again, and it is in order by now
    bucket.put("raw/bad.png", picture(160))
    before = project.started()
    ended = project.snakemake(*words, environment=login, timeout=300)
    assert ended.code == 0, ended.err
    after = project.started()
    assert {job for job in after if after[job] != before[job]} == {"seg/bad", "measure/bad"}
    assert bucket.get("trial/results/failures.csv").count(b"\n") == 1
    everything = written_anywhere(project.folder) + b"".join(bucket.get(key) for key in bucket.keys("trial"))
    assert SECRET.encode() not in everything
