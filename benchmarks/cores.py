"""How many images a second pixmake gets done on more cores than there are here: work that waits."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from environments import ours, versions
from frame import CORES, Aim, Benchmark, Contestant, main
from losses import ALONE, remove_outcome
from measured import OURS, Case, Measured, Results, number
from page import markdown
from plots import lines
from projects import MANY, SHARED, expect, forget, pixmake_project
from usage import environment_of, usage

MILLISECONDS = 50

ANALYSIS = f"""\
import time


def measure(image):
    time.sleep({MILLISECONDS} / 1000)
    return {{"mean": float(image.mean())}}
"""

ABOUT = f"""
Images of 32 × 32 pixels whose analysis waits for {MILLISECONDS} ms and computes nothing, so that many can be
at work on {CORES} cores; `--cores` says how many Snakemake believes to have. *Images a second* are counted
from the begin of the first image to the end of the last. *Snakemake* is the CPU time of its process an image,
without that of `snakemake -n`: it is one thread, so that no machine gets beyond *its bound*. *All* is the CPU
time of all processes, without that of `snakemake -n` and of what comes after the images. The {CORES} cores
here do all of that; the last column is how many images a second they could do if they never rested.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """pixmake alone: a process an image, and one for many."""
    return [_contestant(name, case, scratch / name.replace(":", "")) for name in (OURS, SHARED)]


def _contestant(name: str, case: Case, folder: Path) -> Contestant:
    count, python = int(case["images"]), ours()
    project = pixmake_project(folder, count, ANALYSIS, shared=name == SHARED)
    environment = environment_of(python)
    words = [python, "-c", ALONE, "--cores", str(case["cores"])]

    def spent(*more: str) -> dict[str, float]:
        figures = usage([*words, *more], project, environment)
        return {**figures, "own": float((project / "spent").read_text())}

    spent("-n")  # what is read from disk now, is not read below
    forget(project)
    planned = spent("-n")["own"]

    def run() -> Mapping[str, float]:
        figures = spent()
        expect(project, "results/measure/*.json", count)
        rate = count / _seconds(project)
        nothing = spent()["cpu_seconds"]
        remove_outcome(project)
        outcome = spent()["cpu_seconds"] - nothing
        each = {"thread_ms": figures.pop("own"), "all_ms": figures["cpu_seconds"] - outcome}
        return {
            **figures,
            "rate": rate,
            **{name: 1000 * (seconds - planned) / count for name, seconds in each.items()},
        }

    return Contestant(name, run, lambda: forget(project), versions(python, "snakemake"))


def _seconds(project: Path) -> float:
    """From the first image's begin to the last one's end."""
    begun, ended = [], []
    for path in (project / "results/measure").glob("*.json"):
        run = json.loads(path.read_bytes())["run"]
        begun.append(datetime.datetime.fromisoformat(run["started"]).timestamp())
        ended.append(begun[-1] + run["seconds"])
    return max(ended) - min(begun)


def aims(results: Results) -> list[Aim]:
    """With 64 cores, in either way."""
    found = []
    for name, how in ((OURS, "a process each"), (SHARED, f"{MANY} a process")):
        each = results.of(name, cores=64)
        rate, thread = (each.median(what) if each else float("nan") for what in ("rate", "thread_ms"))
        found += [
            Aim(f"images a second, 64 cores simulated on two, {how}", rate, least=350, unit="images/s"),
            Aim(f"Snakemake's thread, 64 cores, {how}", thread, most=1.5, unit="CPU-ms an image"),
        ]
    return found


MISSED = """\
With a process each the aim is missed on two cores: of 8 CPU-ms an image 0.9 are Snakemake's thread, and 7 the
warm process and the image's own, for which there are two cores here: 250 images a second at the most, which
is nearly what is reached. With `images_per_process` it is met. Of 10,000 images with 64 cores, measured once
the same day, 254 a second with a process each and 786 with 100 a process were done; Snakemake's thread took
0.84 and 0.61 CPU-ms an image. With more cores, two things are left that one core does for all: that thread,
and the warm process, whose forks take some 2.5 CPU-ms each on a slower machine (`benchmarks/BEFORE.md`),
which is a bound of some 400 images a second there, a process each."""


def text(results: Results) -> str:
    """A line a number of cores, and why an aim is missed."""
    header = [
        "cores",
        "way",
        "images",
        "images a second",
        "least … most",
        "runs",
        "of what waiting alone would allow",
    ]
    header += ["Snakemake, CPU-ms an image", "its bound, images a second"]
    header += ["all, CPU-ms an image", f"bound of {CORES} cores"]
    table = markdown(header, [_row(each) for each in results.measured])
    return f"{table}\n\n{MISSED}" if aims(results)[0].met is False else table


def _row(each: Measured) -> list[str]:
    rate, cores = each.median("rate"), int(each.case["cores"])
    thread, total = each.median("thread_ms"), each.median("all_ms")
    return [
        *(
            str(cores),
            "a process each" if each.contestant == OURS else f"{MANY} a process",
            f"{int(each.case['images']):,}",
            number(rate),
            each.spread("rate"),
            str(len(each.runs)),
        ),
        f"{100 * rate * MILLISECONDS / 1000 / cores:.0f} %",
        *(number(thread), number(1000 / thread), number(total), number(1000 * CORES / total)),
    ]


def _curves(results: Results) -> dict[str, dict[float, float]]:
    curves: dict[str, dict[float, float]] = {}
    for each in results.measured:
        cores = int(each.case["cores"])
        curves.setdefault(each.contestant, {})[cores] = each.median("rate")
        curves.setdefault(f"{each.contestant}: bound of {CORES} cores", {})[cores] = (
            1000 * CORES / each.median("all_ms")
        )
    return curves


BENCHMARK = Benchmark(
    name="cores",
    title="More cores than here",
    about=ABOUT,
    cases=[{"cores": cores, "images": 100 * min(cores, 20)} for cores in (2, 8, 32, 64)],
    quick=[{"cores": 8, "images": 60}],
    contestants=contestants,
    repeats=lambda case: 1,
    aims=aims,
    text=text,
    plot=lambda results, figure: lines(figure, _curves(results), "cores", "images a second"),
)


if __name__ == "__main__":
    main(BENCHMARK)
