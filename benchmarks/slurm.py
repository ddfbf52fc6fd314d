"""Many short images on a real SLURM: pixmake's groups beside a Snakefile by hand with one job an image.

Starts a cluster of two nodes on this machine (Debian, root). The Snakefile by hand takes some seconds of
computing for each image; a quick look takes fewer: ``python benchmarks/slurm.py [--quick]``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from measuring import REPOSITORY, draw, markdown, pixmake_project
from overhead import ANALYSIS, SCRIPT, SNAKEFILE

sys.path.insert(0, str(REPOSITORY))
from tests.cluster import slurm

QUICK = ["--cores", "4", "--seconds-between-status-checks", "1", "--max-status-checks-per-second", "20"]
GROUP = 125


@dataclass(frozen=True)
class Sent:
    """What a run cost."""

    images: int
    submissions: int
    seconds: float


def measure(images: int, by_hand: int) -> str:
    """The table."""
    if not slurm.installed():
        slurm.install()
    folder = Path(tempfile.mkdtemp(prefix="pixmake-slurm-"))
    folder.chmod(0o755)  # the database runs as another user
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    try:
        slurm.start(folder / "cluster")
        ours, theirs = _pixmake(folder / "ours", images), _hand(folder / "theirs", by_hand)
    finally:
        slurm.stop(folder / "cluster")
        shutil.rmtree(folder, ignore_errors=True)
    fewer = theirs.submissions / theirs.images / (ours.submissions / ours.images)
    faster = theirs.seconds / theirs.images / (ours.seconds / ours.images)
    return markdown(
        ("what", "images", "submissions", "seconds", "ms an image", "submissions an image", "time an image"),
        [
            [f"pixmake, groups of {GROUP}", *_row(ours), "1", "1"],
            ["Snakefile by hand, one job an image", *_row(theirs), f"{fewer:.0f} ×", f"{faster:.0f} ×"],
        ],
    )


def _row(sent: Sent) -> list[str]:
    return [
        f"{sent.images:,}",
        f"{sent.submissions:,}",
        f"{sent.seconds:.1f}",
        f"{sent.seconds / sent.images * 1000:.0f}",
    ]


def _pixmake(folder: Path, count: int) -> Sent:
    pixmake_project(folder, count, ANALYSIS)
    shutil.copytree(REPOSITORY / "profiles/slurm", folder / "profiles/slurm")
    with (folder / "config/config.yaml").open("a") as config:
        config.write(
            f"executors: {{default: {{images_per_job: {GROUP}, resources: {{mem_mb: 300, runtime: 1}}}}}}\n"
        )
    return _timed(folder, count, ["--workflow-profile", "profiles/slurm", *QUICK])


def _hand(folder: Path, count: int) -> Sent:
    draw(folder, count)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "measure.py").write_text(SCRIPT)
    submit = "sbatch --parsable --cpus-per-task={threads} --mem=700M --output=/dev/null"
    (folder / "status.sh").write_text(STATUS)
    (folder / "status.sh").chmod(0o755)
    options = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", submit]
    options += ["--cluster-generic-status-cmd", "./status.sh", "--jobs", "100", "--quiet", "all"]
    return _timed(folder, count, [*options, *QUICK[2:]])


def _timed(folder: Path, count: int, options: list[str]) -> Sent:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *options], cwd=folder, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr)
    words = ["sacct", "-X", "-n", "-P", "--starttime=now-1days", "-o", "WorkDir"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return Sent(count, listed.count(str(folder)), seconds)


STATUS = """\
#!/bin/sh
case $(sacct -X -n -P -j "$1" -o State) in
COMPLETED) echo success ;;
FAILED | TIMEOUT | CANCELLED* | OUT_OF_MEMORY | NODE_FAIL) echo failed ;;
*) echo running ;;
esac
"""


if __name__ == "__main__":
    print(measure(*((20, 4) if sys.argv[1:] == ["--quick"] else (500, 500))))
