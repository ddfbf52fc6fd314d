"""Runs that are killed at half, and started again: what is done twice."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from environments import SAME, SNAKEMAKE, environment, ours, versions
from frame import CORES, Aim, Benchmark, Contestant, main
from measured import OURS, Case, Measured, Results, number
from page import markdown
from plots import bars
from projects import BURN, draw, forget, pixmake_project, wildcard_snakefile
from rivals import DASK, MLCHAIN, READS
from usage import CommandFailed, environment_of

MILLISECONDS = 300
PATIENCE_SECONDS = 300
MARK = "PIXMAKE_BENCH_RUN"
"""In the environment of all that a run starts."""

WORK = """\
import os

BURN


def tell(word, name):
    file = os.open("TOLD", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{word} {name}\\n".encode())
    os.close(file)


def work(name):
    tell("begin", name)
    burn(MILLISECONDS)
    tell("end", name)
    return {"name": name}
"""
"""What is done of an image; each beginning and each end is a line in a file."""

ANALYSIS = "\n\ndef measure(path):\n    return work(os.path.basename(path).removesuffix('.png'))\n"

SNAKEFILE = wildcard_snakefile("script", "measure.py")

SCRIPT = """\
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
from work import work

with open(snakemake.output[0], "w") as file:
    json.dump(work(snakemake.wildcards.id), file)
"""

POOL = """\
import json
import multiprocessing
from pathlib import Path

from work import work


def measure(path):
    result = Path(f"results/{path.stem}.json")
    if not result.exists():
        result.write_text(json.dumps(work(path.stem)))


if __name__ == "__main__":
    Path("results").mkdir(exist_ok=True)
    with multiprocessing.Pool(CORES) as pool:
        pool.map(measure, sorted(Path("images").glob("*.png")), chunksize=1)
"""

DASK_SCRIPT = """\
import json
from pathlib import Path

from dask.distributed import Client, LocalCluster
from work import work

if __name__ == "__main__":
    with Client(LocalCluster(n_workers=CORES, processes=True, threads_per_worker=1)) as client:
        names = [path.stem for path in sorted(Path("images").glob("*.png"))]
        results = client.gather([client.submit(work, name) for name in names])
    Path("results").mkdir()
    for result in results:
        Path(f"results/{result['name']}.json").write_text(json.dumps(result))
"""

PARSL = """\
import json
from pathlib import Path

import parsl
from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider


@parsl.python_app(cache=True)
def action(name):
    from work import work

    return work(name)


if __name__ == "__main__":
    executor = HighThroughputExecutor(
        label="htex",
        max_workers_per_node=CORES,
        address="127.0.0.1",
        provider=LocalProvider(init_blocks=1, max_blocks=1, worker_init=f"export PYTHONPATH={Path.cwd()}"),
    )
    config = Config(
        executors=[executor],
        strategy="none",
        run_dir="runinfo",
        memoizer=BasicMemoizer(checkpoint_mode="task_exit"),
    )
    with parsl.load(config):
        futures = [action(path.stem) for path in sorted(Path("images").glob("*.png"))]
        results = [future.result() for future in futures]
    Path("results").mkdir()
    for result in results:
        Path(f"results/{result['name']}.json").write_text(json.dumps(result))
"""

PARALLEL = """\
import json
from pathlib import Path

from mlchain.workflows import Parallel, Task
from work import work

if __name__ == "__main__":
    names = [path.stem for path in sorted(Path("images").glob("*.png"))]
    results = Parallel([Task(work, name) for name in names], max_threads=CORES).run()
    Path("results").mkdir()
    for result in results:
        Path(f"results/{result['name']}.json").write_text(json.dumps(result))
"""

GONE_SECONDS = 10

ABOUT = f"""
Images of {MILLISECONDS} ms of work each. When half of them are done, the command is killed (SIGKILL: no
clean-up of its own), and started again when all that it had started is gone, too, or was killed after
{GONE_SECONDS} s. *Begun twice* counts how often work began on an image on which it had begun before; *done
twice* those whose work had ended before that second start, and was done again.

The Snakefile is started again as Snakemake asks for it (`--unlock`, then `--rerun-incomplete`);
pixmake by `pixmake run`. The pool leaves a file for each image and skips those that are there; a kill
in the middle of writing leaves it a broken one. Parsl has its checkpoints, one a task
(`BasicMemoizer(checkpoint_mode="task_exit")`, `cache=True`); its workers outlive the command by some seconds
and go on, but nobody takes what they make, and it is made again. A script of Dask futures, as in OMERO's
guide, and MLChain's `Parallel` have nothing to go on from.
"""


@dataclass(frozen=True)
class Way:
    """How a contestant is set up, and started once and once more."""

    name: str
    python: Path
    folder: Path
    first: Sequence[str | Path]
    again: Sequence[Sequence[str | Path]]
    results: str
    versions: Mapping[str, str]


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """All that can run a function for each image."""
    count = int(case["images"])
    return [_contestant(way, count) for way in _ways(scratch, count)]


def _ways(scratch: Path, count: int) -> list[Way]:
    own, snakemake = ours(), environment("snakemake", SNAKEMAKE, *SAME)
    dask, parsl = environment("dask", *DASK, *READS), environment("parsl", "parsl==2026.10.26", *SAME)
    mlchain, pool = environment("mlchain", *MLCHAIN), environment("pool", *SAME)

    def work(folder: Path) -> str:
        text = WORK.replace("BURN", BURN).replace("MILLISECONDS", str(MILLISECONDS))
        return text.replace("TOLD", str(folder / "told"))

    project = scratch / "pixmake"
    pixmake_project(project, count, work(project) + ANALYSIS)
    run = [own.parent / "pixmake", "run", "--cores", str(CORES)]
    told = versions(own, "snakemake")
    ways = [Way(OURS, own, project, run, [run], "results/measure/*.json", told)]

    hand = _with_images(scratch / "hand", count, work)
    (hand / "Snakefile").write_text(SNAKEFILE)
    (hand / "measure.py").write_text(SCRIPT)
    run = [snakemake.parent / "snakemake", "--cores", str(CORES)]
    again = [[*run, "--unlock"], [*run, "--rerun-incomplete"]]
    told = versions(snakemake, "snakemake")
    ways.append(Way("Snakefile by hand", snakemake, hand, run, again, "results/*.json", told))

    for name, python, packages, text in (
        ("Pool, a file an image", pool, [], POOL),
        ("Parsl, with checkpoints", parsl, ["parsl"], PARSL),
        ("Dask futures", dask, ["distributed"], DASK_SCRIPT),
        ("MLChain's Parallel", mlchain, ["mlchain"], PARALLEL),
    ):
        folder = _with_images(scratch / name.split(",")[0].replace("'", ""), count, work)
        (folder / "script.py").write_text(text.replace("CORES", str(CORES)))
        run = [python, "-W", "ignore", "script.py"]
        ways.append(Way(name, python, folder, run, [run], "results/*.json", versions(python, *packages)))
    return ways


def _with_images(folder: Path, count: int, work: Callable[[Path], str]) -> Path:
    draw(folder, count)
    (folder / "work.py").write_text(work(folder))
    return folder


def _contestant(way: Way, count: int) -> Contestant:
    told = way.folder / "told"

    def prepare() -> None:
        forget(way.folder)
        told.unlink(missing_ok=True)
        shutil.rmtree(way.folder / "runinfo", ignore_errors=True)

    def run() -> Mapping[str, float]:
        killed_at = _kill_at(way, told, count // 2)
        before = _ended(told)  # what the command leaves behind may have gone on for a while
        start = time.perf_counter()
        for words in way.again:
            _finish(way, words)
        seconds = time.perf_counter() - start
        found = len(list(way.folder.glob(way.results)))
        if found != count:
            raise RuntimeError(f"{way.name}: {found} results, not {count}")
        lines = told.read_text().split("\n")
        begun = Counter(line.split()[1] for line in lines if line.startswith("begin "))
        ended = Counter(line.split()[1] for line in lines if line.startswith("end "))
        return {
            "killed_at": float(killed_at),
            "begun_twice": float(sum(times - 1 for times in begun.values())),
            "done_twice": float(sum(ended[name] - 1 for name in before)),
            "seconds": seconds,
        }

    return Contestant(way.name, run, prepare, way.versions)


def _kill_at(way: Way, told: Path, ends: int) -> int:
    """Start it, kill it when so many are done, wait for what it leaves to be gone; how many were done."""
    process = subprocess.Popen(
        list(map(str, way.first)),
        cwd=way.folder,
        env=_environment(way) | {MARK: str(way.folder)},
        stdin=subprocess.DEVNULL,
        stdout=(way.folder / "said").open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(_ended(told)) < ends:
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(f"{way.name} ended or hung:\n{(way.folder / 'said').read_text()[-4000:]}")
            time.sleep(0.02)
        return len(_ended(told))
    finally:
        # `pixmake run` starts Snakemake as a child: that is who is killed
        for pid in (*_snakemake_below(process.pid), process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        _see_gone(way.folder)


def _snakemake_below(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(one) for one in children if b"snakemake" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return []


def _see_gone(folder: Path) -> None:
    """Wait for the processes that it left behind; kill those that stay."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := _of_run(folder):
        if time.monotonic() > deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def _of_run(folder: Path) -> list[int]:
    """The processes that work there, or were started from there: some write over their environment."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            here = (process / "cwd").readlink() == folder
            if here or mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def _finish(way: Way, words: Sequence[str | Path]) -> None:
    done = subprocess.run(
        list(map(str, words)),
        cwd=way.folder,
        env=_environment(way),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"{way.name}, started again:\n{(done.stdout + done.stderr)[-4000:]}")


def _environment(way: Way) -> dict[str, str]:
    kept = environment_of(way.python)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"):
        kept.pop(name, None)
    return kept


def _ended(told: Path) -> set[str]:
    if not told.exists():
        return set()
    return {line.split()[1] for line in told.read_text().split("\n") if line.startswith("end ")}


def aims(results: Results) -> list[Aim]:
    """The worst of all runs."""
    found = [results.of(OURS, **case) for case in BENCHMARK.cases]
    worst = max((max(each.values("begun_twice")) for each in found if each), default=float("nan"))
    return [Aim("work done twice after a kill, the worst of five", worst, most=CORES, unit="images")]


def text(results: Results) -> str:
    """How much was done twice."""

    def row(each: Measured) -> tuple[object, ...]:
        return (
            f"{each.case['images']:,}",
            each.contestant,
            len(each.runs),
            number(each.median("killed_at")),
            _each(each, "begun_twice"),
            _each(each, "done_twice"),
            number(each.median()),
        )

    header = (
        "images",
        "what",
        "kills",
        "done at the kill",
        "begun twice",
        "done twice",
        "seconds to the end",
    )
    return markdown(header, [row(each) for each in results.measured])


def _each(each: Measured, figure: str) -> str:
    return ", ".join(f"{value:.0f}" for value in each.values(figure))


BENCHMARK = Benchmark(
    name="interruption",
    title="Interrupted runs",
    about=ABOUT,
    cases=[{"images": 40}],
    quick=[{"images": 8}],
    contestants=contestants,
    repeats=lambda case: 5,
    aims=aims,
    text=text,
    plot=lambda results, figure: bars(figure, results, "images begun twice", "begun_twice"),
)


if __name__ == "__main__":
    main(BENCHMARK)
