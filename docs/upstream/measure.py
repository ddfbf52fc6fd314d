"""Measure a patch of Snakemake: a copy of it with the patch beside one without, in turns, in CPU-seconds.

python docs/upstream/measure.py rounds.patch many_ready.smk --cores 2 --scheduler greedy --config jobs=300
python docs/upstream/measure.py imports.patch - --version

The installed Snakemake is not touched: both are copies, found first by PYTHONPATH. Needs ``patch``.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
TURNS = 3


def main() -> None:
    """Print the CPU-seconds of each turn."""
    patch, workflow, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        copies = {name: Path(scratch, name) for name in ("as it is", "patched")}
        spec = importlib.util.find_spec("snakemake")
        for copy in copies.values():
            shutil.copytree(Path(spec.origin).parent, copy / "snakemake")
        patched = copies["patched"]
        subprocess.run(["patch", "-sp2", "-i", HERE / patch], cwd=patched, check=True)
        for copy in copies.values():
            subprocess.run([sys.executable, "-m", "compileall", "-q", copy], check=False)
        named = [] if workflow == "-" else ["-s", str(HERE / workflow)]
        for _ in range(TURNS):
            spent = {name: once(copy, [*named, *options]) for name, copy in copies.items()}
            print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent.items()), flush=True)


def once(copy: Path, options: list[str]) -> float:
    """Run a copy in an empty folder; the CPU-seconds of it and its jobs."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(copy)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"snakemake {' '.join(options)} failed")
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
