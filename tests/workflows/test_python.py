"""From Python: `map_images`, `Project`, `Run`, `step` and `ParallelConfig`, through real Snakemake runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml
from tests.conftest import Project as Folder

from pixmake import FailedImagesWarning, ParallelConfig, PixmakeError, Project, RunError, map_images, step
from pixmake.config.models import Step

ANALYSIS = """\
import time


def segment(image, *, level=100):
    return {"mask": image[..., 0] > level}


def measure(image, mask, *, factor=1):
    if image.mean() < 20:
        raise ValueError("too dark")
    return {"area": int((mask > 0).sum()) * factor}


def slow(image):
    time.sleep(30)
    return {}
"""


@pytest.fixture
def trial(small: Folder) -> Folder:
    """Four images, of which the first is too dark to be measured."""
    small.write("scripts/plants.py", ANALYSIS)
    return small


def two_steps(folder: Path) -> Project:
    segment = step("scripts/plants.py:segment", files={"mask": "png"})
    measure = step("scripts/plants.py:measure", needs=[segment], params={"factor": 2})
    images = {"table": "config/images.csv", "root": "images"}
    return Project.from_steps([measure], images=images, folder=folder, max_failures=1)


def test_map_images_of_a_script(trial: Folder) -> None:
    """A function of a running script, a folder, relative paths; a failed image has its reason in its row."""
    trial.write(
        "look.py",
        """
import numpy as np
from pixmake import map_images

DARK = 20

def checked(image):
    if image.mean() < DARK:
        raise ValueError("too dark")
    return image

def look(image, meta, *, add):
    return {"found": float(np.median(checked(image)) > 0) + add}

table = map_images(look, "images", cores=2, params={"add": np.float64(1000)})
print(table.to_csv(index=False, float_format="%.0f"), end="")
""",
    )
    before = set(trial.folder.iterdir())
    ended = trial.run("look")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        "id,path,found,error",
        "p0,p0.png,,ValueError: too dark",
        "p1,p1.png,1001,",
        "p2,p2.png,1001,",
        "p3,p3.png,1001,",
    ]
    assert {path.name for path in set(trial.folder.iterdir()) - before} <= {"__pycache__"}


def test_map_images_goes_on_from_its_results(
    trial: Folder, ran_since: Callable[[Folder, Mapping[str, str]], set[str]]
) -> None:
    """`results=` is a project like any other: only what is new, has changed or failed runs again."""
    images, results = trial.folder / "images", trial.folder / "results"
    function = f"{trial.folder}/scripts/plants.py:segment"
    trial.write(
        "scripts/plants.py",
        ANALYSIS.replace('{"mask": image', '{"mask": float(image').replace("> level}", "[0, 0] > level)}"),
    )

    first = map_images(function, images, cores=2, results=results)
    assert list(first["id"]) == ["p0", "p1", "p2", "p3"]
    assert list(pd.read_csv(results / "measurements.csv")["mask"]) == list(first["mask"])
    begun = trial.started()
    trial.draw("images/p4.png", level=160)
    trial.draw("images/p1.png", level=200)
    again = map_images(function, images, cores=2, results=results)
    assert list(again["id"]) == ["p0", "p1", "p2", "p3", "p4"]
    assert ran_since(trial, begun) == {"segment/p1", "segment/p4"}
    project = Project(results / "config/config.yaml")
    assert list(project.results.measurements["mask"]) == list(again["mask"])


def test_map_images_with_a_model_that_is_loaded_once(trial: Folder) -> None:
    """A function of the same script makes the argument `model`; that it ran is to be seen in a file."""
    loads = trial.folder / "loads"
    trial.write(
        "look.py",
        f"""
from pixmake import map_images

LOADS = {str(loads)!r}

def load_model():
    with open(LOADS, "a") as loads:
        loads.write("once ")
    return 1000

def look(image, model):
    return {{"found": model}}

