"""The warm process starts while Snakemake makes its DAG, and only where an image is to run here."""

from __future__ import annotations

from tests.conftest import Project

TELL = """

from pixmake.job import client as pixmake_client

asked = pixmake_client.ask


def ask(connection, words, environment, *, prepare=False):
    if prepare:
        print("prepares", words[4], "threads", environment["OMP_NUM_THREADS"], flush=True)
    return asked(connection, words, environment, prepare=prepare)


pixmake_client.ask = ask
"""


def test_before_the_first_image(small: Project) -> None:
    """It prepares for the first step that has something to do, once; not if nothing is to run here."""
    small.write("Snakefile", (small.folder / "Snakefile").read_text() + TELL)
    step = {"function": "scripts/analysis.py:measure"}
    images = {"table": "config/images.csv", "root": "images"}
    second = {**step, "threads": 2, "needs": ["measure"], "params": {"scale": 2}}
    small.configure(images=images, steps={"measure": step, "second": second})
    for options in (("-n",), ("--touch",), ("--summary",), ("--list-rules",)):
        assert "prepares" not in small.snakemake(*options).out
    assert "prepares" not in small.snakemake("measure_p0", environment={"PIXMAKE_WARM": "0"}).out
    first = small.snakemake()
    assert first.code == 0, first.err
    assert first.out.count("prepares") == first.out.count("prepares logs/measure/p1.log threads 1") == 1
    again = small.snakemake()
    assert again.code == 0
    assert "prepares" not in again.out
    second["params"] = {"scale": 3}
    small.configure(images=images, steps={"measure": step, "second": second})
    last = small.snakemake()
    assert last.code == 0, last.err
    assert last.out.count("prepares") == last.out.count("prepares logs/second/p0.log threads 2") == 1


def test_a_python_that_does_not_start(small: Project) -> None:
    """It is for the images to tell; each has its record."""
    broken = small.write("broken", "#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    step = {"function": "scripts/analysis.py:measure", "python": str(broken)}
    small.configure(images={"table": "config/images.csv", "root": "images"}, steps={"measure": step})
    ended = small.snakemake()
    assert ended.code == 1
    assert "4 of 4 images failed" in ended.err
    assert "Traceback" not in ended.err
