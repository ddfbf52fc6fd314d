"""What a project of very many images costs, step by step: compiling, looking, running, tables, page.

``python benchmarks/scale.py images=100000`` measures the largest one, which takes most of an hour.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from environments import ours, versions
from frame import CORES, Aim, Benchmark, Contestant, main
from measured import OURS, Case, Measured, Results, number
from page import markdown
from plots import lines
from projects import expect, pixmake_project
from usage import environment_of, usage

ALL_AT_ONCE = 20_000
"""Up to so many images in one run …"""
SLICE = 10_000
"""… and so many in each of several for more."""

RUN, AGAIN = "run", "run again: nothing to do"
COMPILE, DRY, STATUS = "`pixmake compile`", "`snakemake -n`", "`pixmake status`"
RECORDS, TABLES, PAGE = "records into one file", "tables", "page"

ABOUT = f"""
Images of 32 × 32 pixels, whose mean is taken: what is measured here is what pixmake and Snakemake cost.
Above {ALL_AT_ONCE:,} images it is `pixmake run --batches` with {SLICE:,} images a batch; the dry run is of
all at once. The last three lines are part of the run, too; there the same programs are started alone on its
results.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """No contestants but steps, in their order: each needs what those before it left."""
    count = int(case["images"])
    python = ours()
    project = pixmake_project(scratch / "project", count)
    told = versions(python, "snakemake", "pandas")
    alone = scratch / "alone"
    alone.mkdir()

    def step(name: str, *words: str | Path) -> Contestant:
        return Contestant(name, lambda: usage(list(words), project, environment_of(python)), versions=told)

    def later(name: str, words: Callable[[], Sequence[str | Path]]) -> Contestant:
        return Contestant(name, lambda: usage(words(), project, environment_of(python)), versions=told)

    def run() -> Mapping[str, float]:
        figures = usage(running, project, environment_of(python))
        expect(project, "results/measure/*.json", count)
        return figures

    pixmake, snakemake = python.parent / "pixmake", python.parent / "snakemake"
    running: list[str | Path] = [pixmake, "run", "--cores", str(CORES)]
    if count > ALL_AT_ONCE:
        running += ["--batches", str(-(-count // SLICE))]
    gather = "ls results/measure/*.json" if count < 1000 else "find results/measure -name '*.json'"
    records = ["sh", "-c", f'{gather} | "$0" records "$1"', pixmake, alone / "records.jsonl"]
    return [
        step(COMPILE, pixmake, "compile"),
        step(DRY, snakemake, "-n"),
        Contestant(RUN, run, versions=told),
        Contestant(AGAIN, run, versions=told),
        step(STATUS, pixmake, "status"),
        step(RECORDS, *records),
        later(TABLES, lambda: [pixmake, *_tables(params(pixmake, project, "aggregate"), alone)]),
        later(PAGE, lambda: [pixmake, *_page(params(pixmake, project, "report"), alone)]),
    ]


def params(pixmake: Path, project: Path, rule: str) -> Mapping[str, str]:
    """What a rule gives its program, as the compiled Snakefile says."""
    done = subprocess.run(
        [pixmake, "compile"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
        env=environment_of(pixmake),
    )
    text = re.search(rf"^rule {rule}:\n(.*?)^\S", done.stdout + "\nend", re.MULTILINE | re.DOTALL)
    if text is None:
        raise RuntimeError(f"no rule {rule} in what `pixmake compile` printed")
    found = re.findall(r"^        (columns|formats|project)=('.*'),$", text[1], re.MULTILINE)
    return {name: ast.literal_eval(value) for name, value in found}


def _tables(of_rule: Mapping[str, str], alone: Path) -> list[str | Path]:
    words = ["--columns", of_rule["columns"], "--formats", of_rule["formats"]]
    return ["aggregate", alone / "records.jsonl", *words, "--measurements", alone / "measurements.csv"]


def _page(of_rule: Mapping[str, str], alone: Path) -> list[str | Path]:
    # without the pictures that the run has made already
    kept = alone / "pictures"
    shutil.rmtree(kept, ignore_errors=True)
    return page_words(of_rule, alone, kept)


def page_words(of_rule: Mapping[str, str], alone: Path, kept: Path) -> list[str | Path]:
    """What makes the page of the records there, with the small pictures that are kept in a folder."""
    words = ["--columns", of_rule["columns"], "--kept", kept, "--project", of_rule["project"]]
    return ["page", alone / "records.jsonl", alone / "report.html", *words, "--threads", str(CORES)]


def aims(results: Results) -> list[Aim]:
    """An image costs as much among many, and memory stays small."""
    few, most = results.of(RUN, images=1000), max(results.cases(), key=lambda case: int(case["images"]))
    many = results.of(RUN, **most)
    ratio = _of_an_image(many) / _of_an_image(few) if few and many else float("nan")
    peak = max((each.median("peak_mb") for each in results.measured), default=float("nan"))
    return [
        Aim(f"an image among {int(most['images']):,} against one among 1,000", ratio, most=1.5),
        Aim("peak memory", peak / 1000, most=6, unit="GB"),
    ]


def text(results: Results) -> str:
    """A line a step, two columns a number of images."""
    counts = [int(case["images"]) for case in results.cases()]
    header = ["step", *(words for count in counts for words in (f"{count:,} images, s", "peak MB"))]
    rows = []
    for name in results.contestants():
        found = [results.of(name, images=count) for count in counts]
        cells = [
            (number(each.median()), number(each.median("peak_mb"))) if each else ("–", "–") for each in found
        ]
        rows.append([name, *(cell for pair in cells for cell in pair)])
    of_an_image = [results.of(RUN, images=count) for count in counts]
    costs = [f"{number(_of_an_image(each))} ms" if each else "–" for each in of_an_image]
    rows.append(["run, an image", *(cell for cost in costs for cell in (cost, ""))])
    return markdown(header, rows)


def _of_an_image(each: Measured) -> float:
    return each.median() / int(each.case["images"]) * 1000


def _lines(results: Results) -> dict[str, dict[float, float]]:
    named = {RUN: OURS, AGAIN: AGAIN, DRY: DRY}
    return {
        ("run" if label == OURS else label): {
            int(each.case["images"]): _of_an_image(each)
            for each in results.measured
            if each.contestant == name
        }
        for name, label in named.items()
    }


BENCHMARK = Benchmark(
    name="scale",
    title="Scale",
    about=ABOUT,
    cases=[{"images": count} for count in (100, 1000, 10_000)],
    long=[{"images": 100_000}],
    quick=[{"images": 50}],
    contestants=contestants,
    repeats=lambda case: 1,
    aims=aims,
    text=text,
    plot=lambda results, figure: lines(figure, _lines(results), "images", "ms an image"),
)


if __name__ == "__main__":
    main(BENCHMARK)
