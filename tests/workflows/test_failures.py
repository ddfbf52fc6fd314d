"""What a failed image does to a run: nothing to the others, and never silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.conftest import Project

Changed = Callable[[Project, Mapping[str, str]], set[str]]

ANALYSIS = """\
import ctypes
import os
import time


def measure(image, meta):
    match meta.get("do"):
        case "raise":
            raise ValueError("no plant in this picture")
        case "exit":
            os._exit(3)
        case "crash":
            ctypes.string_at(0)
        case "hang":
            time.sleep(1000)
    return {"mean": float(image.mean())}
"""

REASONS = {
    "truncated": ("ImageError", "images/truncated.png: the file is cut short: its last part is missing"),
    "empty": ("ImageError", "images/empty.png: the file is empty (0 bytes)"),
    "text": (
        "ImageError",
        "images/text.png: is of no image format that pixmake knows: it begins with the bytes "
        "74 68 69 73 20 69 73 20 (let the function ask for `path` in place of `image`)",
    ),
    "raise": ("ValueError", "no plant in this picture"),
    "exit": ("CrashError", "its process ended by itself with exit status 3"),
    "crash": ("CrashError", "its process was killed by SIGSEGV (signal 11)"),
    "hang": ("TimeoutError", "took longer than the step's timeout of 2 s"),
}


def configure(project: Project, **keys: object) -> None:
    step = {"function": "scripts/analysis.py:measure", "timeout": 2}
    project.configure(
        images={"table": "config/images.csv", "root": "images"}, steps={"measure": step}, **keys
    )


@pytest.fixture
def trial(project: Project) -> Project:
    """24 images: 17 good ones, and seven that each fail in a way of their own."""
    project.write("scripts/analysis.py", ANALYSIS)
    configure(project)
    rows = []
    for number in range(17):
        project.draw(f"images/good{number:02}.png", level=10 * number)
        rows.append({"path": f"good{number:02}.png", "do": ""})
    for position, name in enumerate(REASONS):
        path = project.draw(f"images/{name}.png", level=3)
        if name == "truncated":
            path.write_bytes(path.read_bytes()[:-400])
        elif name == "empty":
            path.write_bytes(b"")
        elif name == "text":
            path.write_text("this is no picture")
        rows.insert(3 * position, {"path": f"{name}.png", "do": name})
    project.list_images(rows)
    return project


def test_seven_of_24_fail_each_with_its_reason(trial: Project, ran_since: Changed) -> None:
    """The others are measured; the run ends with 1 and says so; the next one tries the seven again."""
    ended = trial.snakemake()
    assert ended.code == 1
    assert (
        ended.last_words == "7 of 24 images failed: see results/failures.csv. The next run tries them again."
    )
    assert "Traceback" not in ended.err
    assert [row["id"] for row in trial.rows()] == [f"good{number:02}" for number in range(17)]
    failures = {row["id"]: (row["error"], row["message"]) for row in trial.rows("failures.csv")}
    assert failures == REASONS
    for row in trial.rows("failures.csv"):
        assert REASONS[row["id"]][1] in (trial.folder / row["log"]).read_text()
    assert "scripts/analysis.py" in trial.record("measure", "raise")["error"]["traceback"]
    assert trial.record("measure", "hang")["run"]["seconds"] >= 2

    status = trial.pixmake("status")
    assert status.out.split() == ["step", "done", "failed", "to", "do", "measure", "17", "7", "0"]

    before, tables = trial.started(), trial.tables()
    configure(trial, max_failures=7)
    again = trial.snakemake()
    assert again.code == 0
    assert again.last_words.startswith(
        "7 of 24 images failed, as max_failures allows: see results/failures.csv"
    )
    assert ran_since(trial, before) == {f"measure/{name}" for name in REASONS}
    assert trial.tables() == tables

    before = trial.started()
    configure(trial)
    rows = [{"path": f"{name}.png", "do": ""} for name in REASONS]
    for name in ("truncated", "empty", "text"):
        trial.draw(f"images/{name}.png", level=90)
    good = [{"path": f"good{number:02}.png", "do": ""} for number in range(17)]
    trial.list_images([*rows, *good])
    healed = trial.snakemake()
    assert healed.code == 0
    assert healed.last_words == "24 of 24 images done"
    assert ran_since(trial, before) == {f"measure/{name}" for name in REASONS}
    assert trial.rows("failures.csv") == []
    assert "Nothing to be done" in trial.snakemake().err


@pytest.mark.slow
def test_plain_processes_give_the_same(trial: Project) -> None:
    """Without the warm process every image runs in a process of its own, to the same tables."""
    trial.snakemake()
    warm = trial.tables()
    assert trial.record("measure", "good00")["run"]["warm"] is True
    for path in (trial.folder / "results").rglob("*"):
        if path.is_file():
            path.unlink()
    ended = trial.snakemake(environment={"PIXMAKE_WARM": "0"})
    assert ended.code == 1
    assert trial.record("measure", "good00")["run"]["warm"] is False
    assert trial.tables() == warm


def test_memory_limit_ends_only_that_image(small: Project) -> None:
    """An image that needs more than `resources.mem_mb` fails and says so; its neighbours do not."""
    small.write(
        "scripts/analysis.py",
        "import numpy as np\n\n\ndef measure(image, meta):\n"
        "    size = 10**9 if meta['plant'] == 'P2' else 10\n"
        "    return {'sum': float(np.ones(size).sum())}\n",
    )
    step = {"function": "scripts/analysis.py:measure", "resources": {"mem_mb": 300}}
    small.configure(images={"table": "config/images.csv", "root": "images"}, steps={"measure": step})
    assert small.snakemake().code == 1
    (failed,) = small.rows("failures.csv")
    assert (failed["id"], failed["error"]) == ("p2", "MemoryError")
    assert failed["message"] == "needs more memory than resources.mem_mb allows (300 MB)"
    assert len(small.rows()) == 3


def test_retries_within_one_run(small: Project) -> None:
    """An image that fails at first and is tried again is done, and its record says which attempt it was."""
    small.write(
        "scripts/analysis.py",
        "from pathlib import Path\n\n\ndef measure(path):\n"
        "    seen = Path(path + '.seen')\n"
        "    if not seen.exists():\n"
        "        seen.touch()\n"
        "        raise OSError('the disk was busy')\n"
        "    return {'size': Path(path).stat().st_size}\n",
    )
    step = {"function": "scripts/analysis.py:measure", "retries": 2}
    small.configure(images={"table": "config/images.csv", "root": "images"}, steps={"measure": step})
    ended = small.snakemake()
    assert ended.code == 0, ended.err
    assert {small.record("measure", f"p{number}")["run"]["attempt"] for number in range(4)} == {2}
    assert not (small.folder / "results/.failures").exists()


def test_failed_step_stops_what_needs_it(small: Project) -> None:
    """Steps that need a failed one do not run for that image; it counts once."""
    small.write(
        "scripts/analysis.py",
        "def first(image, meta):\n"
        "    if meta['plant'] == 'P1':\n"
        "        raise ValueError('blurred')\n"
        "    return {'mask': image > 3}\n\n\n"
        "def second(mask):\n"
        "    return {'n': int(mask.size)}\n",
    )
    file = "scripts/analysis.py"
    steps = {
        "first": {"function": f"{file}:first", "files": {"mask": "png"}},
        "second": {"function": f"{file}:second", "needs": ["first"]},
    }
    small.configure(images={"table": "config/images.csv", "root": "images"}, steps=steps)
    ended = small.snakemake()
    assert ended.last_words.startswith("1 of 4 images failed")
    assert [(row["id"], row["step"], row["message"]) for row in small.rows("failures.csv")] == [
        ("p1", "first", "blurred")
    ]
    assert small.record("second", "p1")["error"]["message"] == "step first failed for this image"
    assert [row["id"] for row in small.rows()] == ["p0", "p2", "p3"]


SECOND_FAILS = """\
import os


