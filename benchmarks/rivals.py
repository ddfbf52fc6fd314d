"""pixmake beside Dask, Parsl and MLChain, each with an example of its own users."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from environments import REPOSITORY, SAME, SNAKEMAKE, environment, ours, versions
from frame import CORES, Aim, Benchmark, Contestant, Headline, headlines_of, main
from measured import OURS, Case, Results
from page import comparison
from plots import bars
from projects import BURN, MANY, SHARED, analysis, draw, expect, forget, pixmake_project
from usage import environment_of, usage

PLANES, ACTIONS = "planes of a Zarr", "independent actions"
WAITING, BURNING = "calls that wait 1 s", "calls that burn 1 s"
MILLISECONDS = 200

DASK = ("dask[array]==2026.8.0", "distributed==2026.8.0", "dask-image==2026.5.0")
READS = ("zarr==3.1.6", "scipy==1.17.1")
# fmt: off
MLCHAIN = (
    "--no-deps", "mlchain==0.3.1", "numpy==2.4.6", "pillow==13.0.0", "msgpack==1.2.4", "thefuzz==0.22.1",
    "rapidfuzz==3.14.6", "six==1.17.0", "flask==2.2.2", "flask-cors==3.0.10", "werkzeug==2.3.8",
    "jinja2==3.1.6", "markupsafe==3.0.4", "click==8.5.1", "blinker==1.9.0", "itsdangerous==2.2.0",
    "sentry-sdk==2.75.0", "urllib3==2.8.0", "certifi==2026.10.18", "httpx==0.23.1", "httpcore==0.16.3",
    "h11==0.14.0", "rfc3986==1.5.0", "anyio==4.16.0", "sniffio==1.3.1", "idna==3.20", "requests==2.34.2",
    "charset-normalizer==3.5.2", "starlette==0.22.0", "uvicorn==0.20.0", "pyyaml==6.0.3", "toml==0.10.2",
    "tqdm==4.70.1", "typing-extensions==4.16.0",
)
# fmt: on
"""What its `Parallel` imports. As it declares itself it cannot be installed on Python 3.11 (see `ABOUT`)."""

STORE = """\
import sys

import numpy as np
import zarr

