"""Files that arrive: which are whole, which are left, and whose failures are tried again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from pixmake.job.record import Failure, Record, note_failure, write_record
from pixmake.plan.plan import plan_project
from pixmake.progress.status import ASKED
from pixmake.table.arrivals import (
    ENVIRONMENT,
    Arrivals,
    failures_to_retry,
    is_unfinished,
    look,
    only_arrived,
    write_arrived,
)
from pixmake.table.table import make_table


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_whole_once_it_stays() -> None:
    """Not at first sight, nor while it grows; one that changes later is taken as it was until then."""
    file = Path("a.png")
    arrivals = look(Arrivals(), ["a.png", "none.png"], now=0, settle=5)
    assert not arrivals.seen
    file.write_bytes(b"half")
    arrivals = look(arrivals, ["a.png"], now=1, settle=5)
    arrivals = look(arrivals, ["a.png"], now=4, settle=5)
    assert arrivals.waiting == ["a.png"]
    file.write_bytes(b"half and more")
    arrivals = look(arrivals, ["a.png"], now=7, settle=5)
    assert (arrivals.waiting, dict(arrivals.whole)) == (["a.png"], {})
    arrivals = look(arrivals, ["a.png"], now=12, settle=5)
    assert (arrivals.waiting, list(arrivals.whole)) == ([], ["a.png"])

    first = arrivals.whole["a.png"]
    os.utime(file, ns=(1, 1))
    arrivals = look(arrivals, ["a.png"], now=13, settle=5)
    assert (arrivals.waiting, arrivals.whole["a.png"]) == (["a.png"], first)
    arrivals = look(arrivals, ["a.png"], now=18, settle=5)
    assert arrivals.waiting == []
    assert arrivals.whole["a.png"] != first
    file.unlink()
    assert look(arrivals, ["a.png"], now=19, settle=5).whole == {}


@pytest.mark.parametrize("name", ["a.png.part", ".a.png.k2J1", "a.PNG.TMP", "in/.hidden.png"])
def test_names_of_unfinished_files(name: str) -> None:
    """By its name alone a file is known to be unfinished, however long it stays."""
    assert is_unfinished(name)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).touch()
    arrivals = look(Arrivals(), [name], now=0, settle=0)
    assert look(arrivals, [name], now=9, settle=0).whole == {}


def test_only_what_has_arrived_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a project is watched, rows wait for their files; remote images are taken at once."""
    paths = ["in/a.png", "in/b.png", "s3://lab/c.png"]
    table = make_table({"path": paths, "plant": [1, 2, 3]}, [2, 3, 4], "t.csv")
    assert only_arrived(table) is table
    write_arrived("list.json", ["in/b.png"], again=False)
    monkeypatch.setenv(ENVIRONMENT, "list.json")
    kept = only_arrived(table)
    assert kept.frame["path"].tolist() == paths[1:]
    assert np.array_equal(kept.frame["plant"], [2, 3])
    assert [(note.path, note.where, note.left_out) for note in kept.notes] == [
        ("in/a.png", "t.csv, row 2", True)
    ]


def test_rows_that_wait_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of the source add up while some of their files are still to come."""
    Path("in").mkdir()
    Path("in/a.png").touch()
    Path("t.csv").write_text("path\nin/a.png\nin/b.png\n")
    Path("a.py").write_text("def f(image):\n    return {}\n")
    write_arrived("list.json", ["in/a.png"], again=False)
    monkeypatch.setenv(ENVIRONMENT, "list.json")
    plan = plan_project({"images": {"table": "t.csv"}, "steps": {"s": {"function": "a.py:f"}}}, [])
    assert str(plan.rows) == "2 rows = 1 in images + 1 left out (1 × not here yet, or not whole)"


def test_batches_leave_failed_images_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure counts from the last run on; a job that was asked for, or has succeeded since, is as ever."""
    for job_id, status in (("failed", "failed"), ("asked", "failed"), ("healed", "ok")):
        note_failure("results", "s", job_id, "E: why")
        error = Failure("E", "why") if status == "failed" else None
        record = Record(job_id, "s", status, error=error)  # type: ignore[arg-type]
        write_record(record, f"results/s/{job_id}.json")
    note_failure("results", "s", "asked", ASKED)
    assert failures_to_retry("results", "s") == {"failed": 1, "asked": 2, "healed": 1}
    Path("list.json").write_text(json.dumps({"arrived": [], "again": False}))
    monkeypatch.setenv(ENVIRONMENT, "list.json")
    assert failures_to_retry("results", "s") == {"failed": 0, "asked": 2, "healed": 1}
    Path("list.json").write_text(json.dumps({"arrived": [], "again": True}))
    assert failures_to_retry("results", "s") == {"failed": 1, "asked": 2, "healed": 1}