def measure(meta):
    os.makedirs(f"begun/{meta['path']}")
    if len(os.listdir("begun")) == 2:
        raise ValueError("no")
"""


def test_on_error_stop(small: Project) -> None:
    """With `on_error: stop` the first failure ends the run, as Snakemake does by itself; no other begins."""
    small.write("scripts/analysis.py", SECOND_FAILS)
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        on_error="stop",
    )
    ended = small.snakemake("--cores", "1")
    assert ended.code == 1
    assert ended.err.count("failed; its log: logs/measure/") == 1
    assert len(list((small.folder / "begun").iterdir())) == 2
    assert not (small.folder / "results/measurements.csv").exists()
    assert len(list(Path(small.folder / "results/measure").glob("*.json"))) == 1


def test_retry_asks_for_an_image_again(small: Project, ran_since: Changed) -> None:
    """`pixmake retry ID` runs one image again in the next run, though it was done."""
    assert small.snakemake().code == 0
    before = small.started()
    assert small.pixmake("retry", "p2").out == "1 image will run again in the next run\n"
    assert "  1 × measure: `pixmake retry` asked for it\n" in small.snakemake("-n").out
    assert small.snakemake().code == 0
    assert ran_since(small, before) == {"measure/p2"}
    unknown = small.pixmake("retry", "p9")
    assert unknown.code == 1
    assert unknown.err == "pixmake: no image has the id 'p9' (known: p0, p1, p2, p3)\n"
