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


def test_steps_over_several_images_cannot_be_sliced(small: Project) -> None:
    config = yaml.safe_load((small.folder / "config/config.yaml").read_text())
    config["steps"]["rank"] = {"function": "scripts/analysis.py:measure", "needs_all": ["measure"]}
    small.write("config/config.yaml", json.dumps(config))
    ended = small.pixmake("run", "--batches", "2", "--cores", "2")
    assert ended.code == 1
    assert "steps.rank: depends on more images than one: it cannot be run with --batches" in ended.err
