"""The examples of docs/steps.md do what the page says, read from the page itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import REPOSITORY, Project, notebook

from pixmake.job.record import read_record
from pixmake.project.try_image import shown


@dataclass
class Example:
    """What a page shows between two measured results."""

    files: dict[str, str] = field(default_factory=dict)
    cells: list[str] = field(default_factory=list)
    steps: dict[str, Any] = field(default_factory=dict)
    measured: list[str] = field(default_factory=list)


def examples() -> list[Example]:
    """The examples of the page: files, a config, and what is measured at its end."""
    text = (REPOSITORY / "docs/steps.md").read_text(encoding="utf-8")
    found, current = [], Example()
    for name, language, block in re.findall(r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```", text, re.M | re.S):
        if language == "yaml":
            current.steps = yaml.safe_load(block)["steps"]
        elif language == "text":
            current.measured = block.splitlines()
            found.append(current)
            current = Example()
        elif name:
            current.files[name] = block
        else:
            current.cells.append(block)
    return found


def draw(project: Project) -> None:
    """The page's picture, by its own script: a green leaf of 40 × 30 pixels, in one of 160 × 120."""
    script = examples()[0].files["scripts/draw_leaf.py"]
    subprocess.run([sys.executable, "-c", script], cwd=project.folder, check=True)
    project.list_images([{"path": "leaf.png"}])


def run(project: Project, chosen: list[Example]) -> None:
    """Run examples as one project, and hold what they measure to the page."""
    draw(project)
    steps: dict[str, Any] = {}
    for example in chosen:
        for name, text in example.files.items():
            project.write(name, text)
        if example.cells:
            (step,) = example.steps.values()
            project.write(step["notebook"], notebook(example.cells, {0: ["parameters"]}))
        steps |= example.steps
    project.configure(images={"table": "config/images.csv", "root": "images"}, steps=steps)
    ended = project.snakemake()
    assert ended.code == 0, ended.err + "".join(str(project.rows("failures.csv")))
    for example in chosen:
        (name,) = example.steps
        lines = [line.strip() for line in shown(read_record(project.folder / f"results/{name}/leaf.json"))]
        assert [line for line in lines if line in example.measured] == example.measured, (name, lines)


def needs_r(example: Example) -> bool:
    return any(name.endswith(".R") for name in example.files)


def needs_plantcv(example: Example) -> bool:
    return any("plantcv" in step for step in example.steps.values())


def test_every_kind_has_an_example() -> None:
    """The page has one of each kind, and of scripts two."""
    kinds = [key for each in examples() for step in each.steps.values() for key in list(step)[:1]]
    assert kinds == ["function", "plantcv", "script", "script", "shell", "notebook"]


def test_examples(project: Project) -> None:
    """They measure what the page says; the table of leaves is gathered."""
    chosen = [each for each in examples() if not needs_plantcv(each)]
    if shutil.which("Rscript") is None:
        chosen = [each for each in chosen if not needs_r(each)]
    run(project, chosen)
    assert (
        project.folder / "results/find.leaves.csv"
    ).read_text() == "id,path,area,width\nleaf,leaf.png,1200,40\n"


@pytest.mark.plantcv
def test_plantcv_example(project: Project, plantcv: Callable[[str], Path]) -> None:
    """PlantCV's, in its own environment."""
    (example,) = filter(needs_plantcv, examples())
    (project.folder / "envs").mkdir()
    (project.folder / "envs/plantcv").symlink_to(plantcv("4").parent.parent)
    run(project, [example])
