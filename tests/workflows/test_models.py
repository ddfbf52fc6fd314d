"""What a step loads once (`load`): shared by all its images, each as apart as without."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from tests.conftest import Project

COUNT = 6

CELLS = """\
import os
import time

executed = []
print("the module runs")
executed.append(os.getpid())


def load_model(weight, device, threads):
    print("loading")
    time.sleep(0.3)
    return {"weight": weight, "device": device, "threads": threads, "pid": os.getpid(), "seen": []}


def load_table(path="models/table.txt"):
    return open(path).read().split()


def measure(image, path, model, table, bad=""):
    name = os.path.basename(path)
    print("here is", name)
    model["seen"].append(name)
    if name.startswith(bad or "-"):
        BAD
    return {
        "value": model["weight"] * float(image.mean()),
        "loaded_by": model["pid"],
        "own": os.getpid(),
        "executed_by": executed[0],
        "seen": len(model["seen"]),
        "words": len(table),
        "device": model["device"],
        "threads": model["threads"],
    }
"""


def set_up(
    project: Project, bad: str = "raise ValueError('bad')", *, count: int = COUNT, **step: Any
) -> None:
    project.write("scripts/cells.py", CELLS.replace("BAD", bad))
    project.write("models/table.txt", "a b c")
    for number in range(count):
        project.draw(f"images/p{number}.png", level=20 * number)
    project.list_images([{"path": f"p{number}.png"} for number in range(count)])
    load = {
        "model": "scripts/cells.py:load_model",
        "table": {"function": "scripts/cells.py:load_table", "files": ["models/table.txt"]},
    }
    measure = {"function": "scripts/cells.py:measure", "load": load, "params": {"weight": 2}, **step}
    project.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": measure, "other": {"function": "scripts/analysis.py:measure"}},
    )


def found(project: Project, name: str) -> list[Any]:
    records = [project.record("measure", f"p{number}") for number in range(COUNT)]
    return [each["measurements"][name]["value"] for each in records if each["status"] == "ok"]


def failures(project: Project) -> dict[str, str]:
    ids = [row["id"] for row in project.rows("failures.csv")]
    return {each: project.record("measure", each)["error"]["type"] for each in ids}


def test_a_model_is_loaded_once_and_each_image_has_it_as_it_was(
    project: Project, ran_since: Callable[[Project, Mapping[str, str]], set[str]]
) -> None:
    """By fork: one load, one process an image; a changed model file runs its step again, and no other."""
    set_up(project, threads=2)
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    assert len(set(found(project, "loaded_by"))) == 1
    assert found(project, "executed_by") == found(project, "loaded_by")
    assert len(set(found(project, "own"))) == COUNT
    assert found(project, "seen") == [1] * COUNT
    assert set(found(project, "device")) == {"cpu"}
    assert set(found(project, "threads")) == {2}
    log = (project.folder / "logs/measure.load.log").read_text()
    assert log.count("the module runs") == log.count("loading\n") == 1
    assert (project.folder / "logs/measure/p0.log").read_text() == "here is p0.png\n"
    before = project.started()
    assert project.snakemake().code == 0
    assert ran_since(project, before) == set()
    project.write("models/table.txt", "a b c d")
    assert project.snakemake().code == 0
    assert ran_since(project, before) == {f"measure/p{number}" for number in range(COUNT)}
    assert set(found(project, "words")) == {4}
    files = project.record("measure", "p0")["origin"]["task"]["work"]["load"]["table"]["files"]
    assert len(files["models/table.txt"]) == 64


def test_a_load_that_fails_is_told_once_and_ends_the_run(project: Project) -> None:
    """Within five seconds, without a record of any image; what other steps have done stays."""
    for load_in in ("fork", "process"):
        set_up(project, load_in=load_in, retries=2)
        loader = CELLS.replace("time.sleep(0.3)", "raise OSError('no weights here')")
        project.write("scripts/cells.py", loader)
        ended = project.snakemake()
        over = time.time()
        assert ended.code == 1
        assert ended.err.count("no weights here") == 1, ended.err
        what = "pixmake: steps.measure.load.model: scripts/cells.py:load_model: OSError: no weights here"
        assert f"{what}; see logs/measure.load.log" in ended.err
        assert not list((project.folder / "results").glob("measure/*.json"))
        assert not (project.folder / "results/.failures").exists()
        load_log = project.folder / "logs/measure.load.log"
        assert over - load_log.stat().st_mtime < 10
        log = load_log.read_text()
        traceback = log.partition("Traceback (most recent call last):\n")[2]
        assert traceback.splitlines()[0].strip().endswith('scripts/cells.py", line 11, in load_model'), log
        assert "pixmake/job/" not in log


def test_a_load_that_fails_leaves_older_failures_out_of_the_count(project: Project) -> None:
    """Images that failed in an earlier run, and that this one has not come to, are not run."""
    set_up(project, count=20, params={"weight": 2, "bad": "p"})
    assert "20 of 20 images failed" in project.snakemake("--cores", "2").err
    project.write("scripts/cells.py", CELLS.replace("time.sleep(0.3)", "raise OSError('no weights here')"))
    ended = project.snakemake("--cores", "1")
    assert ended.code == 1
    assert ended.err.count("no weights here") == 1, ended.err
    assert "20 images = 0 measured + 20 not run" in ended.err, ended.err
    assert "failed" not in ended.err, ended.err


CLUSTER = """\
if test -e .snakemake/pixmake/unloaded; then echo late; else echo in time; fi >> submissions.txt
nohup sh "$1" > job.out 2> job.err < /dev/null &
echo $!
"""


def test_a_load_that_fails_on_a_cluster_ends_the_run(project: Project) -> None:
    """No more jobs are sent, what was sent is cancelled, and the message is that of one machine."""
    set_up(project, load_in="fork", retries=2)
    project.write("scripts/cells.py", CELLS.replace("time.sleep(0.3)", "raise OSError('no weights here')"))
    project.write("submit.sh", CLUSTER)
    project.write("logs/measure.load.log", "of an earlier run")
    words = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh submit.sh"]
    words += ["--cluster-generic-cancel-cmd", "kill", "--jobs", "2", "--cores", "1"]
    words += ["--seconds-between-status-checks", "1"]
    ended = project.snakemake(*words)
    over = time.time()
    assert ended.code == 1
    what = "pixmake: steps.measure.load.model: scripts/cells.py:load_model: OSError: no weights here"
    assert ended.err.count("no weights here") == 1, ended.err
    assert f"{what}; see logs/measure.load.log" in ended.err
    log = project.folder / "logs/measure.load.log"
    assert over - log.stat().st_mtime < 10
    assert "of an earlier run" not in log.read_text()
    # of the other step, any number may be done until then; one may just be sent in the moment of the note
    sent = (project.folder / "submissions.txt").read_text().splitlines()
    assert sent.count("late") <= 1 and sent.count("in time") > 0, sent
    assert len(sent) < 2 * COUNT, sent
    assert not list((project.folder / "results").glob("measure/*.json"))


def test_a_serving_process_works_on_image_after_image(project: Project) -> None:
    """What it loaded stays; each image has its own log, its record its own facts."""
    set_up(project, load_in="process", load_slots=1)
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    assert len(set(found(project, "own"))) == 1
    assert found(project, "own") == found(project, "loaded_by") == found(project, "executed_by")
    assert sorted(found(project, "seen")) == [1, 2, 3, 4, 5, 6]
    assert (project.folder / "logs/measure/p3.log").read_text() == "here is p3.png\n"
    assert project.record("measure", "p3")["run"]["cpu_seconds"] < 0.3


BAD = {
    "p0": ("raise ValueError('bad')", "ValueError"),
    "p1": ("os.abort()", "CrashError"),
    "p2": ("os._exit(68)", "CrashError"),  # what the warm process answers where nothing could be loaded
    "p3": ("time.sleep(900)", "TimeoutError"),
    "p4": ("bytearray(3_000_000_000)", "MemoryError"),
}


@pytest.mark.parametrize("load_in", ["fork", "process"])
def test_an_image_fails_alone(project: Project, load_in: str) -> None:
    """Whatever an image does to its process, the others are measured, from a model that is loaded anew."""
    bad = "\n".join(f"        if name == '{name}.png': {code}" for name, (code, _) in BAD.items())
    more = {"timeout": 3, "resources": {"mem_mb": 500}}
    set_up(project, f"pass\n{bad}", load_in=load_in, params={"weight": 2, "bad": "p"}, **more)
    ended = project.snakemake()
    assert ended.code == 1, ended.err
    assert failures(project) == {name: kind for name, (_, kind) in BAD.items()}
    assert project.record("measure", "p5")["status"] == "ok"
    assert (project.folder / "logs/measure/p1.log").read_text().startswith("here is p1.png\n")


BATCHES = """\
import os
import time


