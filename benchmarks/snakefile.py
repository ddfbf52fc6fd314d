"""pixmake beside a Snakefile by hand: a rule with a wildcard and ``script:``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from environments import SAME, SNAKEMAKE, environment, ours, versions
from frame import CORES, Aim, Benchmark, Contestant, Headline, headlines_of, main
from measured import OURS, Case, Measured, Results, number
from page import comparison
from plots import lines
from projects import (
    BURN,
    analysis,
    draw,
    expect,
    forget,
    pixmake_project,
    wildcard_snakefile,
)
from usage import environment_of, usage

DEFAULT, FAST = "Snakefile, default settings", "Snakefile, fast settings"
MILLISECONDS = 5
FAST_SETTINGS = ["--scheduler", "greedy", "--scheduler-subsample", "8"]

SNAKEFILE = wildcard_snakefile("script", "measure.py")

SCRIPT = """\
import json

import cv2


{burn}

image = cv2.imread(snakemake.input[0], cv2.IMREAD_UNCHANGED)
with open(snakemake.output[0], "w") as file:
    json.dump({{"mean": float(image.mean()), "burnt": burn({milliseconds})}}, file)
"""

ABOUT = f"""
Images of 32 × 32 pixels, {MILLISECONDS} ms of work each. The Snakefile is what one would write by hand: a
rule with a wildcard and `script:`. It makes one small file of an image, and neither a table nor a page nor
a record of failures, which pixmake makes within its time. Its fast settings are those of pixmake's own
profile: `{" ".join(FAST_SETTINGS)}`.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """The Snakefile by hand, with the settings as they are and with better ones, and pixmake."""
    count = int(case["images"])
    bare, own = environment("snakemake", SNAKEMAKE, *SAME), ours()
    project = pixmake_project(scratch / "pixmake", count, analysis(MILLISECONDS))

    def by_hand(name: str, *options: str) -> Contestant:
        folder = scratch / f"by hand {len(options)}"
        draw(folder, count)
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "measure.py").write_text(SCRIPT.format(burn=BURN, milliseconds=MILLISECONDS))

        def run() -> dict[str, float]:
            words = [bare.parent / "snakemake", "--cores", str(CORES), "--quiet", "all", *options]
            figures = usage(words, folder, environment_of(bare))
            expect(folder, "results/*.json", count)
            return figures

        return Contestant(name, run, lambda: forget(folder), versions(bare, "snakemake"))

    def pixmake() -> dict[str, float]:
        figures = usage([own.parent / "snakemake", "--cores", str(CORES)], project, environment_of(own))
        expect(project, "results/measure/*.json", count)
        return figures

    return [
        by_hand(DEFAULT),
        by_hand(FAST, *FAST_SETTINGS),
        Contestant(OURS, pixmake, lambda: forget(project), versions(own, "snakemake", "pandas")),
    ]


def aims(results: Results) -> list[Aim]:
    """Five times faster, and an image that costs as much among many."""
    return [
        Aim("faster than default settings, 1,000 images", results.ratio(DEFAULT, images=1000), least=5),
        Aim("an image among 3,000 against one among 1,000", growth(results, OURS), most=1.1),
    ]


def growth(results: Results, contestant: str, few: int = 1000, many: int = 3000) -> float:
    """What an image costs among many, as against among few."""
    small, large = results.of(contestant, images=few), results.of(contestant, images=many)
    return large.median() / many / (small.median() / few) if small and large else float("nan")


def headlines(results: Results) -> list[Headline]:
    """1,000 images."""
    work = f"1,000 images of {MILLISECONDS} ms"
    return [
        line for theirs in (DEFAULT, FAST) for line in headlines_of(results, {"images": 1000}, theirs, work)
    ]


def _of_an_image(each: Measured) -> float:
    return each.median() / int(each.case["images"]) * 1000


def _lines(results: Results) -> dict[str, dict[float, float]]:
    return {
        name: {
            int(each.case["images"]): _of_an_image(each)
            for each in results.measured
            if each.contestant == name
        }
        for name in results.contestants()
    }


BENCHMARK = Benchmark(
    name="snakefile",
    title="A Snakefile by hand",
    about=ABOUT,
    cases=[{"images": count} for count in (200, 1000, 3000)],
    quick=[{"images": 40}],
    contestants=contestants,
    repeats=lambda case: 3 if case["images"] == 200 else 1,
    aims=aims,
    headlines=headlines,
    text=lambda results: comparison(results, [("ms an image", lambda each: number(_of_an_image(each)))]),
    plot=lambda results, figure: lines(figure, _lines(results), "images", "ms an image"),
)


if __name__ == "__main__":
    main(BENCHMARK)
