"""Jobs that are settled have no rule, and still nothing is left out that all rules would run."""

from __future__ import annotations

import base64
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.conftest import Project

ROUNDS = int(os.environ.get("PIXMAKE_TEST_ROUNDS", "3"))
"""Of some edits each, then a look by both ways, and a run."""

EDITS = int(os.environ.get("PIXMAKE_TEST_EDITS", "15"))
"""Of a round, at the most."""

ANALYSIS = """\
from levels import LEVEL


def find(image):
    mask = image[..., 0] > LIMIT
    return {"mask": mask, "cells": f"area\\n{int(mask.sum())}\\n", "found": int(mask.sum())}


def measure(image, mask, scale=1):
    return {"mean": float(image[mask > 0].sum()) * scale + LEVEL}


def total(measurements):
    return {"sum": sum(row["mean"] for row in measurements)}


def plant(images, measurements, mask=()):
    return {"images": len(images), "masks": len(mask)}


def outline(image, mask):
    return {"outline": mask > 0, "size": float(mask.mean())}


def length(outline):
    return {"length": float(outline.sum())}


LIMIT = 50
"""


class Trial:
    """A project that is edited at random."""

    def __init__(self, project: Project, seed: int, keep: str = "all") -> None:
        self.keep = keep
        self.project, self.random = project, random.Random(seed)
        self.names = [f"p{number}" for number in range(4)]
        self.rows = {name: {"path": f"{name}.png", "plant": f"P{int(name[1:]) % 2}"} for name in self.names}
        self.limit, self.level, self.scale, self.threads, self.extra = 50, 1, 1, 1, False
        self.needs, self.files, self.python = ["find", "measure"], {"mask": "png", "cells": "csv"}, ""
        self.first: dict[str, tuple[bytes, int]] = {}
        for number, name in enumerate(self.names):
            self._draw(name, 40 + 10 * number)
        self.write()

    def write(self) -> None:
        """Write table, config and scripts as they are to be."""
        find: dict[str, object] = {"function": "scripts/a.py:find", "files": self.files}
        measure = {
            "function": "scripts/a.py:measure",
            "needs": ["find"],
            "params": {"scale": self.scale},
            "threads": self.threads,
            **({"python": self.python} if self.python else {}),
        }
        steps = {
            "find": find,
            "measure": measure,
            "total": {"function": "scripts/a.py:total", "needs_all": ["measure"], "per": "all"},
            "outline": {"function": "scripts/a.py:outline", "needs": ["find"], "files": {"outline": "png"}},
            "length": {"function": "scripts/a.py:length", "needs": ["outline"]},
            "plant": {"function": "scripts/a.py:plant", "needs": self.needs, "per": ["plant"]},
        }
        if self.extra:
            steps["more"] = {"function": "scripts/a.py:measure", "needs": ["find"]}
        images = {"table": "config/images.csv", "root": "images"}
        self.project.configure(images=images, steps=steps, aggregate={"report": False}, keep=self.keep)
        self.project.list_images(list(self.rows.values()))
        self.project.write("scripts/a.py", ANALYSIS.replace("LIMIT = 50", f"LIMIT = {self.limit}"))
        self.project.write("scripts/levels.py", f"LEVEL = {self.level}\n")

    def edit(self) -> str:
        """Change something, and say what."""
        change = self.random.choice(CHANGES)
        change(self)
        self.write()
        return change.__name__

    def image(self) -> str:
        """The name of one of the images."""
        return self.random.choice(sorted(self.rows))

    def made(self, *patterns: str) -> Path | None:
        """One of the files that jobs have made."""
        found = sorted(p for pattern in patterns for p in (self.project.folder / "results").glob(pattern))
        return self.random.choice(found) if found else None

    def _draw(self, name: str, level: int) -> None:
        path = self.project.draw(f"images/{name}.png", level=level, shape=(8, 8, 3))
        self.first.setdefault(name, (path.read_bytes(), path.stat().st_mtime_ns))