def load_model():
    return 2


def measure(batch, path, meta, model, bad=(), weight=1):
    names = [os.path.basename(each) for each in path]
    print("together", *names)
    with open("batches.txt", "a") as file:
        file.write(" ".join(names) + "\\n")
    for name in names:
        code = dict(bad).get(name[:-4])
        if code and not os.path.exists("mended"):
            exec(code)
    time.sleep(0.2)
    return [
        {"value": model * weight * float(image.mean()), "plant": each["plant"], "wide": image}
        for image, each in zip(batch, meta)
    ]
"""


def set_up_batches(project: Project, count: int, **step: Any) -> None:
    project.write("scripts/cells.py", BATCHES)
    for number in range(count):
        project.draw(f"images/p{number}.png", level=20 * number)
    project.list_images([{"path": f"p{number}.png", "plant": f"of {number}"} for number in range(count)])
    measure = {
        "function": "scripts/cells.py:measure",
        "load": {"model": "scripts/cells.py:load_model"},
        "batch": 4,
        "files": {"wide": "png"},
        **step,
    }
    images = {"table": "config/images.csv", "root": "images"}
    project.configure(images=images, steps={"measure": measure}, aggregate={"report": False})


def batches(project: Project) -> list[list[str]]:
    """Which images were worked on together, in the order in which they were."""
    return [line.split() for line in (project.folder / "batches.txt").read_text().splitlines()]


def test_images_are_worked_on_together(project: Project) -> None:
    """A record, a log and files each; what comes out is what single images give, and says so."""
    set_up_batches(project, 10)
    ended = project.snakemake("--cores", "1")
    assert ended.code == 0, ended.err
    sizes = [len(each) for each in batches(project)]
    assert sum(sizes) == 10 and max(sizes) == 4 and len(sizes) <= 5, sizes
    values = {row["id"]: (row["value"], row["plant"]) for row in project.rows()}
    assert values["p3"][1] == "of 3" and len(values) == 10
    together = next(each for each in batches(project) if "p3.png" in each)
    assert (project.folder / "logs/measure/p3.log").read_text() == f"together {' '.join(together)}\n"
    assert project.record("measure", "p3")["run"]["batch"] == len(together)
    assert (project.folder / "results/measure/p9.wide.png").stat().st_size > 0

    set_up_batches(project, 10, batch=1, params={"weight": 1})
    (project.folder / "batches.txt").unlink()
    assert project.snakemake("--cores", "2", environment={"PIXMAKE_WARM": "0"}).code == 0
    assert {len(each) for each in batches(project)} == {1}
    assert {row["id"]: (row["value"], row["plant"]) for row in project.rows()} == values


def test_a_bad_image_of_a_batch_fails_alone(project: Project) -> None:
    """It is found by halving, whatever it does; the others are measured. The next run tries it again."""
    bad = {name: code for name, (code, _) in BAD.items()}
    bad["p3"] = "time.sleep(900)"
    more = {"timeout": 1, "resources": {"mem_mb": 500}, "batch": 2}
    set_up_batches(project, 8, params={"bad": {**bad, "p4": "bytearray(9_000_000_000)"}}, **more)
    ended = project.snakemake("--cores", "2")
    assert ended.code == 1, ended.err
    assert failures(project) == {name: kind for name, (_, kind) in BAD.items()}
    assert {row["id"] for row in project.rows()} == {f"p{number}" for number in range(5, 8)}
    assert "ValueError: bad" in (project.folder / "logs/measure/p0.log").read_text()
    project.write("mended", "")
    (project.folder / "batches.txt").unlink()
    assert project.snakemake("--cores", "2").code == 0
    assert sorted(name for each in batches(project) for name in each) == [f"{name}.png" for name in BAD]
    assert len(project.rows()) == 8


ONCE = "os.path.exists('once') or len(names) > 1 or open('once', 'w').close()"
"""True of a batch; false of an image that is tried alone for the first time, and has itself noted."""


def test_an_image_of_a_batch_has_its_retries(project: Project) -> None:
    """One fails once and succeeds then, another one fails for good; the others are done at first."""
    mended = f"first = not os.path.exists('once'); {ONCE}\nif first: raise ValueError('once')"
    set_up_batches(project, 8, retries=1, params={"bad": {"p1": mended, "p2": "raise ValueError('ever')"}})
    ended = project.snakemake("--cores", "1")
    assert ended.code == 1, ended.err
    assert "1 of 8 images failed" in ended.err
    assert failures(project) == {"p2": "ValueError"}
    attempts = {f"p{each}": project.record("measure", f"p{each}")["run"]["attempt"] for each in range(8)}
    assert attempts == {f"p{each}": 2 if each in (1, 2) else 1 for each in range(8)}
    assert {row["id"] for row in project.rows()} == {f"p{each}" for each in range(8) if each != 2}
    assert max(len(each) for each in batches(project)) > 2
    assert batches(project).count(["p2.png"]) == 2


LEFT = """\
import os
import time

