"""What a run costs that has next to nothing to do: Snakemake's start, and what pixmake adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from environments import ours, versions
from frame import CORES, Aim, Benchmark, Contestant, main
from measured import OURS, Case, Results
from page import comparison
from projects import expect, forget, pixmake_project
from usage import environment_of, usage

BARE, DRY, STATUS, HELP = "`snakemake --version`", "`snakemake -n`", "`pixmake status`", "`pixmake --help`"

ABOUT = f"""
A whole run over images of 32 × 32 pixels, whose mean is taken, with tables, page and provenance, on {CORES}
cores. Beside it `snakemake --version`, which imports Snakemake and its plugins and does nothing: no run can
take less. `pixmake status` and `snakemake -n` look at a project of which nothing is done.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """The run, what it cannot be shorter than, and what is asked at a prompt."""
    count = int(case["images"])
    python = ours()
    project = pixmake_project(scratch / "pixmake", count)
    environment, told = environment_of(python), versions(python, "snakemake", "pandas")

    def command(program: str, *words: str) -> dict[str, float]:
        return usage([python.parent / program, *words], project, environment)

    def run() -> Mapping[str, float]:
        figures = command("snakemake", "--cores", str(CORES))
        expect(project, "results/measure/*.json", count)
        return figures

    def clear() -> None:
        forget(project)

    looks = {
        BARE: ("snakemake", "--version"),
        DRY: ("snakemake", "-n"),
        STATUS: ("pixmake", "status"),
        HELP: ("pixmake", "--help"),
    }
    return [
        Contestant(OURS, run, clear, told),
        *(Contestant(name, partial(command, *words), clear, told) for name, words in looks.items()),
    ]


def aims(results: Results) -> list[Aim]:
    """How much longer than Snakemake's start."""
    run, bare = results.of(OURS, images=20), results.of(BARE, images=20)
    added = run.median() - bare.median() if run and bare else float("nan")
    return [Aim("a whole run of 20 images beyond `snakemake --version`", added, most=0.5, unit="s")]


BENCHMARK = Benchmark(
    name="start",
    title="A short run",
    about=ABOUT,
    cases=[{"images": 20}],
    quick=[{"images": 4}],
    contestants=contestants,
    repeats=lambda case: 9,
    aims=aims,
    text=comparison,
)


if __name__ == "__main__":
    main(BENCHMARK)
