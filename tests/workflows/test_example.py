"""The example of docs/ome-zarr-example.md: a plate in object storage, from pixels to the page."""

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


def drawing() -> Any:
    """The example's script that draws the plate, as a module."""
    specification = importlib.util.spec_from_file_location("plate", EXAMPLE / "scripts/plate.py")
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