def touched_image(trial: Trial) -> None:
    os.utime(trial.project.folder / f"images/{trial.image()}.png")


def replaced_image(trial: Trial) -> None:
    trial._draw(trial.image(), trial.random.randrange(30, 200))


def older_image(trial: Trial) -> None:
    name = trial.image()
    trial._draw(name, trial.random.randrange(30, 200))
    os.utime(trial.project.folder / f"images/{name}.png", (10**9, 10**9 + trial.random.randrange(1000)))


def restored_image(trial: Trial) -> None:
    name = trial.image()
    content, date = trial.first[name]
    path = trial.project.folder / f"images/{name}.png"
    path.write_bytes(content)
    os.utime(path, ns=(date, date))


def added_row(trial: Trial) -> None:
    name = f"p{trial.random.randrange(4, 9)}"
    trial._draw(name, 30 + trial.random.randrange(100))
    trial.rows[name] = {"path": f"{name}.png", "plant": "P0"}


def removed_row(trial: Trial) -> None:
    if len(trial.rows) > 2:
        del trial.rows[trial.image()]


def changed_row(trial: Trial) -> None:
    trial.rows[trial.image()]["plant"] = trial.random.choice(["P0", "P1", "P2"])


def changed_param(trial: Trial) -> None:
    trial.scale = trial.random.randrange(1, 3)


def changed_source(trial: Trial) -> None:
    trial.limit = trial.random.choice([50, 60])


def changed_module(trial: Trial) -> None:
    trial.level = trial.random.choice([1, 2])


def other_threads(trial: Trial) -> None:
    trial.threads = trial.random.choice([1, 2])


def other_needs(trial: Trial) -> None:
    trial.needs = trial.random.choice([["find", "measure"], ["measure"]])


def other_files(trial: Trial) -> None:
    trial.files = trial.random.choice([{"mask": "png", "cells": "csv"}, {"mask": "png"}])


def other_python(trial: Trial) -> None:
    trial.python = trial.random.choice(["", sys.executable])


def touched_source(trial: Trial) -> None:
    os.utime(trial.project.folder / "scripts/a.py")


def another_step(trial: Trial) -> None:
    trial.extra = not trial.extra


def removed_result(trial: Trial) -> None:
    path = trial.made("*/p*.json", "*/P*.json", "find/*.png", "find/*.csv", ".gathered/*", ".records.jsonl")
    if path is not None:
        path.unlink()


def edited_result(trial: Trial) -> None:
    path = trial.made("measure/p*.json", "find/*.csv")
    if path is not None:
        text = path.read_text()
        path.write_text(text.replace("1", "2", 1) if path.suffix == ".csv" else f"{text} ")


def cut_record(trial: Trial) -> None:
    path = trial.made("*/p*.json", "*/P*.json")
    if path is not None:
        path.write_bytes(path.read_bytes()[: trial.random.randrange(200)])


def removed_file(trial: Trial) -> None:
    path = trial.made("find/*.png", "find/*.csv")
    if path is not None:
        path.unlink()


def removed_table(trial: Trial) -> None:
    path = trial.made("*.csv", "provenance.json")
    if path is not None:
        path.unlink()


def touched_result(trial: Trial) -> None:
    path = trial.made("*/p*.json", "find/*.png", "find/*.csv")
    if path is not None:
        os.utime(path)


def interrupted_job(trial: Trial) -> None:
    path = trial.made("*/p*.json")
    if path is not None:
        name = base64.urlsafe_b64encode(str(path.relative_to(trial.project.folder)).encode()).decode()
        trial.project.write(f".snakemake/incomplete/{name}", "{}")


def killed_run(trial: Trial) -> None:
    """Another run, of which nothing is left at some moment."""
    trial.write()
    pid = in_a_fork(trial.project, [], all_rules=False)
    time.sleep(trial.random.choice([0.5, 1, 1.5, 2, 3]))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def lost_index(trial: Trial) -> None:
    shutil.rmtree(trial.project.folder / ".snakemake/pixmake/index", ignore_errors=True)


