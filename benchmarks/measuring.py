"""How the benchmarks measure: whole commands, side by side, again and again; medians and spread."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

REPOSITORY = Path(__file__).parent.parent
CORES = 2


@dataclass(frozen=True)
class Timed:
    """One command's wall times in seconds."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> str:
        """The least and the most."""
        return f"{min(self.seconds):.1f} … {max(self.seconds):.1f}"


def side_by_side(commands: dict[str, Callable[[], None]], repeats: int) -> list[Timed]:
    """Run each command in turn, so that what slows the machine down slows all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            start = time.perf_counter()
            command()
            seconds[name].append(time.perf_counter() - start)
    return [Timed(name, tuple(times)) for name, times in seconds.items()]


def run(folder: Path, *words: str) -> str:
    """Run a module of this Python in a folder; its errors are errors here."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} in {folder}:\n{done.stdout}")
    return done.stdout


def draw(folder: Path, count: int) -> None:
    """Write tiny images, and a table of them."""
    (folder / "images").mkdir(parents=True)
    (folder / "config").mkdir()
    content = cv2.imencode(".png", np.full((32, 32), 7, np.uint8))[1].tobytes()
    rows = ["path,plant"]
    for number in range(count):
        (folder / f"images/i{number:06}.png").write_bytes(content)
        rows.append(f"images/i{number:06}.png,p{number % 100}")
    (folder / "config/images.csv").write_text("\n".join(rows) + "\n")


def pixmake_project(folder: Path, count: int, analysis: str) -> Path:
    """A project of tiny images with one step."""
    draw(folder, count)
    shutil.copy(REPOSITORY / "Snakefile", folder)
    shutil.copytree(REPOSITORY / "profiles/default", folder / "profiles/default")
    (folder / "scripts").mkdir()
    (folder / "scripts/analysis.py").write_text(analysis)
    (folder / "config/config.yaml").write_text(
        "images: {table: config/images.csv}\nsteps:\n  measure:\n    function: scripts/analysis.py:measure\n"
    )
    return folder


def forget(folder: Path) -> None:
    """Remove all that a run made."""
    for name in ("results", "logs", ".snakemake"):
        shutil.rmtree(folder / name, ignore_errors=True)


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def machine() -> str:
    """What was measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    packages = ("snakemake", "opencv-python-headless", "numpy", "pandas")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}, {versions}"