table = map_images(look, "images", cores=2, load=load_model)
print(list(table.found), list(table.error))
""",
    )
    ended = trial.run("look")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == ["[1000, 1000, 1000, 1000] [None, None, None, None]"]
    assert loads.read_text() == "once "


def test_map_images_tells_why_a_model_cannot_be_loaded(trial: Folder) -> None:
    """With the line of the loader: the folder in which its log stands is gone by then."""
    trial.write(
        "look.py",
        """
from pixmake import map_images

def load_model():
    raise OSError("no weights")

def look(image, model):
    return {}

try:
    map_images(look, "images", cores=2, load=load_model)
except Exception as error:
    print(type(error).__name__, error)
""",
    )
    ended = trial.run("look")
    assert ended.code == 0, ended.err
    first, *log = ended.out.splitlines()
    assert first.startswith("RunError steps.look.load.model: ")
    assert first.endswith("load_model: OSError: no weights")
    assert f"{trial.folder}/look.py:load_model" in first
    assert "scripts/load_model.py" not in ended.out
    assert "pixmake-" not in ended.out.replace(str(trial.folder), "")
    assert "look.py, line 5, in load_model" in ended.out
    assert log[-1] == "OSError: no weights"


def test_map_images_stops_at_the_first_failure(trial: Folder) -> None:
    """With the reason and the traceback of the function."""
    function = f"{trial.folder}/scripts/plants.py:slow"
    trial.write("scripts/plants.py", "def slow(image):\n    raise ValueError('no plant')\n")
    with pytest.raises(RunError, match="no plant") as caught:
        map_images(function, trial.folder / "images", cores=1, on_error="stop")
    assert "scripts/plants.py" in str(caught.value)
    assert "slow of p" in str(caught.value)


def test_pipeline_runs_and_is_saved(trial: Folder) -> None:
    """Steps of Python are the config that a person would write: saved, `snakemake` finds nothing to do."""
    project = two_steps(trial.folder)
    project.check()
    assert list(project.table.columns) == ["id", "path", "plant"]
    assert list(project.table["id"]) == ["p0", "p1", "p2", "p3"]
    assert project.plan.counts["measure"].to_do == 4
    assert set(project.plan.jobs["step"]) == {"segment", "measure"}

    run = project.run(cores=2)
    with pytest.warns(FailedImagesWarning, match="1 of 4 images failed: ValueError: too dark; see its fail"):
        table = run.result(timeout=100)
    assert run.done()
    assert run.progress.state == "done"
    assert run.progress.done == run.progress.total == 4
    assert list(table["id"]) == ["p1", "p2", "p3"]
    assert set(table["step"]) == {"measure"}
    assert list(run.failures["id"]) == ["p0"]
    assert list(run.failures["message"]) == ["too dark"]
    assert project.plan.counts["measure"].failed == 1

    saved = project.save("config/config.yaml")
    content = yaml.safe_load(saved.read_text())
    assert content["steps"]["measure"] == {
        "function": "scripts/plants.py:measure",
        "needs": ["segment"],
        "params": {"factor": 2},
    }
    begun = trial.started()
    assert trial.snakemake().code == 0
    assert {job for job, start in trial.started().items() if begun[job] != start} == {"measure/p0"}
    assert list(Project(saved).results.measurements["area"]) == list(table["area"])


def test_wrong_projects_start_nothing(trial: Folder) -> None:
    """All that is wrong is told, and no process is started."""
    trial.configure(
        images={"table": "config/images.csv", "root": "elsewhere"},
        steps={"measure": {"function": "scripts/plants.py:mesure"}},
    )
    project = Project(trial.folder / "config/config.yaml")
    for attempt in (project.check, project.run, lambda: project.plan, lambda: project.table):
        with pytest.raises(PixmakeError) as caught:
            attempt()
        assert len(caught.value.problems) == 5
    assert not (trial.folder / ".snakemake").exists()


def test_another_config_that_fails(trial: Folder) -> None:
    """`Project("config/other.yaml")` is not mixed with config.yaml; too many failures are an error."""
    other = {
        "images": {"table": "config/images.csv", "root": "images"},
        "steps": {
            "mask": {"function": "scripts/plants.py:segment", "files": {"mask": "png"}},
            "area": {"function": "scripts/plants.py:measure", "needs": ["mask"]},
        },
        "results": "others",
    }
    trial.write("config/other.yaml", yaml.safe_dump(other))
    project = Project(trial.folder / "config/other.yaml")
    with pytest.raises(PixmakeError, match="did you mean 'default'"):
        project.run(profile="defualt")
    run = project.run(cores=2, profile="default")
    with pytest.warns(FailedImagesWarning, match="1 of 4 images failed"):
        assert len(run.result()) == 3
    with pytest.raises(RunError, match="1 of 4 images failed: ValueError: too dark") as caught:
        run.result(strict=True)
    assert run.state == "failed"
    assert run.progress.failed == 1
    assert len(caught.value.run.measurements) == 3
    assert (trial.folder / "others/mask").is_dir()
    assert not (trial.folder / "others/measure").exists()


@pytest.mark.skipif("executor" not in Step.model_fields, reason="this version knows no executors")
def test_executors_for_what_runs_inside(trial: Folder) -> None:
    """A ParallelConfig reaches the run itself; an executor that is not there is told before it starts."""
    project = two_steps(trial.folder)
    with ParallelConfig({"cores": 3, "executors": {"big": {"threads": 2}}}, mapping={"segment": "big"}):
        run = project.run()
    assert {step.name: step.placement.threads for step in run.results.plan.steps} == {
        "segment": 2,
        "measure": 1,
    }
    run.result()
    (log,) = (trial.folder / ".snakemake/log").glob("*.snakemake.log")
    assert "Provided cores: 3" in log.read_text()
    with ParallelConfig(mapping={"segment": "big"}), pytest.raises(PixmakeError, match="no executor 'big'"):
        project.run()
    assert "PIXMAKE_CONFIG" not in os.environ


def processes_in(folder: Path) -> list[psutil.Process]:
    """Processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def wait_for(what: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


def slow_run(folder: Path) -> Project:
    return Project.from_steps([step("scripts/plants.py:slow")], images="images", folder=folder)


def test_cancel_ends_all(trial: Folder) -> None:
    """A run goes on by itself, is watched, is cancelled, and leaves no process and no lock."""
    project = slow_run(trial.folder)
    run = project.run(cores=2)
    with pytest.raises(TimeoutError, match="running"):
        run.result(timeout=0.1)
    assert wait_for(lambda: run.progress.total > 0)
    assert not run.done()
    assert run.cancel()
    assert run.progress.state == "cancelled"
    with pytest.raises(RunError, match="cancelled"):
        run.result()
    assert not run.cancel()
    assert wait_for(lambda: processes_in(trial.folder) == [])
    assert list((trial.folder / ".snakemake/locks").glob("*")) == []


# the last: as of a command that a shell script has put into the background
@pytest.mark.parametrize(
    ("how", "shell"),
    [
        (signal.SIGINT, []),
        (signal.SIGKILL, []),
        (signal.SIGKILL, ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]),
    ],
)
def test_a_run_ends_with_its_python(trial: Folder, how: signal.Signals, shell: list[str]) -> None:
    """Whatever way the Python that started it ends."""
    code = "import sys; from pixmake import Project; run = Project(sys.argv[1]).run(); print(1); run.result()"
    trial.configure(images={"directory": "images"}, steps={"slow": {"function": "scripts/plants.py:slow"}})
    process = subprocess.Popen(
        [*shell, sys.executable, "-uc", code, str(trial.folder / "config/config.yaml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    assert wait_for((trial.folder / "logs/slow").is_dir)
    os.killpg(process.pid, how)
    _, said = process.communicate(timeout=30)
    assert process.returncode == -how
    assert (b"the next run goes on from here" in said) == (how == signal.SIGINT)
    assert wait_for(lambda: processes_in(trial.folder) == [])
