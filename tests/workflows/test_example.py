"""The examples run as they are shown: what was drawn is what is measured."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import REPOSITORY, Project

EXAMPLE = REPOSITORY / "examples/plate"
SMALL = """\
ROWS, COLUMNS, FIELDS, SIZE, TRAINED_ON = "AB", (1, 4), 1, 224, "B1_0"
"""
"""Instead of the constants of the same names: a plate that is quick to draw and to measure."""


def run_small(folder: Path, *options: str, timeout: float = 240) -> str:
    """Run the example with a small plate; what it says at its end."""
    small = folder / "example"
    (small / "scripts").mkdir(parents=True)
    for name in ("run.py", "config/config.yaml", "scripts/response.py", "scripts/plate.py"):
        (small / name).parent.mkdir(exist_ok=True)
        text = (EXAMPLE / name).read_text()
        if name == "scripts/plate.py":
            text = text.replace('TRAINED_ON = "B2_0"\n', f'TRAINED_ON = "B2_0"\n{SMALL}')
        (small / name).write_text(text)
    ended = subprocess.run(
        [sys.executable, small / "run.py", folder / "plate", *options],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def drawing(script: str = "plate/scripts/plate.py") -> Any:
    """An example's script that draws its pictures, as a module."""
    specification = importlib.util.spec_from_file_location("drawing", REPOSITORY / "examples" / script)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_example(tmp_path: Path) -> None:
    """It runs to its end; the response that was drawn is the one that is measured."""
    import cv2

    said = run_small(tmp_path, "--cores", "2")
    assert "8 planes in" in said
    assert "s a plane" in said
    project = Project(tmp_path / "plate")
    rows = {row["id"]: row for row in project.rows() if row["step"] == "measure"}
    assert sorted(rows) == ["A1_0", "A4_0", "B1_0", "B4_0"]
    plate = drawing()
    for row in rows.values():
        _, nuclei = plate.draw_field(
            int(row["column"]), plate.seed_of(row["row"], int(row["column"]), 0), 224
        )
        drawn = cv2.connectedComponents(nuclei.astype("uint8"))[0] - 1
        assert int(row["nuclei"]) == pytest.approx(drawn, abs=2)
        assert (row["well"], row["plate"]) == (f"{row['row']}{row['column']}", "plate1")
    assert all(float(rows[f"{row}4_0"]["responding"]) > 0.6 for row in "AB")
    assert all(float(rows[f"{row}1_0"]["responding"]) < 0.4 for row in "AB")
    assert (project.folder / "results/report.html").exists()
    assert len(list((project.folder / "results/report_files").rglob("*.jpg"))) >= len(rows)
    assert [row["dose"] for row in project.rows("by_dose.csv")] == ["0.0", "10.0"]


def test_page_shows_the_example() -> None:
    """What stands on the page is what runs."""
    page = (REPOSITORY / "docs/ome-zarr-example.md").read_text(encoding="utf-8")
    assert f"```yaml example=config\n{(EXAMPLE / 'config/config.yaml').read_text()}```" in page
    function = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert function is not None
    script = (EXAMPLE / "scripts/response.py").read_text()
    shown = [line for line in function[1].splitlines() if '"""' not in line]
    assert all(line in script.splitlines() for line in shown)


def run_example(name: str, folder: Path) -> Project:
    """Draw and run one of the examples of docs/examples.md."""
    words = [sys.executable, REPOSITORY / "examples/run.py", name, folder, "--cores", "2"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Project(folder)


def test_growth(tmp_path: Path) -> None:
    """Each plant's rate is the one that was drawn; the band has a row for each kind and day."""
    project = run_example("growth", tmp_path / "growth")
    draw = drawing("growth/scripts/draw.py")
    rates = {row["plant"]: row for row in project.rows("rates.csv")}
    assert sorted(rates) == [f"{letter}{number:02d}" for letter in "ABC" for number in (1, 2, 3)]
    for name, row in rates.items():
        drawn = draw.rate_of(row["genotype"], row["treatment"], int(name[1:]) - 1)
        assert float(row["rate"]) == pytest.approx(drawn, abs=0.006), name
        assert row["photos"] == "4"
    band = project.rows("band.csv")
    assert len(band) == 12
    assert all(float(row["low"]) <= float(row["area"]) <= float(row["high"]) for row in band)
    figure = (project.folder / "results/curves.svg").read_text()
    assert figure.count('<g id="FillBetweenPolyCollection_') == 3
    assert (project.folder / "results/report.html").exists()


def test_operetta(tmp_path: Path) -> None:
    """Each channel's light is its own; corrected by it, wells of one column measure the same."""
    import numpy as np

    project = run_example("operetta", tmp_path / "plate")
    draw = drawing("operetta/scripts/draw.py")
    assert sorted(path.stem for path in (project.folder / "results/illumination").glob("*.json")) == [
        "1",
        "2",
    ]
    for channel in (1, 2):
        flat = np.load(project.folder / f"results/illumination/{channel}.flat.npy")
        light = draw.light(channel)
        assert np.corrcoef(flat.ravel(), (light / light.mean()).ravel())[0, 1] > 0.85
    fields = [row for row in project.rows() if row["step"] == "measure"]
    assert len(fields) == 18

    def spread(column: str, value: str) -> float:
        found = [float(row[value]) for row in fields if row["column"] == column]
        return (max(found) - min(found)) / (sum(found) / len(found))

    for column in ("03", "04", "05"):
        assert spread(column, "reporter") < 0.5 * spread(column, "reporter_uncorrected")
    wells = project.rows("wells.csv")
    assert [(row["row"], row["column"], row["fields"]) for row in wells] == [
        (row, column, "3") for row in ("02", "03") for column in ("03", "04", "05")
    ]
    for row in wells:
        assert float(row["reporter"]) == pytest.approx(draw.REPORTER[int(row["column"])], rel=0.2)
    tried = project.pixmake("try", "02_03_01", "--step", "measure")
    assert (tried.code, "reporter = " in tried.out) == (0, True), tried.err


@pytest.mark.parametrize("name", ["growth", "operetta"])
def test_pages_show_the_examples(name: str) -> None:
    """What stands on the page is what runs."""
    page = (REPOSITORY / "docs/examples.md").read_text(encoding="utf-8")
    example = REPOSITORY / "examples" / name
    assert f"```yaml example={name}\n{(example / 'config/config.yaml').read_text()}```" in page
    scripts = [path.read_text() for path in (REPOSITORY / "examples").glob("*/scripts/*.py")]
    lines = {line for script in scripts for line in script.splitlines()}
    for function in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        assert set(function.splitlines()) <= lines
