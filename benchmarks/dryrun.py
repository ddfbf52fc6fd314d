"""What a look at many images costs, although there is a rule for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from environments import SAME, SNAKEMAKE, environment, ours, versions
from frame import Aim, Benchmark, Contestant, main
from measured import OURS, Case, Results
from page import comparison
from projects import draw, pixmake_project, wildcard_snakefile
from usage import environment_of, usage

BY_HAND = "a rule with a wildcard: `snakemake -n`"

SNAKEFILE = wildcard_snakefile("shell", "cp {input} {output}")

ABOUT = """
Nothing is run. pixmake has a rule for each image; the Snakefile by hand has one for all, and reads no
table. `pixmake check` and `pixmake status` do not start Snakemake.
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """Dry runs, and what pixmake has for looking."""
    count = int(case["images"])
    bare, own = environment("snakemake", SNAKEMAKE, *SAME), ours()
    project, hand = pixmake_project(scratch / "pixmake", count), scratch / "by hand"
    draw(hand, count)
    (hand / "Snakefile").write_text(SNAKEFILE)

    def looks(name: str, python: Path, folder: Path, *words: str) -> Contestant:
        program, *rest = words
        command = [python.parent / program, *rest]
        run = lambda: usage(command, folder, environment_of(python))  # noqa: E731
        return Contestant(name, run, versions=versions(python, "snakemake"))

    return [
        looks(BY_HAND, bare, hand, "snakemake", "-n", "--quiet", "all"),
        looks(OURS, own, project, "snakemake", "-n"),
        looks("`pixmake check`", own, project, "pixmake", "check"),
        looks("`pixmake status`", own, project, "pixmake", "status"),
    ]


def aims(results: Results) -> list[Aim]:
    """A rule for each image is to cost little more than one for all."""
    ratio = 1 / results.ratio(BY_HAND, images=10_000)
    return [Aim("a dry run of 10,000 images against one rule for all", ratio, most=1.6)]


BENCHMARK = Benchmark(
    name="dryrun",
    title="Looking without running",
    about=ABOUT,
    cases=[{"images": 10_000}],
    quick=[{"images": 200}],
    contestants=contestants,
    aims=aims,
    text=comparison,
)


if __name__ == "__main__":
    main(BENCHMARK)
