"""`pixmake explain ID --history`: when a record was made, of what, and what was new each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pixmake.cli.command_line import main
from pixmake.job.record import Failure, Record, write_record
from pixmake.results.history import FOLDER, history
from pixmake.results.record_lines import gather

IDS = ("p1", "p10", 'ü "1"')


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    config = "images: {table: images.csv}\nsteps: {measure: {function: 'a.py:f'}}\n"
    (tmp_path / "config/config.yaml").write_text(config)
    return tmp_path


def make(
    job_id: str, day: int, value: Any = 1, *, failures: int = 0, source: str = "a1", **params: Any
) -> None:
    """Leave a record as a job does."""
    error = Failure("ValueError", "no plant") if value is None else None
    task = {"source": source, "params": params, "work": {"function": "a.py:f"}, "failures": failures}
    record = Record(
        job_id,
        "measure",
        "failed" if error else "ok",
        {"plant": "P"},
        {} if error else {"area": {"value": value}},
        error=error,
        run={"started": f"2026-03-{day:02}T09:00:00.123+00:00", "python": "3.11", "host": "here"},
        images=[f"{job_id}.png"],
        origin={"task": task, "inputs": [], "rule": ""},
    )
    write_record(record, f"results/measure/{job_id}.json")


def tables() -> None:
    """Gather the records, as a run does before it writes its tables."""
    gather([f"results/measure/{job_id}.json" for job_id in IDS], "results/.records.jsonl")


def test_history_says_what_was_new_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Params, source, another image, and no change at all are told apart; other images have no say."""
    for job_id in IDS:
        make(job_id, 1, min_area=200)
    tables()
    tables()  # nothing is new, so nothing is noted
    assert [made.started for made in history("results", "p1")] == ["2026-03-01T09:00:00"]
    make("p1", 2, 7, min_area=300)
    tables()
    make("p1", 3, None, source="b2", min_area=300)
    tables()
    make("p1", 4, 7, source="b2", failures=1, min_area=300)
    tables()
    assert main(["explain", "p1", "--history"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "measure of p1"
    when = [line[2:29] for line in told if line.startswith("  2026")]
    assert when == [
        f"2026-03-0{day} 09:00:00  {status}"
        for day, status in enumerate(("ok    ", "ok    ", "failed", "ok    "), 1)
    ]
    assert [line.strip() for line in told if line.startswith("     ")] == [
        "parameter min_area was 200 and is 300",
        "other values were measured",
        "the function, or what it uses, has changed",
        "other values were measured",
        "made of the same",
        "other values were measured",
    ]
    assert [len(history("results", job_id)) for job_id in IDS] == [4, 1, 1]
    assert main(["explain", "p2", "--history"]) == 1
    assert "nothing is noted of 'p2'" in capsys.readouterr().err


def test_what_a_kill_or_a_full_disk_leaves_ends_nothing(project: Path) -> None:
    """An entry that was cut is passed over, what comes after it is read; no history, no harm."""
    for job_id in IDS:
        make(job_id, 1)
    tables()
    (file,) = (project / FOLDER).iterdir()
    file.write_bytes(file.read_bytes() + b'\n{"source":"a1"}\n["p1","2026-03-02T')
    make("p1", 3)
    tables()
    assert [made.started[8:10] for made in history("results", "p1")] == ["01", "03"]
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("in the way")
    make("p1", 4)
    tables()
    assert history("results", "p1") == []


def test_a_run_of_many_images_takes_few_bytes(project: Path) -> None:
    """What images share stands once: an image and run takes less than 100 bytes a step."""
    for number in range(100):
        make(f"plate3_A{number:02}_2026-03-12", 1, min_area=200, names=["of params"] * 20)
    paths = [str(path) for path in sorted(Path("results/measure").iterdir())]
    gather(paths, "results/.records.jsonl")
    assert sum(path.stat().st_size for path in (project / FOLDER).iterdir()) < 100 * 100