CHANGES: list[Callable[[Trial], None]] = [
    *(touched_image, replaced_image, older_image, restored_image, added_row, removed_row, changed_row),
    *(changed_param, changed_source, touched_source, changed_module, other_threads, other_needs),
    *(other_files, other_python, another_step, removed_result, removed_file, removed_table, edited_result),
    *(cut_record, touched_result, interrupted_job, killed_run, lost_index),
]


def in_a_fork(project: Project, options: Sequence[str], *, all_rules: bool) -> int:
    """Start Snakemake in a fork of this process, which has it loaded: a tenth of a start's time."""
    import snakemake.cli

    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.chdir(project.folder)
        handle = os.open(project.folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.environ["PIXMAKE_ALL_RULES"] = "1" if all_rules else ""
        words = ["--cores", "2", "--rerun-incomplete", "--workflow-profile", "none", "--nolock", *options]
        try:
            snakemake.cli.main(words)
        except SystemExit as end:
            status = int(end.code or 0)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def snakemake(project: Project, *options: str, all_rules: bool = False) -> str:
    """What Snakemake says."""
    pid = in_a_fork(project, options, all_rules=all_rules)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    text = (project.folder / "said.txt").read_text()
    assert status == 0, text
    return text


def would_run(project: Project, *, all_rules: bool) -> set[str]:
    """The rules that a dry run names, but for those that only say that a step is done."""
    named = re.findall(r"^(?:local)?rule (\w+):", snakemake(project, "-n", all_rules=all_rules), re.M)
    return {name for name in named if not name.startswith("made_")}


@pytest.mark.parametrize("seed", [int(os.environ.get("PIXMAKE_TEST_SEED", "1"))])
@pytest.mark.parametrize("keep", ["all", "results"])
def test_never_less_than_all_rules_would(project: Project, seed: int, keep: str) -> None:
    """After edits at random, what would run is all that all rules would run; after a run, it is nothing."""
    trial = Trial(project, seed, keep)
    print(f"seed {seed}, keep: {keep}")
    snakemake(project)
    for _ in range(ROUNDS):
        edits = [trial.edit() for _ in range(trial.random.randrange(1, EDITS + 1))]
        every, few = (would_run(project, all_rules=asked) for asked in (True, False))
        assert every <= few, f"seed {seed}, {edits}: without rules for {every - few}"
        snakemake(project)
        left = would_run(project, all_rules=False), would_run(project, all_rules=True)
        assert left == (set(), set()), f"seed {seed}, {edits}: not settled afterwards: {left}"


STAGES = {
    "none": "",
    "the image": "measure/p4.json",
    "records": ".records.jsonl",
    "tables": "measurements.csv",
    "provenance": "provenance.json",
    "the page": "report.html",
}
"""Where a run is killed: as soon as this file is another one, or gone for the moment."""


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_runs_after_an_added_image(small: Project, stage: str) -> None:
    """One run makes what an added image asks for, wherever another was killed; then nothing is to do."""

    def state() -> tuple[int, int] | None:
        try:
            found = (small.folder / "results" / STAGES[stage]).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    snakemake(small)
    before = state()
    small.draw("images/p4.png", level=90)
    small.list_images([{"path": f"p{number}.png", "plant": f"P{number}"} for number in range(5)])
    if STAGES[stage]:
        pid = in_a_fork(small, [], all_rules=False)
        while state() == before:
            assert os.waitpid(pid, os.WNOHANG) == (0, 0), "it ended before"
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    snakemake(small)
    assert [Path(row["path"]).stem for row in small.rows()] == [f"p{number}" for number in range(5)]
    assert [row["path"] for row in small.rows("files.csv")] == [
        f"images/p{number}.png" for number in range(5)
    ]
    for _ in range(2):
        assert "Nothing to be done" in small.snakemake().err
