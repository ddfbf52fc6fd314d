"""Projects of tiny images with work of a known length, the same for all who do it."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

import cv2
import numpy as np
from environments import REPOSITORY

BURN = """\
def burn(milliseconds):
    import time

    number, rounds = 1, 0
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        for _ in range(500):
            number = (number * 1103515245 + 12345) % 2147483648
        rounds += 500
    return rounds
"""
"""Work of so much CPU time of its thread, as many rounds as may go into it.

Not a number of rounds: where others use the machine's cores, too, a round takes up to 1.7 times as long for
seconds or minutes, and two who take turns would be told apart by the neighbours that each has met.
"""

_BY_HAND = """\
from pathlib import Path

IDS = sorted(path.stem for path in Path("images").glob("*.png"))


rule all:
    input:
        expand("results/{id}.json", id=IDS),


rule measure:
    input:
        "images/{id}.png",
    output:
        "results/{id}.json",
"""

MANY = 100
SHARED = f"pixmake, images_per_process: {MANY}"
"""How pixmake is called where one process works on many images, one after the other."""

ANALYSIS = "def measure(image):\n    return {'mean': float(image.mean())}\n"
"""An analysis that does next to nothing."""


def analysis(milliseconds: int) -> str:
    """An analysis for pixmake that burns so much."""
    body = f"    return {{'mean': float(image.mean()), 'burnt': burn({milliseconds})}}\n"
    return f"{BURN}\n\ndef measure(image):\n{body}"


def wildcard_snakefile(key: str, value: str) -> str:
    """A Snakefile as one would write it by hand, whose rule runs this ``script`` or ``shell``."""
    return f"{_BY_HAND}    {key}:\n        {json.dumps(value)}\n"


def draw(folder: Path, count: int) -> None:
    """Write images of 32 × 32 pixels, and a table of them."""
    (folder / "images").mkdir(parents=True)
    (folder / "config").mkdir()
    content = cv2.imencode(".png", np.full((32, 32), 7, np.uint8))[1].tobytes()
    rows = ["path,plant"]
    for number in range(count):
        (folder / f"images/i{number:06}.png").write_bytes(content)
        rows.append(f"images/i{number:06}.png,p{number % 100}")
    (folder / "config/images.csv").write_text("\n".join(rows) + "\n")


def pixmake_project(folder: Path, count: int, analysis: str = ANALYSIS, *, shared: bool = False) -> Path:
    """A project of tiny images with one step, with the Snakefile and the profile that all projects have.

    Parameters
    ----------
    shared
        Whether one process works on `MANY` images.
    """
    draw(folder, count)
    shutil.copy(REPOSITORY / "Snakefile", folder)
    shutil.copytree(REPOSITORY / "profiles/default", folder / "profiles/default")
    (folder / "scripts").mkdir()
    (folder / "scripts/analysis.py").write_text(analysis)
    step = ["  measure:", "    function: scripts/analysis.py:measure"]
    lines = ["images: {table: config/images.csv}", "steps:", *step]
    lines += [f"    images_per_process: {MANY}"] if shared else []
    (folder / "config/config.yaml").write_text("\n".join([*lines, ""]))
    return folder


def forget(folder: Path) -> None:
    """Put away all that a run made, out of the way of the next one.

    It is removed with the case's folder at the end: for a minute ext4 passes over each inode that was freed,
    which costs those who write many small files a seventh of their time.
    """
    away = folder.parent / "forgotten" / uuid.uuid4().hex
    for name in ("results", "logs", ".snakemake"):
        if (folder / name).exists():
            away.mkdir(parents=True, exist_ok=True)
            (folder / name).rename(away / name)


def expect(folder: Path, pattern: str, count: int) -> None:
    """See that a run left so many files of results, and that the first of them is one."""
    found = sorted(folder.glob(pattern))
    if len(found) != count:
        raise RuntimeError(f"{folder}: {len(found)} results {pattern}, not {count}")
    json.loads(found[0].read_bytes())
