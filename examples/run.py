"""Draws the pictures of an example into a folder, and runs it there.

    python examples/run.py growth [FOLDER] [SNAKEMAKE OPTION …]
    python examples/run.py operetta [FOLDER] [SNAKEMAKE OPTION …]

With pictures of your own only the last command is left: `snakemake --cores 4`.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = {"growth": ("matplotlib",), "operetta": ()}
"""The examples, and what each needs besides pixmake."""


def main(name: str, folder: Path, options: list[str]) -> int:
    """Make the example's project, draw its pictures where there are none yet, and run it."""
    from pixmake.project.folder import complete_project

    missing = [package for package in EXAMPLES[name] if find_spec(package) is None]
    if missing:
        print(f"the example {name} needs: pip install {' '.join(missing)}", file=sys.stderr)
        return 1
    shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
    complete_project(folder)
    run(folder, "scripts/draw.py")
    run(folder, "-m", "snakemake", *(options or ["--cores", "all"]))
    return 0


def run(folder: Path, *words: str) -> None:
    """Run a Python program in the project's folder."""
    print("$", *words, flush=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([sys.executable, *words], cwd=folder, env={**os.environ, "PATH": path}, check=True)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in EXAMPLES:
        sys.exit(f"which example? python examples/run.py {'|'.join(EXAMPLES)} [FOLDER]")
    chosen = sys.argv[1]
    sys.exit(main(chosen, Path(sys.argv[2] if len(sys.argv) > 2 else f"{chosen}-example"), sys.argv[3:]))
