"""A user's own file, held to `mypy --strict` in `make check`: what is wrong in it has to be told."""

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

# each of these is an error of the user's: mypy would tell of an `ignore` that is not needed
map_images(measure, "images", on_error="ignore")  # type: ignore[arg-type]
step(measure, needs=["first"])  # type: ignore[list-item]
project.run(cores="two")  # type: ignore[arg-type]
Parallel([3])  # type: ignore[arg-type]
