"""The project of the trials: three steps, a table of a function, 12 images that take a moment each."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from tests import commands

REPOSITORY = Path(__file__).parents[2]
IMAGES = 12
CORES = 2

CONFIG = """\
images: {table: config/images.csv, root: images}
steps:
  segment: {function: "scripts/trial.py:segment", files: {mask: png}}
  measure: {function: "scripts/trial.py:measure", needs: [segment]}
  plants: {function: "scripts/trial.py:plants", needs: [measure], per: [plant]}
aggregate: {function: "scripts/trial.py:growth"}
"""

ANALYSIS = """\
import time

def segment(image):
    time.sleep(0.03)
    return {"mask": image[..., 1] > 120}

def measure(image, *, mask):
    time.sleep(0.03)
    return {"area": int((mask > 0).sum()), "mean": float(image.mean())}

def plants(*, measurements):
    return {"largest": max(each["area"] for each in measurements)}

def growth(measurements):
    return measurements.groupby("plant", as_index=False)["area"].max()
"""


def make_project(folder: Path, *, page: bool = True) -> None:
    """Write the project into a new folder; the page takes a third of a run's time."""
    (folder / "profiles").mkdir(parents=True)
    shutil.copy(REPOSITORY / "Snakefile", folder)
    shutil.copytree(REPOSITORY / "profiles" / "default", folder / "profiles" / "default")
    config = CONFIG if page else CONFIG.replace(':growth"', ':growth", report: false')
    for name, text in (("config/config.yaml", config), ("scripts/trial.py", ANALYSIS)):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "images").mkdir()
    rows = ["path,plant"]
    for number in range(IMAGES):
        noise = np.random.default_rng(number).integers(0, 255, (24, 24, 3))
        cv2.imwrite(str(folder / f"images/p{number:02}.png"), noise.astype(np.uint8))
        rows.append(f"p{number:02}.png,P{number % 6}")
    (folder / "config/images.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def command(entry: str) -> list[str]:
    """What starts a run: ``snakemake`` or ``pixmake run``."""
    words = ["snakemake"] if entry == "snakemake" else ["pixmake", "run"]
    return [sys.executable, "-m", *words, "--cores", str(CORES)]


def run(folder: Path, entry: str = "pixmake run") -> subprocess.CompletedProcess[str]:
    """A run that nothing disturbs."""
    return commands.run(command(entry)[2:], folder, os.environ, timeout=300)


def records(folder: Path) -> list[Path]:
    """The records that are there."""
    return list((folder / "results").glob("*/[!.]*.json"))


def done(folder: Path) -> dict[str, str]:
    """When each job with a result began, by step and image."""
    found = {}
    for path in records(folder):
        content = json.loads(path.read_bytes())
        if content["status"] == "ok":
            found[f"{path.parent.name}/{path.stem}"] = content["run"]["started"]
    return found


def outcome(folder: Path) -> Mapping[str, str]:
    """The hash of each table and of each file that a step made."""
    results = folder / "results"
    files = [*results.glob("*.csv"), *results.glob("*/*.png")]
    # when, where and how long each job ran stands in a table of its own
    found = {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if "report_files" not in path.parts and path.name != "runs.csv"
    }
    return dict(sorted(found.items()))
