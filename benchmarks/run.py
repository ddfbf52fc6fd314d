"""Runs every benchmark and writes ``RESULTS.md``: ``make bench``, or ``make bench ARGS=--quick``."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

import growth
import overhead
import slurm
import sources
from measuring import machine

TEXT = """\
# What pixmake costs

{date}, {machine}. Two cores are used throughout. Written by `make bench`; all that stands in one
table was measured in turns, in one run.

## An image of 32 × 32 pixels, whose mean is taken

The pool is the floor: no records, no resuming, no logs, no isolation. Aims: at most 25 ms an image
more than it, at least 5 times faster than the Snakefile by hand.

{overhead}

## Growth

Aims: an image costs at most 1.3 times as much among 10,000 as among 1,000; `-n` takes at most 1.6
times as long as for one rule with a wildcard, although there is a rule for each image.

{growth}

## Reading metadata

From the config to a plan with all its jobs, without Snakemake: read, checked (is each file there?), selected,
grouped. Seconds, those of the CPU, and peak memory of one process. Aims: 100,000 images in 5 s and
1 GB, a million in 60 s. Spreadsheets are tried up to 100,000 rows.

{sources}

## On a cluster

500 images on a real SLURM of two nodes on this machine, in groups, beside a Snakefile by hand with one
job an image. Aims: 20 times fewer submissions, 5 times less wall time.

{cluster}
"""


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes; RESULTS.md is not written")
    quick = parser.parse_args().quick
    text = TEXT.format(
        date=datetime.now(UTC).date(),
        machine=machine(),
        overhead=overhead.measure([50], 50, 1) if quick else overhead.measure([200, 1000], 1000, 2),
        growth=growth.measure(50, 200, 1) if quick else growth.measure(1000, 10_000, 1),
        sources=sources.measure([1000] if quick else sources.COUNTS),
        cluster="Not measured here: SLURM needs root." if quick or os.getuid() else slurm.measure(500, 500),
    )
    print(text)
    if not quick:
        (Path(__file__).parent / "RESULTS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
