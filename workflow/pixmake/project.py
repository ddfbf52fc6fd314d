"""A project's folder: making a new one, and running Snakemake in one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pixmake.errors import PixmakeError, Problem
from pixmake.runlock import left_locked


def make_project(folder: Path) -> list[str]:
    """Fill a new folder with a project that runs at once.

    Returns
    -------
    list of str
        What to tell the user.

    Raises
    ------
    PixmakeError
        The folder holds something already.
    """
    from pixmake.rules import HERE, WORKFLOW

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = "name a folder that is new or empty"
        raise PixmakeError([Problem("exists and is not empty", str(folder), hint)])
    packaged = HERE / "_workflow"
    template = packaged / "project" if packaged.is_dir() else WORKFLOW.parent
    for name in ("Snakefile", "config", "scripts", "profiles"):
        source, target = template / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return [f"{folder}: a new project"]


def run_snakemake(options: Sequence[str]) -> int:
    """Run ``snakemake`` with these options in the working directory.

    Returns
    -------
    int
        Its exit status.
    """
    command = [sys.executable, "-m", "snakemake"]
    if left_locked():
        print("pixmake: removing the lock that a killed run left behind", file=sys.stderr)
        subprocess.run([*command, "--unlock", "--quiet", "all"], check=False)
    with subprocess.Popen([*command, *options]) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # Snakemake got it, too, and ends its jobs
