"""A Snakemake on a cluster's node: it takes no more of the node than its jobs need."""

from __future__ import annotations

import sys

import pytest
from tests.conftest import Project

ANALYSIS = """\
import os
import psutil

def measure(image):
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:3] == ["-m", "snakemake"] and "remote" in words and process.cwd() == os.getcwd():
            return {"threads": process.num_threads()}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux has them")
def test_its_threads_do_not_grow_with_the_jobs_of_a_group(project: Project) -> None:
    """Where a scheduler counts what each thread might use, a long group of short images would end at once."""
    project.write("scripts/analysis.py", ANALYSIS)
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        executors={"default": {"images_per_job": 16}},
        aggregate={"report": False},
    )
    for number in range(16):
        project.draw(f"images/p{number:02}.png", level=10 * number)
    project.list_images([{"path": f"p{number:02}.png"} for number in range(16)])
    words = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh", "--jobs", "1"]
    words += ["--group-components", "images=16", "--seconds-between-status-checks", "1"]
    ended = project.snakemake(*words)
    assert ended.code == 0, ended.err
    threads = [int(row["threads"]) for row in project.rows()]
    assert len(threads) == 16
    # three of the first images' own, and NumPy's, one for each core
    assert max(threads) - min(threads) <= 3, threads