import pandas as pd
import psutil


def _models():
    for each in psutil.process_iter():
        try:
            words = each.cmdline()
            if each.cwd() == os.getcwd() and "warm_server.py" in str(words) and {"hold", "load"} & {*words}:
                yield words
        except psutil.Error:
            pass


def left(measurements):
    end = time.monotonic() + 15
    while (found := list(_models())) and time.monotonic() < end:
        time.sleep(0.1)
    return pd.DataFrame({"left": [len(found)]})
"""


@pytest.mark.parametrize("load_in", ["fork", "process"])
def test_no_model_is_held_once_all_images_are_done(project: Project, load_in: str) -> None:
    """What comes then, such as a function of the tables, has the memory for itself."""
    set_up(project, load_in=load_in)
    project.write("scripts/left.py", LEFT)
    config = yaml.safe_load((project.folder / "config/config.yaml").read_text())
    functions = {"left": {"function": "scripts/left.py:left"}}
    project.configure(**config, aggregate={"functions": functions, "report": False})
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    assert project.rows("left.csv") == [{"left": "0"}]


TILES = """\
import resource


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def load_model():
    return peak_mb()


def measure(image, model):
    assert image.shape == (1024, 1024)
    return {"more_mb": peak_mb() - model, "sum": int(image.sum())}
