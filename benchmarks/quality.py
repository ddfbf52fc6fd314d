"""What the quality of pictures costs a run over large ones (`aggregate.quality`)."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from environments import REPOSITORY, ours, versions
from frame import CORES, Aim, Benchmark, Contestant, main
from measured import OURS, Case, Results
from page import comparison
from projects import expect, forget
from usage import environment_of, usage

WITHOUT = f"{OURS}, aggregate.quality: false"
ALONE = "the figures alone"
DIFFERENT = 6
"""Pictures that are drawn; the others are copies."""

ANALYSIS = """\
import cv2

def measure(image):
    "Area of what is green, and its colour."
    lightness, green, blue = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2LAB))
    _, mask = cv2.threshold(cv2.medianBlur(green, 5), 118, 255, cv2.THRESH_BINARY_INV)
    _, labels, found, _ = cv2.connectedComponentsWithStats(mask)
    return {"area": int(cv2.countNonZero(mask)), "parts": len(found) - 1, "hue": cv2.mean(blue, mask)[0]}
"""

FIGURES = """\
import json, sys, time
from pathlib import Path
import cv2
from pixmake.images.quality import quality_of

cv2.setNumThreads(0)
spent = 0.0
for path in sorted(Path("images").iterdir()):
    image = cv2.imread(str(path))
    before = time.process_time()
    quality_of(image)
    spent += time.process_time() - before
print(json.dumps({"seconds": spent, "cpu_seconds": spent}))
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """Two whole runs, and what the figures take by themselves: less than two runs differ by chance."""
    count, own = int(case["images"]), ours()
    project = _project(scratch / "project", count)

    def run(quality: bool) -> dict[str, float]:
        text = (project / "config/plain.yaml").read_text()
        more = "" if quality else "aggregate: {quality: false}\n"
        (project / "config/config.yaml").write_text(text + more)
        words = [own.parent / "snakemake", "--cores", str(CORES)]
        figures = usage(words, project, environment_of(own))
        expect(project, "results/measure/*.json", count)
        return figures

    def alone() -> dict[str, float]:
        done = subprocess.run([own, "-c", FIGURES], cwd=project, capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))

    told = versions(own, "snakemake", "numpy", "opencv-python-headless")
    return [
        Contestant(OURS, lambda: run(True), lambda: forget(project), told),
        Contestant(WITHOUT, lambda: run(False), lambda: forget(project), told),
        Contestant(ALONE, alone, versions=told),
    ]


def aims(results: Results) -> list[Aim]:
    """At most 3 % of the run's CPU time."""
    share = math.nan
    for case in results.cases():
        share = 100 / results.ratio(OURS, "cpu_seconds", ours=ALONE, **case)
    return [Aim("of a run's CPU time, pictures of 2454 × 2056", share, most=3, unit="%")]


def _project(folder: Path, count: int) -> Path:
    """Pictures of plants in pots, PNG of 2454 × 2056 in colour, and a step that measures them."""
    for name in ("images", "config", "scripts"):
        (folder / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"images/i{number:04}.png"
        if number >= DIFFERENT:
            shutil.copy(folder / f"images/i{number % DIFFERENT:04}.png", path)
            continue
        image = np.full((2056, 2454, 3), (150, 150, 155), np.float32)
        for _ in range(20):
            at, size = random.integers(500, 1500, 2), random.integers(80, 300, 2)
            angle = float(random.integers(0, 180))
            cv2.ellipse(image, at.tolist(), size.tolist(), angle, 0, 360, (50, 130, 60), -1)
        image += random.normal(0, 3, image.shape)
        cv2.imwrite(str(path), np.clip(image, 0, 255).astype(np.uint8))
    shutil.copy(REPOSITORY / "Snakefile", folder)
    shutil.copytree(REPOSITORY / "profiles/default", folder / "profiles/default")
    (folder / "scripts/analysis.py").write_text(ANALYSIS)
    step = "steps: {measure: {function: 'scripts/analysis.py:measure'}}"
    (folder / "config/plain.yaml").write_text(f"images: {{directory: images}}\n{step}\n")
    return folder


BENCHMARK = Benchmark(
    name="quality",
    title="Quality of large pictures",
    about="""
Plants in colour, 2454 × 2056 pixels in PNG, are decoded, thresholded and counted, each in a process of its
own. Each job also looks at focus, exposure and colour of 0.3 megapixels of its picture. Two whole runs differ
by more than that takes, so it is measured by itself, too.
""",
    cases=[{"images": 60}],
    quick=[{"images": 8}],
    contestants=contestants,
    repeats=lambda case: 3,
    aims=aims,
    text=comparison,
)


if __name__ == "__main__":
    main(BENCHMARK)
