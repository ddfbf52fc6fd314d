"""Steps that open images by themselves, and the TIFFs that they may get wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pixmake.config.models import parse_config
from pixmake.plan.own_readers import misread
from pixmake.plan.plan import plan_project
from pixmake.project.inspection import inspect_images
from pixmake.project.inspection_text import as_text

GREY = np.zeros((8, 9), np.uint8)

STEPS: dict[str, tuple[dict[str, Any], bool]] = {
    "image": ({"function": "f.py:by_image"}, False),
    "path": ({"function": "f.py:by_path"}, True),
    "script": ({"script": "s.py"}, True),
    "shell": ({"shell": "identify {image}"}, True),
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    tifffile.imwrite("images/plain.tif", GREY, photometric="minisblack")
    for number in range(2):
        tifffile.imwrite(f"images/mask{number}.tif", GREY, photometric="miniswhite")
    tifffile.imwrite("images/planes.tif", np.zeros((3, 8, 9), np.uint16), photometric="rgb")
    Path("images/other.png").write_bytes(b"no TIFF")
    Path("f.py").write_text("def by_image(image):\n    return {}\n\n\ndef by_path(path):\n    return {}\n")
    Path("s.py").write_text("print(1)\n")


@pytest.mark.parametrize("name", STEPS)
def test_who_is_told(name: str) -> None:
    """Whoever gets paths, and not who gets pixels."""
    step, opens = STEPS[name]
    content = {"images": {"directory": "images"}, "steps": {"measure": step}}
    found = misread(parse_config(content), plan_project(content, []).groups)
    if not opens:
        assert found is None
        return
    assert found is not None
    assert (found.steps, found.tiffs) == (("measure",), 4)
    assert found.files == {
        "images/mask0.tif": "0 for white",
        "images/mask1.tif": "0 for white",
        "images/planes.tif": "separate planes",
    }
    assert str(found) == (
        "measure reads its images by itself: 3 of 4 TIFFs are of kinds that OpenCV decodes wrongly "
        "and in silence "
        "(2 with 0 for white, e.g. images/mask0.tif; 1 with separate planes, e.g. images/planes.tif); "
        "`pixmake inspect` names them"
    )


def test_inspect_names_them() -> None:
    """Each with what it has."""
    config = parse_config({"images": {"directory": "images"}, "steps": {"m": {"function": "f.py:by_path"}}})
    lines = list(as_text(inspect_images(config.images, config)))
    start = lines.index("TIFFs that OpenCV decodes wrongly, for m, which read by themselves")
    assert lines[start + 1 : start + 4] == [
        "  images/mask0.tif   0 for white",
        "  images/mask1.tif   0 for white",
        "  images/planes.tif  separate planes",
    ]
