"""Run `snakemake --lint` on a copy of this project that has two images; fail if it complains."""

import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "profiles", "config", "scripts")
IMAGES = 2


def main() -> int:
    """Lint, print what Snakemake says, and return its exit status."""
    with tempfile.TemporaryDirectory(prefix="pixmake-lint-") as name:
        project = Path(name)
        copy_project(project)
        subprocess.run([sys.executable, "scripts/draw_trial.py"], cwd=project, check=True)
        shorten(project / image_table(project))
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--lint"]
        return subprocess.run(command, cwd=project, check=False).returncode


def copy_project(target: Path) -> None:
    """Copy what a run needs, without caches."""
    ignored = shutil.ignore_patterns("__pycache__", ".snakemake")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, target / part)


def image_table(project: Path) -> str:
    """The table that config.yaml names."""
    text = (project / "config" / "config.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["images"]["table"]


def shorten(table: Path) -> None:
    """Keep the header and the first rows."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows[: IMAGES + 1])


if __name__ == "__main__":
    sys.exit(main())
