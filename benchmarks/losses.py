"""Where pixmake's time goes: whole runs that lack one part each, and their differences."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import filecache
from environments import ours
from frame import CORES
from measured import number
from page import markdown
from projects import ANALYSIS, analysis, expect, forget, pixmake_project
from usage import environment_of, usage

MILLISECONDS = 5

TEXT = """\
Where it goes, {count:,} images of {milliseconds} ms, by differences of whole runs (of one run each). While
images are worked on, Snakemake and {cores} images share {cores} cores, so of these parts there are
CPU-seconds alone:

{table}

A fresh process for each image is work for the system's kernel, which a pool of two processes has none of, and
which depends on the machine more than the work of an image does. Here an empty Python takes {fork} ms to fork
and to end, and the first write to a page of memory {fault} µs; an image's process has some 1,000 of those.
"""

KERNEL = """\
import json, mmap, os, statistics, time

PAGES, PAGE = 256, mmap.PAGESIZE

def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

def write(memory):
    for place in range(0, PAGES * PAGE, PAGE):
        memory[place] = 1

def seconds(function, *given):
    begun = time.perf_counter()
    function(*given)
    return time.perf_counter() - begun

faults = []
for _ in range(200):
    with mmap.mmap(-1, PAGES * PAGE) as memory:
        first = seconds(write, memory)
        faults.append((first - seconds(write, memory)) / PAGES)
forks = [seconds(fork) for _ in range(200)]
print(json.dumps({"fork": 1e3 * statistics.median(forks), "fault": 1e6 * statistics.median(faults)}))
"""
"""What the kernel takes for what a process of an image asks of it: milliseconds, microseconds."""

ALONE = """\
import atexit, os, resource, sys

def tell():
    spent = resource.getrusage(resource.RUSAGE_SELF)
    with open("spent", "w") as file:
        file.write(str(spent.ru_utime + spent.ru_stime))

atexit.register(tell)
from snakemake.cli import main
sys.argv[0] = "snakemake"
main()
"""
"""Snakemake, which writes down what its own process has spent."""


def losses(*, quick: bool) -> str:
    """The table, as Markdown."""
    count = 20 if quick else 1000
    python = ours()
    environment = environment_of(python)
    snakemake = [python.parent / "snakemake", "--cores", str(CORES)]
    with filecache.scratch() as scratch, filecache.held(quick=quick):
        busy = pixmake_project(Path(scratch) / "busy", count, analysis(MILLISECONDS))
        idle = pixmake_project(Path(scratch) / "idle", count, ANALYSIS)

        usage([*snakemake, "-n"], busy, environment)  # what is read from disk now, is not read below
        forget(busy)
        start = usage([*snakemake, "-n"], busy, environment)
        whole = usage(snakemake, busy, environment)
        expect(busy, "results/measure/*.json", count)
        without_work = usage([python, "-c", ALONE, "--cores", str(CORES)], idle, environment)
        own = float((idle / "spent").read_text())
        nothing = usage(snakemake, idle, environment)
        remove_outcome(idle)
        outcome = _less(usage(snakemake, idle, environment), nothing)
    images = _less(whole, start, outcome)
    booking = own - start["cpu_seconds"]
    parts = {
        "Snakemake starts; config, table, rules and DAG are made (`snakemake -n`)": start,
        "the images": images,
        "… Snakemake chooses each job, hands it over, books its end": {"cpu_seconds": booking},
        "… the warm process, its forks: decoding, log, record": {
            "cpu_seconds": _less(without_work, start, outcome)["cpu_seconds"] - booking
        },
        "… the work": {"cpu_seconds": _less(whole, without_work)["cpu_seconds"]},
        "records gathered, tables, page, provenance": outcome,
        "the whole run": whole,
    }
    rows = [
        (
            name,
            number(spent["seconds"]) if "seconds" in spent else "",
            f"{100 * spent['seconds'] / whole['seconds']:.0f} %" if "seconds" in spent else "",
            number(spent["cpu_seconds"]),
            number(1000 * spent["cpu_seconds"] / count),
        )
        for name, spent in parts.items()
    ]
    table = markdown(("part", "seconds", "share", "CPU-seconds", "CPU-ms an image"), rows)
    kernel = subprocess.run([python, "-IS", "-c", KERNEL], capture_output=True, check=True)
    costs = {name: number(value) for name, value in json.loads(kernel.stdout).items()}
    return TEXT.format(count=count, milliseconds=MILLISECONDS, cores=CORES, table=table, **costs)


def _less(whole: dict[str, float], *parts: dict[str, float]) -> dict[str, float]:
    figures = ("seconds", "cpu_seconds")
    return {figure: whole[figure] - sum(part[figure] for part in parts) for figure in figures}


def remove_outcome(project: Path) -> None:
    """Leave the results of images, and nothing that is made of them."""
    for path in (project / "results").iterdir():
        if path.is_file():
            path.unlink()
    shutil.rmtree(project / ".snakemake/pixmake/pictures", ignore_errors=True)
