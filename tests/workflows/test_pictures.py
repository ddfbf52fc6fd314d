"""Small pictures and the quality of images, in whole runs: the images' own jobs make them."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from typing import Any

import cv2
import numpy as np
from tests.conftest import Project

ROWS, DAYS = 3, 6


def draw(project: Project) -> None:
    """Pictures of plants on six days; those of the fourth day are out of focus."""
    rows = []
    for day in range(DAYS):
        for plant in range(ROWS):
            noise = np.random.default_rng(10 * day + plant).normal(0, 30, (90, 120, 3))
            image = cv2.GaussianBlur(noise, (0, 0), 5.0 if day == 3 else 1.2)
            image = 100 + image * (30 / image.std())
            content = cv2.imencode(".png", np.clip(image, 0, 255).astype(np.uint8))[1].tobytes()
            project.write(f"images/p{plant}_d{day}.png", content)
            rows.append(
                {"path": f"p{plant}_d{day}.png", "plant": f"P{plant}", "timestamp": f"2024-05-0{day + 1}"}
            )
    project.list_images(rows)


def page_data(project: Project) -> dict[str, Any]:
    """The data of the page."""
    found = re.search(r'id="data">([^<]+)<', (project.folder / "results/report.html").read_text())
    assert found is not None
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return data


def test_jobs_make_the_pictures_and_the_page_names_the_blurred_day(project: Project) -> None:
    """Thumbnails are there before the page; the page names the batch; the tables say nothing of it."""
    draw(project)
    kept = project.folder / ".snakemake/pixmake/pictures"
    assert project.snakemake("--until", "records").code == 0
    made = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert sorted(made) == sorted(f"p{plant}_d{day}.jpg" for plant in range(ROWS) for day in range(DAYS))
    assert made["p1_d2.jpg"] == os.stat(project.folder / "images/p1_d2.png").st_mtime_ns
    (kept / "p1_d2.jpg").write_bytes(b"made by the job")
    os.utime(kept / "p1_d2.jpg", ns=(made["p1_d2.jpg"],) * 2)
    (kept / "p0_d0.jpg").unlink()
    assert project.snakemake().code == 0
    shown = project.folder / "results/report_files"
    assert (shown / "p1_d2.jpg").read_bytes() == b"made by the job"
    assert cv2.imread(str(shown / "p0_d0.jpg")).shape == (90, 120, 3)  # the page makes what is missing
    quality = page_data(project)["levels"][0]["quality"]
    assert [batch["name"] for batch in quality["batches"]] == ["2024-05-04"]
    assert quality["batches"][0]["reasons"][0].startswith("less sharp")
    assert sorted(project.rows()[0]) == ["id", "mean", "path", "plant", "step", "timestamp"]


def test_one_key_turns_quality_off(small: Project) -> None:
    """Then no record says it, and the tables are the same."""
    assert small.snakemake().code == 0
    before = small.tables()
    assert "quality" in small.record("measure", "p0")["run"]
    config = small.folder / "config/config.yaml"
    config.write_text(config.read_text() + "aggregate: {quality: false}\n")
    assert small.snakemake("--forceall").code == 0
    assert "quality" not in small.record("measure", "p0")["run"]
    assert small.tables() == before
    assert page_data(small)["levels"][0]["quality"]["values"] == {}
