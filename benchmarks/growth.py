"""How cost grows with the number of images: runs, dry runs, checks, status, and lines of output."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measuring import CORES, draw, forget, markdown, pixmake_project, run, side_by_side
from overhead import ANALYSIS

WILDCARD = """\
from pathlib import Path

IDS = sorted(path.stem for path in Path("images").glob("*.png"))


rule all:
    input:
        expand("results/{id}.json", id=IDS),


rule measure:
    input:
        "images/{id}.png",
    output:
        "results/{id}.json",
    shell:
        "cp {input} {output}"
"""


def measure(small: int, large: int, repeats: int) -> str:
    """Two tables: what only looks at the workflow, and whole runs."""
    with tempfile.TemporaryDirectory() as scratch:
        looks = _looks(Path(scratch), large, repeats)
        runs = _runs(Path(scratch), small, large, repeats)
    return f"{looks}\n\n{runs}"


def _looks(scratch: Path, count: int, repeats: int) -> str:
    ours = pixmake_project(scratch / "looked", count, ANALYSIS)
    hand = scratch / "hand"
    draw(hand, count)
    (hand / "Snakefile").write_text(WILDCARD)
    timed = side_by_side(
        {
            "wildcard rule by hand: `snakemake -n`": lambda: _dry(hand, "--quiet", "all"),
            "pixmake: `snakemake -n`": lambda: _dry(ours),
            "`pixmake check`": lambda: _quietly(ours, "check"),
            "`pixmake status`": lambda: _quietly(ours, "status"),
        },
        repeats,
    )
    floor = timed[0].median
    rows = [(t.name, f"{t.median:.1f}", t.spread, f"{t.median / floor:.2f} ×") for t in timed]
    return markdown((f"{count:,} images", "seconds, median", "least … most", "of the wildcard rule"), rows)


def _runs(scratch: Path, small: int, large: int, repeats: int) -> str:
    rows = []
    per_image: dict[int, float] = {}
    folders = {count: pixmake_project(scratch / f"run{count}", count, ANALYSIS) for count in (small, large)}
    lines: dict[int, int] = {}

    def run_all(count: int) -> None:
        forget(folders[count])
        lines[count] = len(run(folders[count], "snakemake", "--cores", str(CORES)).splitlines())

    runs = side_by_side({str(count): lambda count=count: run_all(count) for count in folders}, repeats)
    again = side_by_side(
        {
            str(count): lambda count=count: run(folders[count], "snakemake", "--cores", "2") and None
            for count in folders
        },
        repeats,
    )
    for whole, nothing in zip(runs, again, strict=True):
        count = int(whole.name)
        per_image[count] = whole.median / count
        growth = f"{per_image[count] / per_image[small]:.2f} ×"
        rows.append(
            (
                f"{count:,}",
                f"{whole.median:.1f}",
                whole.spread,
                f"{per_image[count] * 1000:.1f}",
                growth,
                lines[count],
                f"{nothing.median:.1f}",
            )
        )
    return markdown(
        ("images", "run, s", "least … most", "ms an image", "growth", "lines printed", "nothing to do, s"),
        rows,
    )


def _dry(folder: Path, *options: str) -> None:
    run(folder, "snakemake", "-n", *options)


def _quietly(folder: Path, command: str) -> None:
    run(folder, "pixmake", command)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    quick = parser.parse_args().quick
    print(measure(50, 200, 1) if quick else measure(1000, 10_000, 1))