"""


@pytest.mark.parametrize("load_in", ["fork", "process"])
def test_tiles_of_a_large_image_from_one_model(project: Project, load_in: str) -> None:
    """A tile takes a tile's memory: of an image of 134 MB each process has a small part."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(project.folder / "large.zarr"), mode="w", zarr_format=2)
    large = group.create_array("0", shape=(8192, 8192), chunks=(512, 512), dtype="uint16", fill_value=0)
    large[:1024, :1024] = 1
    levels = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0]}]}]
    axes = [{"name": axis, "type": "space"} for axis in "yx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": levels}]
    project.write("scripts/cells.py", TILES)
    step = {"function": "scripts/cells.py:measure", "axes": "yx", "load_in": load_in}
    step["load"] = {"model": "scripts/cells.py:load_model"}
    project.configure(
        images={"zarr": {"path": "large.zarr", "tile": 1024}, "select": {"where": {"y": [0, 1024]}}},
        steps={"measure": step},
        aggregate={"report": False},
    )
    ended = project.snakemake("--cores", "1")
    assert ended.code == 0, ended.err
    rows = project.rows()
    assert len(rows) == 16
    assert sorted(int(row["sum"]) for row in rows)[-2:] == [0, 1024 * 1024]
    assert max(float(row["more_mb"]) for row in rows) < 67, rows
    log = (project.folder / "logs/measure.load.log").read_text()
    assert log.count("pixmake: loaded in") == 1
