"""`pixmake check` says all mistakes at once, each once, and none that only follows from another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pixmake.base.errors import PixmakeError, Problem, listed
from pixmake.config.models import parse_config
from pixmake.plan.format_check import image_problems
from pixmake.plan.plan import plan_project

ANALYSIS = "def measure(image, *, gain=1):\n    return {}\n\n\ndef masked(image, mask):\n    return {}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text(ANALYSIS)
    rows = ["path,camera,plant"]
    for number in range(6):
        (tmp_path / f"{number}.png").touch()
        rows.append(f"{number}.png,{'VIS' if number % 2 else 'NIR'},P{number // 2}")
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def told(**content: Any) -> str:
    """What is said of a config."""
    with pytest.raises(PixmakeError) as raised:
        plan_project({"images": {"table": "t.csv"}, **content}, [])
    return str(raised.value)


def test_every_part_is_looked_at(here: Path) -> None:
    """A typo in the selection hides neither groups nor steps, executors, params and functions of tables."""
    text = told(
        images={"table": "t.csv", "select": {"where": {"camra": "VIS"}}, "group_by": ["nocolumn"]},
        steps={
            "a": {"function": "a.py:nofunction", "needs": ["zzz"]},
            "b": {"function": "nofile.py:f", "executor": "nope"},
            "c": {"plantcv": "missing.py"},
            "d": {"function": "a.py:measure", "params": {"unknown_one": 3}},
            "e": {"function": "a.py:measure", "per": "noterm"},
            "f": {"function": "a.py:measure", "tretries": 1},
            "g": {"shell": "x", "python": "y"},
        },
        aggregate={"functions": {"t": {"function": "a.py:notable"}}},
    )
    for word in (
        *("camra", "nocolumn", "nofunction", "zzz", "nofile.py", "nope", "missing.py", "unknown_one"),
        *("noterm", "tretries", "python has no meaning", "notable"),
    ):
        assert sum(word in line for line in text.splitlines()) == 1, (word, text)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        # what a step that is not there would have given is not missed once more
        ({"steps": {"a": {"function": "a.py:masked", "needs": ["seg"]}}}, 1),
        ({"steps": {"seg": {"function": "a"}, "a": {"function": "a.py:masked", "needs": ["seg"]}}}, 1),
        ({"steps": {"a": {"shell": "x {needs.mask}", "needs": ["seg"]}}}, 1),
        ({"steps": {"a": {"function": "a.py:measure", "needs": ["a"]}}}, 1),
        ({"images": {"tabel": "t.csv"}, "steps": {"a": {"function": "a.py:nofunction"}}}, 2),
        (
            {
                "steps": {"s": {"function": "a"}, "m": {"function": "a.py:measure"}},
                "aggregate": {"functions": {"f": {"function": "a.py:measure", "needs": ["s"]}}},
            },
            1,
        ),
    ],
)
def test_no_mistake_follows_from_another(here: Path, content: dict[str, Any], lines: int) -> None:
    """What is wrong because of something else that is wrong is not told."""
    text = told(**content)
    count = 1 if not text.partition(" ")[0].isdigit() else int(text.partition(" ")[0])
    assert count == lines, text


def test_one_mistake_is_one_line(here: Path) -> None:
    """It is told in full once, with how often it is there, and two of the other places."""
    images = {"table": "t.csv", "group_by": ["plant"]}
    (here / "b.py").write_text("def f(images):\n    return {}\n")
    text = told(images=images, steps={"s": {"function": "b.py:f", "per": "camera"}})
    assert len(text.splitlines()) == 1
    assert "the images of P0 have several values of 'camera' (add it to images.group_by)" in text
    assert "the same 2 times more: t.csv, row 4" in text
    many = [Problem("is empty", f"row {n}", mistake="empty") for n in range(384)]
    assert listed(many) == "row 0: is empty – the same 383 times more: row 1; row 2; …"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"runtime": "1h30m"}, {"runtime": 90}),
        ({"runtime": ["45 minutes", "2h"]}, {"runtime": [45, 120]}),
        ({"runtime": "soon"}, "'soon' is not understood, e.g. 90, 2h or 1h30m"),
        ({"mem": "300MB"}, {"mem_mb": 300}),
        ({"mem": "1GiB", "disk": "5 GB"}, {"mem_mb": 1074, "disk_mb": 5000}),
        ({"mem": "1000 * attempt"}, {"mem_mb": "1000 * attempt"}),
        ({"mem_mib": 1000}, {"mem_mb": 1049}),
        ({"mem": "lots"}, "'lots' is not understood, e.g. 500MB or 4GB"),
        ({"mem": "1GB", "mem_mb": 5}, "both say how much mem_mb is"),
        ({"mpi": "srun"}, "for several cores give it `threads`"),
        ({"a-b": 1}, "'a-b' is no name of a resource"),
        ({"_cores": 1}, "'_cores' is no name of a resource"),
        ({"attempt": 1}, "this name is taken"),
        ({"slurm_partition": "short"}, {"slurm_partition": "short"}),
    ],
)
def test_resources(resources: dict[str, Any], expected: Any) -> None:
    """Times and sizes limit a job in whatever unit they are given; what Snakemake would stop at is told."""
    step = {"function": "a.py:f", "resources": resources, "retries": 2}
    content = {"images": {"table": "t.csv"}, "steps": {"s": step}}
    if isinstance(expected, str):
        with pytest.raises(PixmakeError) as raised:
            parse_config(content)
        assert expected in str(raised.value)
    else:
        assert parse_config(content).steps["s"].resources.given() == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"results": "{x}"}, "has '{', '}', which Snakemake does not take"),
        ({"results": "a\nb"}, "which Snakemake does not take"),
        ({"results": ""}, "is no folder of its own"),
        ({"results": "./."}, "is no folder of its own"),
        ({"results": "r" * 300}, "is no name for a folder"),
        ({"results": ".snakemake/x"}, "is below .snakemake"),
        (
            {"steps": {"report_files": {"function": "a.py:f"}}},
            "results/report_files is a folder of pixmake's own",
        ),
        ({"steps": {"s": {"function": "a.py:f", "params": {"x": "\ud800"}}}}, "has half a character"),
        ({"steps": {"s": {"function": "a.py:f", "params": {"x": {1: 2}}}}}, "the key 1 is no text; quote it"),
    ],
)
def test_names_and_texts(content: dict[str, Any], expected: str) -> None:
    """What no path, or no file, can hold is told before Snakemake stumbles over it."""
    with pytest.raises(PixmakeError) as raised:
        parse_config({"images": {"table": "t.csv"}, "steps": {"s": {"function": "a.py:f"}}, **content})
    assert expected in str(raised.value)


def test_names_of_rules(here: Path) -> None:
    """A step's job cannot be called as a rule of pixmake's own."""
    (here / "cells.png").touch()
    (here / "t.csv").write_text("path\ncells.png\n")
    steps = {
        "collect_s": {"function": "a.py:measure"},
        "s": {"function": "a.py:measure", "files": {"cells": "csv"}},
    }
    assert "collect_s of cells and a rule of pixmake's own are both collect_s_cells" in told(steps=steps)
    content = {
        "images": {"table": "t.csv"},
        "steps": {"all": {"function": "a.py:measure"}},
        "results": "out/",
    }
    assert plan_project(content, []).config.results == "out"


def test_wrong_axes_are_told_with_all_else(here: Path) -> None:
    """Images are looked at though steps, keys and rows have mistakes; what is not there is told once."""
    tifffile.imwrite("stack.tif", np.zeros((3, 4, 5), np.uint8), photometric="minisblack")
    Path("rows.csv").write_text("path,camera\nstack.tif,VIS\ngone.tif,VIS\n")
    content = {
        "images": {"table": "rows.csv"},
        "steps": {
            "flat": {"function": "a.py:measure", "axes": "yx"},
            "wrong": {"function": "a.py:nofunction"},
            "key": {"function": "a.py:measure", "tretries": 1},
        },
    }
    with pytest.raises(PixmakeError) as raised:
        plan_project(content, ["config.yaml"], image_problems)
    text = str(raised.value)
    for word in ("stack.tif has axes", "gone.tif: there is no such file", "nofunction", "tretries"):
        assert sum(word in line for line in text.splitlines()) == 1, (word, text)
    assert text.startswith("4 problems"), text
