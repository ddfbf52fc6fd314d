"""The demo, as it is shipped."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.conftest import REPOSITORY, Project


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A new project that has run."""
    project = Project(tmp_path_factory.mktemp("demo") / "trial")
    made = Project(project.folder.parent).pixmake("init", "trial")
    assert made.code == 0, made.err
    ended = project.snakemake("--cores", "1")
    assert ended.code == 0, ended.err
    assert ended.last_words == "24 of 24 images done"
    return project


def test_measured_areas_are_the_drawn_ones(demo: Project) -> None:
    """Each of the 24 areas is within 2 % of the one that was drawn."""
    with (demo.folder / "images/drawn_area.csv").open(newline="") as lines:
        drawn = {row["path"]: int(row["drawn_area"]) for row in csv.DictReader(lines)}
    rows = demo.rows()
    assert len(rows) == len(drawn) == 24
    for row in rows:
        assert float(row["area"]) == pytest.approx(drawn[row["path"]], rel=0.02), row["id"]


def test_table_says_what_a_scientist_needs(demo: Project) -> None:
    """The table has the metadata and the measurements by name; records have units; masks are there."""
    assert list(demo.rows()[0]) == [
        *("id", "step", "path", "plantbarcode", "genotype", "treatment", "camera", "timestamp"),
        *("area", "width", "height", "solidity", "mean_green"),
    ]
    record = demo.record("measure", "A1_2024-03-04")
    assert record["measurements"]["area"]["unit"] == "pixels"
    assert record["run"]["max_rss_mb"] > 10
    assert record["run"]["seconds"] > 0
    assert len(list((demo.folder / "results/segment").glob("*.mask.png"))) == 24


def test_table_that_is_shipped_is_the_drawn_one(demo: Project) -> None:
    """The repository's `config/images.csv` is what `scripts/draw_trial.py` writes; it draws no file twice."""
    table, picture = demo.folder / "config/images.csv", next((demo.folder / "images").glob("*.png"))
    table.unlink()
    drawn = picture.stat().st_mtime_ns
    subprocess.run([sys.executable, "scripts/draw_trial.py"], cwd=demo.folder, check=True)
    assert table.read_bytes() == (REPOSITORY / "config/images.csv").read_bytes()
    assert picture.stat().st_mtime_ns == drawn


def test_what_the_readme_shows_works_in_a_new_project(demo: Project) -> None:
    """README's config.yaml is right for a new project, with the shipped function and with README's own."""
    readme = (REPOSITORY / "README.md").read_text()
    kinds = ("yaml", "python")
    config, function = (re.search(rf"^```{kind}\n(.*?)^```", readme, re.M | re.S) for kind in kinds)
    assert config
    assert function
    shown = demo.folder / "config/readme.yaml"
    shown.write_text(config[1])
    checked = demo.pixmake("check", "--config", "config/readme.yaml")
    assert checked.code == 0, checked.err
    (demo.folder / "scripts/readme.py").write_text(function[1])
    shown.write_text(config[1].replace("scripts/plants.py:measure", "scripts/readme.py:measure"))
    tried = demo.pixmake("try", "images_A1_2024-03-04", "--config", "config/readme.yaml")
    assert tried.code == 0, tried.err
    assert "area = " in tried.out


def test_beside_pictures_of_an_instrument(tmp_path: Path) -> None:
    """`pixmake init .` beside a plate's images: check finds no problem, the run measures what is there."""
    project = Project(tmp_path)
    for column, channel in product((3, 4), (1, 2)):
        pixels = np.random.default_rng(column).normal(300, 20, (64, 64)).astype(np.uint16)
        cv2.circle(pixels, (30, 30), 4 * column, 1000 * channel, -1)
        path = project.folder / f"Images/r02c{column:02d}f01p01-ch{channel}sk1fk1fl1.tiff"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), pixels)
    begun = project.pixmake("init", ".")
    assert begun.code == 0, begun.err
    assert begun.out.splitlines()[-1] == "next: pixmake check, pixmake try 02_03_01, then snakemake --cores 4"
    checked = project.pixmake("check")
    assert (checked.code, checked.err) == (0, ""), checked.err
    done = project.snakemake()
    assert done.code == 0, done.err
    rows = {row["id"]: row for row in project.rows() if row["step"] == "measure"}
    assert {name: (row["row"], row["column"], row["objects"]) for name, row in rows.items()} == {
        "02_03_01": ("02", "03", "1"),
        "02_04_01": ("02", "04", "1"),
    }
    assert float(rows["02_04_01"]["area"]) > float(rows["02_03_01"]["area"]) > 300
    assert float(rows["02_03_01"]["brightness_2"]) > 1.5 * float(rows["02_03_01"]["brightness_1"])
