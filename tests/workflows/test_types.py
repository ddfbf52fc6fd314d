"""The types of the public names, as mypy sees them in a user's own file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

USER = """\
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt
import pandas as pd

from pixmake import Failed, Measurement, Parallel, ParallelConfig, Project, Run, Task, map_images, step


def length(text: str) -> int:
    return len(text)


def measure(image: npt.NDArray[np.uint8], *, level: int = 3) -> dict[str, Any]:
    return {"area": Measurement(int((image > level).sum()), unit="pixels")}


assert_type(Parallel([Task(length, "a"), Task(length, "b")]).run(), list[int])
assert_type(Parallel([Task(length, "a")], pass_fail_job=True).run(), list[int | Failed])
for result in Parallel([lambda: length("a")], pass_fail_job=True, threading=False).run():
    if isinstance(result, Failed):
        print(result.exception, result.traceback)
    else:
        assert_type(result, int)

assert_type(map_images(measure, "images", cores=2, params={"level": 4}, on_error="stop"), pd.DataFrame)
first = step(measure, files={"mask": "png"})
project = Project.from_steps([step("a.py:b", needs=[first])], images="images", results="out")
with ParallelConfig(mapping={"b": "default"}):
    run = project.run(cores=2, profile="slurm")
assert_type(run, Run)
assert_type(run.result(timeout=3), pd.DataFrame)
assert_type(run.progress.done, int)
assert_type(project.plan.ids, list[str])
"""

WRONG = {
    'map_images(measure, "images", on_error="ignore")': 'Argument "on_error"',
    'step(measure, needs=["first"])': "List item 0",
    "project.run(cores='two')": 'Argument "cores"',
    "Parallel([3])": 'Argument 1 to "Parallel"',
}


@pytest.mark.slow
def test_a_user_file_is_strictly_typed(tmp_path: Path) -> None:
    """What is right passes `mypy --strict`, what is wrong does not."""
    (tmp_path / "user.py").write_text(USER + "".join(f"{line}\n" for line in WRONG))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "user.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    first_wrong = USER.count("\n") + 1
    lines = [int(line.split(":")[1]) for line in errors]
    assert lines == list(range(first_wrong, first_wrong + len(WRONG))), done.stdout
    for error, words in zip(errors, WRONG.values(), strict=True):
        assert words in error
