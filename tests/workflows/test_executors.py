"""Settings of the machine, and slices, in whole runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.conftest import Project


def test_settings_reach_the_rules(small: Project, tmp_path: Path) -> None:
    """An executor of the machine's settings gives a step its threads; `--parallel-config` names them."""
    small.write(
        "scripts/analysis.py",
        "import os\n\n\ndef measure(image):\n    return {'threads': os.environ['OMP_NUM_THREADS']}\n",
    )
    settings = tmp_path / "settings.toml"
    settings.write_text('cores = 2\n[executors.two]\nthreads = 2\n[steps]\nmeasure = "two"\n')
    ended = small.pixmake("run", "--parallel-config", str(settings))
    assert ended.code == 0, ended.err
    assert {row["threads"] for row in small.rows()} == {"2"}
    # where it runs is not what it gives
    assert "Nothing to be done" in small.snakemake().err
    shown = small.pixmake("config", "show", "--parallel-config", str(settings)).out
    assert ["steps.measure.threads", "2", str(settings)] in [line.split() for line in shown.splitlines()]
    settings.write_text('[steps]\nmeasure = "tow"\n')
    ended = small.snakemake(environment={"PIXMAKE_CONFIG": str(settings)})
    assert ended.code == 1
    assert ended.last_words.endswith("there is no executor 'tow' (known: default)")


@pytest.mark.slow
def test_slices_give_the_tables_of_one_run(small: Project) -> None:
    """A table in slices gives the same tables, says how many failed, and does nothing twice."""
    small.write("images/p2.png", b"broken")
    assert small.snakemake().code == 1
    tables = small.tables()
    assert small.snakemake("--delete-all-output").code == 0
    ended = small.pixmake("run", "--batches", "3", "--cores", "2")
    assert ended.code == 1
    assert ended.last_words.startswith("1 of 4 images failed: see results/failures.csv")
    assert small.tables() == tables
    started = small.started()
    small.draw("images/p2.png", level=3)
    again = small.pixmake("run", "--batches", "3", "--cores", "2")
    assert again.code == 0, again.err
    assert {job for job, when in small.started().items() if started[job] != when} == {"measure/p2"}


@pytest.mark.slow
def test_steps_over_several_images_run_behind_slices(small: Project) -> None:
    """What needs all images runs in the last run, which tries no failed image again."""
    small.write("images/p2.png", b"broken")
    config = yaml.safe_load((small.folder / "config/config.yaml").read_text())
    small.write("scripts/rank.py", "def rank(measurements):\n    return {'images': len(measurements)}\n")
    config["steps"]["rank"] = {"function": "scripts/rank.py:rank", "needs_all": ["measure"], "per": "all"}
    small.write("config/config.yaml", json.dumps(config))
    ended = small.pixmake("run", "--batches", "2", "--cores", "2")
    assert ended.code == 1
    assert "slice 2 of 2, to run: 2 × measure" in ended.err
    assert small.record("rank", "all")["measurements"]["images"]["value"] == 3
    assert len(list((small.folder / "results/.failures").rglob("p2*"))) == 1
    assert (small.folder / "results/.failures/measure/p2").read_text().count("\n") == 1


@pytest.mark.slow
def test_a_large_run_is_cut_into_slices(small: Project) -> None:
    """`pixmake run` does it by itself, with one sum and one status; Snakemake says what it would take."""
    limits = "import pixmake.plan.batches as b\nb.MOST_MB, b.SLICE_JOBS = 0.1, 2\n"
    small.write("Snakefile", limits + (small.folder / "Snakefile").read_text())
    looked = small.snakemake("-n")
    assert "`pixmake run` does them in 2 slices" in looked.err
    ended = small.pixmake("run", "--cores", "2")
    assert ended.code == 0, ended.err
    assert ended.err.count("images = ") == 1
    assert "4 images = 4 measured" in ended.err
    again = small.pixmake("run", "--cores", "2")
    assert "slice" not in again.err
    assert "Nothing to be done" in again.err


LIMITS = """\
import atexit
import os
import signal
import pixmake.plan.batches as b

b.MOST_MB, b.SLICE_JOBS = 0.1, 2
if os.environ.get("PIXMAKE_SLICE") == "1/2" and os.path.exists("interrupt"):
    atexit.register(os.kill, os.getppid(), signal.SIGINT)
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
"""
"""What cuts four images into two slices, and where it is asked for presses Ctrl-C as the first one ends."""


@pytest.mark.slow
def test_failures_of_a_slice_are_in_the_sum(small: Project) -> None:
    """All slices run, whatever fails in the first; one sum and one status tell of all of them."""
    small.write("Snakefile", LIMITS + (small.folder / "Snakefile").read_text())
    small.write("images/p0.png", b"broken")
    ended = small.pixmake("run", "--cores", "2")
    assert ended.code == 1
    assert "slice 2 of 2" in ended.err
    assert ended.err.count("images = ") == 1
    assert "4 images = 3 measured + 1 failed" in ended.err
    assert ended.last_words.startswith("1 of 4 images failed: see results/failures.csv")
    small.draw("images/p0.png", level=3)
    again = small.pixmake("run", "--cores", "2")
    assert again.code == 0, again.err
    assert "4 images = 4 measured" in again.err


@pytest.mark.slow
def test_ctrl_c_between_slices(small: Project) -> None:
    """It ends the run, also where it comes when a slice is just done; the next run does what is left."""
    small.write("Snakefile", LIMITS + (small.folder / "Snakefile").read_text())
    small.write("interrupt", "")
    ended = small.pixmake("run", "--cores", "2")
    assert ended.code == 130, ended.err
    assert "slice 2 of 2" not in ended.err
    assert "Traceback" not in ended.err
    started = small.started()
    assert len(started) == 2
    (small.folder / "interrupt").unlink()
    again = small.pixmake("run", "--cores", "2")
    assert again.code == 0, again.err
    assert "4 images = 4 measured" in again.err
    assert {job: when for job, when in small.started().items() if job in started} == started
