"""Runs every benchmark, or some by name: ``make bench``, ``make bench ARGS=--quick``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    "plantcv",
    "snakefile",
    "pool",
    "cores",
    "rivals",
    "interruption",
    "models",
    "scale",
    "one_more",
    "report",
    "start",
    "dryrun",
    "sources",
    "headers",
    "tables",
    "power_cut",
    "slurm",
    "pixel_classification",
    "quality",
)
"""In the order in which they run and stand on the page; each has a `frame.Benchmark`, its ``BENCHMARK``."""


def main() -> int:
    """Run the benchmarks, each in a process of its own; one that fails does not stop the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute each; RESULTS.md is not written")
    parser.add_argument("scripts", nargs="*", choices=[[], *SCRIPTS], help="only these")
    given = parser.parse_args()
    failed = []
    for script in given.scripts or SCRIPTS:
        print(f"{script}:", flush=True)
        words = [
            sys.executable,
            Path(__file__).parent / f"{script}.py",
            *(["--quick"] if given.quick else []),
        ]
        if subprocess.run(words, check=False).returncode:
            failed.append(script)
    if failed:
        print(f"Not measured: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
