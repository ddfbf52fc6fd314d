"""What an image costs: pixmake, a hand-written Snakefile with ``script:``, and a bare process pool."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measuring import CORES, draw, forget, markdown, pixmake_project, run, side_by_side

ANALYSIS = "def measure(image):\n    return {'mean': float(image.mean())}\n"

SNAKEFILE = """\
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
    script:
        "measure.py"
"""

SCRIPT = """\
import json

import cv2

image = cv2.imread(snakemake.input[0], cv2.IMREAD_UNCHANGED)
with open(snakemake.output[0], "w") as file:
    json.dump({"mean": float(image.mean())}, file)
"""

POOL = """\
import json
import multiprocessing
from pathlib import Path

import cv2


def measure(path):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    with open(f"results/{path.stem}.json", "w") as file:
        json.dump({"mean": float(image.mean())}, file)


if __name__ == "__main__":
    Path("results").mkdir()
    with multiprocessing.Pool(2) as pool:
        pool.map(measure, sorted(Path("images").glob("*.png")), chunksize=1)
"""


def measure(counts: list[int], by_hand: int, repeats: int) -> str:
    """The table for these numbers of images; the hand-written one up to ``by_hand`` images."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as scratch:
            rows += _measure(Path(scratch), count, count <= by_hand, repeats)
    return markdown(
        ("images", "what", "seconds, median", "least … most", "ms an image more than the pool", "of pixmake"),
        rows,
    )


def _measure(scratch: Path, count: int, by_hand: bool, repeats: int) -> list[list[object]]:
    ours = pixmake_project(scratch / "pixmake", count, ANALYSIS)
    hand, pool = scratch / "hand", scratch / "pool"
    for folder in (hand, pool):
        draw(folder, count)
    (hand / "Snakefile").write_text(SNAKEFILE)
    (hand / "measure.py").write_text(SCRIPT)
    (pool / "pool.py").write_text(POOL)

    def run_pixmake() -> None:
        forget(ours)
        run(ours, "snakemake", "--cores", str(CORES))

    def run_by_hand() -> None:
        forget(hand)
        run(hand, "snakemake", "--cores", str(CORES), "--quiet", "all")

    def run_pool() -> None:
        forget(pool)
        run(pool, "pool")

    commands = {"multiprocessing.Pool": run_pool, "pixmake": run_pixmake}
    if by_hand:
        commands["Snakefile with `script:`, default settings"] = run_by_hand
    timed = {each.name: each for each in side_by_side(commands, repeats)}
    floor, own = timed["multiprocessing.Pool"].median, timed["pixmake"].median
    return [
        [
            f"{count:,}",
            each.name,
            f"{each.median:.1f}",
            each.spread,
            f"{(each.median - floor) / count * 1000:.1f}",
            f"{each.median / own:.2f} ×",
        ]
        for each in timed.values()
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    quick = parser.parse_args().quick
    print(measure([50], 50, 1) if quick else measure([200, 1000], 1000, 3))