count, folder = int(sys.argv[1]), sys.argv[2]
random = np.random.default_rng(7)
group = zarr.open_group(folder, mode="w")
shape, chunks = (count // 4, 2, 2, 1024, 1024), (1, 1, 1, 1024, 1024)
array = group.create_array("0", shape=shape, chunks=chunks, dtype="uint16")
y, x = np.mgrid[:1024, :1024]
spots = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / 200) for a, b in random.integers(0, 1024, (12, 2)))
for t in range(count // 4):
    for c in range(2):
        for z in range(2):
            noise = random.integers(0, 300, spots.shape)
            array[t, c, z] = (np.roll(spots, 37 * (t + c + z), 1) * 3000 + noise).astype("uint16")
"""
"""A Zarr of planes of 1024 × 1024 pixels, uint16, a chunk each: spots in noise."""

GUIDE = """\
import json

import dask.array as da
import dask_image.ndfilters
import dask_image.ndmeasure
from dask.distributed import Client, LocalCluster

data = da.from_zarr("image/0")


def analyze(t, c, z):
    plane = data[t, c, z, :, :]
    smoothed = dask_image.ndfilters.gaussian_filter(plane, sigma=[1, 1])
    threshold = 0.33 * da.max(smoothed).compute()
    labels, number = dask_image.ndmeasure.label(smoothed > threshold)
    return f"t{t}_c{c}_z{z}", int(number.compute()), int((labels > 0).sum().compute())


def main():
    cluster = LocalCluster(n_workers=CORES, processes=True, threads_per_worker=1)
    with Client(cluster) as client:
        ts, cs, zs = data.shape[:3]
        futures = [client.submit(analyze, t, c, z) for t in range(ts) for z in range(zs) for c in range(cs)]
        results = client.gather(futures)
    with open("results.json", "w") as file:
        json.dump({name: {"spots": spots, "area": area} for name, spots, area in results}, file)


if __name__ == "__main__":
    main()
"""
"""After the guide of OMERO: a future a plane, dask-image inside."""

SEGMENT = """\
def segment(plane):
    smoothed = scipy.ndimage.gaussian_filter(plane.astype("float64"), 1)
    labels, number = scipy.ndimage.label(smoothed > 0.33 * smoothed.max())
    return {"spots": int(number), "area": int((labels > 0).sum())}
"""

FUTURES = """\
import json

import scipy.ndimage
import zarr
from dask.distributed import Client, LocalCluster


SEGMENT

def analyze(t, c, z):
    return f"t{t}_c{c}_z{z}", segment(zarr.open_array("image/0", mode="r")[t, c, z])


def main():
    cluster = LocalCluster(n_workers=CORES, processes=True, threads_per_worker=1)
    with Client(cluster) as client:
        ts, cs, zs = zarr.open_array("image/0", mode="r").shape[:3]
        futures = [client.submit(analyze, t, c, z) for t in range(ts) for z in range(zs) for c in range(cs)]
        results = client.gather(futures)
    with open("results.json", "w") as file:
        json.dump(dict(results), file)


if __name__ == "__main__":
    main()
"""
"""The same with the function that pixmake gets: better for so small planes."""

ANALYSIS = """\
import scipy.ndimage
import zarr


SEGMENT

def measure(path, meta):
    return segment(zarr.open_array("image/0", mode="r")[meta["time"], meta["channel"], meta["depth"]])
"""

PARSL = """\
import json
from pathlib import Path

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl.providers import LocalProvider


@parsl.python_app
def action(source, target, milliseconds):
    import json

    import cv2

    BURN
    image = cv2.imread(source, cv2.IMREAD_UNCHANGED)
    with open(target, "w") as file:
        json.dump({"mean": float(image.mean()), "burnt": burn(milliseconds)}, file)


if __name__ == "__main__":
    here = Path.cwd()
    (here / "results").mkdir()
    paths = sorted((here / "images").glob("*.png"))
    with parsl.load(Config(executors=[EXECUTOR], strategy="none", run_dir=".runinfo")):
        futures = [action(str(path), str(here / f"results/{path.stem}.json"), MILLISECONDS) for path in paths]
        for future in futures:
            future.result()
"""
"""After QIIME 2's own configuration of Parsl: its two executors, strategy "none"."""

EXECUTORS = {
    "Parsl, HighThroughputExecutor": (
        "HighThroughputExecutor(label='htex', max_workers_per_node=CORES, address='127.0.0.1',"
        " provider=LocalProvider(init_blocks=1, max_blocks=1))"
    ),
    "Parsl, ThreadPoolExecutor": "ThreadPoolExecutor(label='default', max_threads=CORES)",
}

FORKS = """\
import json
from pathlib import Path

import cv2
from pixmake import Parallel, Task


BURN

def action(source, target, milliseconds):
    image = cv2.imread(source, cv2.IMREAD_UNCHANGED)
    with open(target, "w") as file:
        json.dump({"mean": float(image.mean()), "burnt": burn(milliseconds)}, file)


if __name__ == "__main__":
    Path("results").mkdir()
    paths = sorted(Path("images").glob("*.png"))
    tasks = [Task(action, str(path), f"results/{path.stem}.json", MILLISECONDS) for path in paths]
    Parallel(tasks, max_threads=CORES, threading=False, pass_fail_job=False).run()
"""

CALLS = """\
import json
import time

from WHERE import Parallel, Task


BURN

def wait(number):
    time.sleep(1)
    return number


def work(number):
    burn(MILLISECONDS)
    return number


if __name__ == "__main__":
    results = Parallel([Task(FUNCTION, number) for number in range(COUNT)], OPTIONS).run()
    assert results == list(range(COUNT))
    with open("results.json", "w") as file:
        json.dump(dict.fromkeys(map(str, results), 1), file)
"""
"""MLChain's own example, with either `Parallel`: 24 tasks, 24 threads."""

ABOUT = f"""
**{PLANES}**: the analysis of [OMERO's guide](https://omero-guides.readthedocs.io): each plane of
1024 × 1024 pixels is smoothed, thresholded, labelled. Dask is set up as there: a future a plane,
`LocalCluster(n_workers={CORES}, processes=True, threads_per_worker=1)`; once with dask-image as
there, once with the function of SciPy that pixmake has. Dask's workers keep their process for all planes;
pixmake has a fresh one for each, or, with `images_per_process`, one for {MANY} planes.

**{ACTIONS}**: Parsl as [QIIME 2](https://qiime2.org) sets it up (`HighThroughputExecutor` with a
`LocalProvider`, and `ThreadPoolExecutor`; strategy `none`), {CORES} workers. An action is {MILLISECONDS} ms
of Python, and writes a file. Python's lock lets threads do one thing at a time. `pixmake.Parallel` does
the same in a script, in forks.

**{WAITING}**, **{BURNING}**: `Parallel` of MLChain and ours, the same script but for the
import: a thread a call for what waits; for what burns CPU one call a core, ours with `threading=False`, that
is in forks. MLChain's takes that option, too, but runs threads all the same. MLChain 0.3.1 asks for versions
of NumPy, uvloop and blosc that cannot be installed on Python 3.11. So it is installed without its
dependencies, and with what its `Parallel` imports; without gevent, since what it does to the standard
library stops MLChain's pool there.

pixmake alone has records and logs of each image, a table and a page in its time. What each one leaves
when it is killed is told under *Interrupted runs*.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """Those of a case."""
    count = int(case["tasks"])
    make = {PLANES: _planes, ACTIONS: _actions, WAITING: _calls, BURNING: _calls}[str(case["work"])]
    return make(str(case["work"]), count, scratch)


def _planes(work: str, count: int, scratch: Path) -> list[Contestant]:
    dask = environment("dask", *DASK, *READS)
    own = environment("pixmake-zarr", "-e", str(REPOSITORY), SNAKEMAKE, *SAME, *READS)
    subprocess.run([dask, "-c", STORE, str(count), scratch / "image"], check=True)
    found = []
    for name, script in (("Dask futures, dask-image", GUIDE), ("Dask futures, SciPy", FUTURES)):
        folder = scratch / name
        folder.mkdir()
        (folder / "image").symlink_to(scratch / "image")
        (folder / "script.py").write_text(_filled(script))
        told = versions(dask, "dask", "distributed", "dask-image", "zarr")
        found.append(Contestant(name, _script(dask, folder, count), _without_results(folder), told))
    for name in (OURS, SHARED):
        project = _project_of_planes(scratch / name, scratch / "image", count, shared=name == SHARED)
        found.append(_pixmake(own, project, count, versions(own, "snakemake", "zarr", "scipy"), name))
    return found


def _project_of_planes(folder: Path, image: Path, count: int, *, shared: bool) -> Path:
    project = pixmake_project(folder, 0, _filled(ANALYSIS), shared=shared)
    (project / "image").symlink_to(image)
    planes = [(t, c, z) for t in range(count // 4) for c in range(2) for z in range(2)]
    # a plane is a chunk of its own here: its file is what the image depends on
    rows = [f"image/0/c/{t}/{c}/{z}/0/0,{t},{c},{z}" for t, c, z in planes]
    (project / "config/images.csv").write_text("\n".join(["path,time,channel,depth", *rows]) + "\n")
    config = project / "config/config.yaml"
    table = "table: config/images.csv"
    config.write_text(config.read_text().replace(table, table + ', id: "t{time}_c{channel}_z{depth}"'))
    return project


def _actions(work: str, count: int, scratch: Path) -> list[Contestant]:
    parsl, own = environment("parsl", "parsl==2026.10.26", *SAME), ours()
    project = pixmake_project(scratch / "pixmake", count, analysis(MILLISECONDS))
    found = []
    scripts = {name: PARSL.replace("EXECUTOR]", f"{executor}]") for name, executor in EXECUTORS.items()}
    for name, script in {**scripts, "pixmake.Parallel": FORKS}.items():
        folder = scratch / "".join(filter(str.isalnum, name))  # Parsl quotes no paths
        draw(folder, count)
        (folder / "script.py").write_text(_filled(script, MILLISECONDS=MILLISECONDS))
        python = parsl if script is not FORKS else own
        told = versions(python, *(["parsl"] if python == parsl else ["opencv-python-headless"]))
        run = _script(python, folder, count, "results/*.json")
        found.append(Contestant(name, run, _without_results(folder), told))
    return [*found, _pixmake(own, project, count, versions(own, "snakemake"))]


def _calls(work: str, count: int, scratch: Path) -> list[Contestant]:
    function = "wait" if work == WAITING else "work"
    threads = f"max_threads={count if work == WAITING else CORES}"
    found = []
    for name, where, python, packages, options in (
        ("MLChain's Parallel", "mlchain.workflows", environment("mlchain", *MLCHAIN), ["mlchain"], threads),
        (OURS, "pixmake", ours(), [], threads if work == WAITING else f"{threads}, threading=False"),
    ):
        folder = scratch / name.replace("'", "")
        folder.mkdir()
        values = {
            "WHERE": where,
            "MILLISECONDS": 1000,
            "FUNCTION": function,
            "COUNT": count,
            "OPTIONS": options,
        }
        (folder / "script.py").write_text(_filled(CALLS, **values))
        run = _script(python, folder, count)
        found.append(Contestant(name, run, _without_results(folder), versions(python, *packages)))
    return found


def _filled(script: str, **values: object) -> str:
    """A script with what stands in it in capitals."""
    for name, value in {"SEGMENT": SEGMENT, "CORES": CORES, **values}.items():
        script = script.replace(name, str(value))
    indented = BURN.replace("\n", "\n    ").rstrip()
    return script.replace("    BURN\n", f"    {indented}\n").replace("BURN", BURN)


def _script(python: Path, folder: Path, count: int, results: str = "") -> Callable[[], Mapping[str, float]]:
    """Runs the script there, and counts its results: files, or the entries of one."""

    def run() -> Mapping[str, float]:
        figures = usage([python, "-W", "ignore", "script.py"], folder, environment_of(python))
        if results:
            expect(folder, results, count)
        elif len(json.loads((folder / "results.json").read_bytes())) != count:
            raise RuntimeError(f"{folder}: not {count} results")
        return figures

    return run


def _pixmake(
    python: Path, project: Path, count: int, told: Mapping[str, str], name: str = OURS
) -> Contestant:
    def run() -> Mapping[str, float]:
        words = [python.parent / "snakemake", "--cores", str(CORES)]
        figures = usage(words, project, environment_of(python))
        expect(project, "results/measure/*.json", count)
        return figures

    return Contestant(name, run, lambda: forget(project), told)


def _without_results(folder: Path) -> Callable[[], None]:
    def prepare() -> None:
        forget(folder)
        (folder / "results.json").unlink(missing_ok=True)

    return prepare


def aims(results: Results) -> list[Aim]:
    """Faster than Dask, with a process for each plane; as fast as the fastest of the others."""
    found = []
    for name, how in ((OURS, "a process each"), (SHARED, f"{MANY} a process")):
        planes = results.ratio("Dask futures, SciPy", ours=name, work=PLANES, tasks=240)
        found.append(Aim(f"240 {PLANES}: faster than Dask with SciPy, {how}", planes, least=1.2))
    for case in BENCHMARK.cases[1:]:
        others = [each for each in results.select(**case) if not each.contestant.startswith(OURS)]
        own = [each for each in results.select(**case) if each.contestant.startswith(OURS)]
        best = min((each.median() for each in others), default=math.nan)
        us = min((each.median() for each in own), default=math.nan)
        found.append(Aim(f"{case['tasks']} {case['work']}: faster or equal", best / us, least=0.98))
    return found


MISSED = """\
The aim with planes of a Zarr is missed with a process each, and met with `images_per_process`, which is what
Dask's workers do, too. A plane takes 42 CPU-ms in a process that has done one before, and 58 in a fork of one
that has done none (medians of forty forks on a slower machine, other work beside). Such a fork touches 4,900
pages of memory for the first time: 1,200 hold objects and code of zarr, into 1,600 a chunk is read."""


def text(results: Results) -> str:
    """The usual table, and why an aim is missed."""
    table = comparison(results, per="tasks")
    return table if aims(results)[0].met is not False else f"{table}\n\n{MISSED}"


def headlines(results: Results) -> list[Headline]:
    """Each against ours of the same kind."""
    told = (
        ("Dask futures, dask-image", PLANES, OURS),
        ("Dask futures, SciPy", PLANES, OURS),
        ("Dask futures, SciPy", PLANES, SHARED),
        ("Parsl, HighThroughputExecutor", ACTIONS, OURS),
        ("MLChain's Parallel", BURNING, OURS),
    )
    many = f", {MANY} a process"
    return [
        line
        for theirs, work, own in told
        for case in BENCHMARK.cases
        if case["work"] == work
        for line in headlines_of(
            results, case, theirs, f"{case['tasks']} {work}{many if own == SHARED else ''}", ours=own
        )
    ]


BENCHMARK = Benchmark(
    name="rivals",
    title="Dask, Parsl, MLChain",
    about=ABOUT,
    cases=[
        {"work": PLANES, "tasks": 240},
        {"work": ACTIONS, "tasks": 100},
        {"work": WAITING, "tasks": 24},
        {"work": BURNING, "tasks": 24},
    ],
    quick=[
        {"work": PLANES, "tasks": 16},
        {"work": ACTIONS, "tasks": 8},
        {"work": WAITING, "tasks": 4},
        {"work": BURNING, "tasks": 2},
    ],
    contestants=contestants,
    aims=aims,
    headlines=headlines,
    text=text,
    plot=lambda results, figure: bars(figure, results, "seconds"),
)


if __name__ == "__main__":
    main(BENCHMARK)
