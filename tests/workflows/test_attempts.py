"""Attempts within one run: with more memory each time; and which step's failures end a run."""

from __future__ import annotations

from tests.conftest import Project

ANALYSIS = """\
import numpy as np


def hungry(image, meta):
    if meta["plant"] == "P1":
        return {"sum": float(np.ones(4 * 10**7).sum())}
    if meta["plant"] == "P2":
        raise OSError("the disk was busy")
    return {"sum": 1.0}


def strict(image, meta):
    if meta["plant"] == "P3":
        raise ValueError("not this one")
    return {"n": 1}
"""


def test_memory_grows_and_each_step_has_its_own_way_to_fail(small: Project) -> None:
    """A second attempt has the memory that the first one lacked; a share of failures is allowed."""
    small.write("scripts/analysis.py", ANALYSIS)
    hungry = {
        "function": "scripts/analysis.py:hungry",
        "retries": 1,
        "resources": {"mem_mb": [200, 900], "runtime": "5 * attempt"},
    }
    images = {"table": "config/images.csv", "root": "images"}
    small.configure(images=images, steps={"hungry": hungry}, max_failures="25%")
    ended = small.snakemake()
    assert ended.code == 0, ended.err
    assert ended.last_words.startswith("1 of 4 images failed, as max_failures allows")
    assert small.record("hungry", "p1")["run"]["attempt"] == 2
    assert small.record("hungry", "p1")["measurements"]["sum"]["value"] == 4e7
    (lost,) = small.rows("failures.csv")
    assert (lost["id"], lost["error"]) == ("p2", "OSError")
    small.configure(images=images, steps={"hungry": hungry}, max_failures="24%")
    assert "lambda wildcards, attempt" in small.pixmake("compile").out

    strict = {"function": "scripts/analysis.py:strict", "on_error": "stop"}
    small.configure(images=images, steps={"hungry": hungry, "strict": strict}, max_failures=1)
    stopped = small.snakemake("--keep-going")
    assert stopped.code == 1
    assert not (small.folder / "results/strict/p3.json").exists()
    assert (small.folder / "results/hungry/p2.json").exists()
