"""Many short images on a real SLURM: pixmake's groups beside a Snakefile by hand with one job an image.

Starts a cluster of two nodes on this machine (Debian, root).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from environments import REPOSITORY, versions
from frame import Aim, Benchmark, Contestant, NotHere, main
from measured import OURS, Case, Results, number
from page import markdown
from projects import BURN, draw, pixmake_project
from snakefile import SCRIPT, SNAKEFILE

sys.path.insert(0, str(REPOSITORY))
from tests.cluster import slurm

QUICK = ["--cores", "4", "--seconds-between-status-checks", "1", "--max-status-checks-per-second", "20"]
GROUP = 125
BY_HAND = "a Snakefile by hand, one job an image"

ABOUT = f"""
A real SLURM of two nodes on this machine. pixmake sends groups of {GROUP} images; the Snakefile by hand
sends one job an image.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """pixmake's groups, and one job an image."""
    if os.getuid():
        raise NotHere("SLURM needs root")
    count = int(case["images"])
    known = versions(Path(sys.executable), "snakemake")

    def on_a_cluster(work: Callable[[Path, int], dict[str, float]], images: int) -> dict[str, float]:
        # the database runs as another user, and so may look into this folder
        folder = Path(tempfile.mkdtemp(prefix="pixmake-slurm-"))
        folder.chmod(0o755)
        try:
            slurm.start(folder / "cluster")
            return work(folder / "project", images)
        finally:
            slurm.stop(folder / "cluster")
            shutil.rmtree(folder, ignore_errors=True)

    if not slurm.installed():
        slurm.install()
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return [
        Contestant(OURS, lambda: on_a_cluster(_pixmake, count), versions=known),
        Contestant(BY_HAND, lambda: on_a_cluster(_hand, count), versions=known),
    ]


def text(results: Results) -> str:
    """What an image costs, and how often the scheduler was asked for a job."""
    rows = [
        [
            each.contestant,
            f"{each.median('images'):,.0f}",
            f"{each.median('submissions'):,.0f}",
            number(each.median()),
            number(1000 * each.median() / each.median("images")),
        ]
        for each in results.measured
    ]
    return markdown(("what", "images", "submissions", "seconds", "ms an image"), rows)


def aims(results: Results) -> list[Aim]:
    """An image against an image."""
    images = results.ratio(BY_HAND, "images", images=500)
    return [
        Aim("fewer submissions", results.ratio(BY_HAND, "submissions", images=500) / images, least=20),
        Aim("less wall time, an image", results.ratio(BY_HAND, images=500) / images, least=5),
    ]


def _pixmake(folder: Path, count: int) -> dict[str, float]:
    pixmake_project(folder, count)
    shutil.copytree(REPOSITORY / "profiles/slurm", folder / "profiles/slurm")
    with (folder / "config/config.yaml").open("a") as config:
        config.write(
            f"executors: {{default: {{images_per_job: {GROUP}, resources: {{mem_mb: 300, runtime: 1}}}}}}\n"
        )
    return _timed(folder, count, ["--workflow-profile", "profiles/slurm", *QUICK])


def _hand(folder: Path, count: int) -> dict[str, float]:
    draw(folder, count)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "measure.py").write_text(SCRIPT.format(burn=BURN, milliseconds=0))
    submit = "sbatch --parsable --cpus-per-task={threads} --mem=700M --output=/dev/null"
    (folder / "status.sh").write_text(STATUS)
    (folder / "status.sh").chmod(0o755)
    options = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", submit]
    options += ["--cluster-generic-status-cmd", "./status.sh", "--jobs", "100", "--quiet", "all"]
    return _timed(folder, count, [*options, *QUICK[2:]])


def _timed(folder: Path, count: int, options: list[str]) -> dict[str, float]:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *options], cwd=folder, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr)
    words = ["sacct", "-X", "-n", "-P", "--starttime=now-1days", "-o", "WorkDir"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return {"seconds": seconds, "submissions": listed.count(str(folder)), "images": count}


STATUS = """\
#!/bin/sh
case $(sacct -X -n -P -j "$1" -o State) in
COMPLETED) echo success ;;
FAILED | TIMEOUT | CANCELLED* | OUT_OF_MEMORY | NODE_FAIL) echo failed ;;
*) echo running ;;
esac
"""


BENCHMARK = Benchmark(
    name="slurm",
    title="On a cluster",
    about=ABOUT,
    cases=[{"images": 500}],
    quick=[{"images": 10}],
    contestants=contestants,
    repeats=lambda case: 1,
    aims=aims,
    text=text,
)


if __name__ == "__main__":
    main(BENCHMARK)
