"""What is said of files that nothing reads: what they are, and what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from tests.microscopes import Block, write_czi

from pixmake.base.errors import MissingExtraError
from pixmake.images.axes import ImageError
from pixmake.images.read import read_image
from pixmake.plan.format_check import image_problems
from pixmake.plan.plan import plan_project
from pixmake.project.inspection import inspect_project
from pixmake.project.inspection_text import as_text
from pixmake.table.table import Note, counted_notes

CZI = (
    "is Zeiss CZI; reading it needs the package czifile, which is not installed (install it with: "
    "pip install 'pixmake[czi]', or let the function ask for `path` in place of `image`)"
)
TEXT = (
    "is of no image format that pixmake knows: it begins with the bytes 6e 6f 74 68 69 6e 67 "
    "(let the function ask for `path` in place of `image`)"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two CZI, one of which is called otherwise, a text, a PDF, a broken PNG, and an image."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "czifile", None)
    Path("data").mkdir()
    for name in ("a.czi", "b.tif"):
        write_czi(Path("data", name), [Block(np.zeros((5, 5), np.uint8), {"X": 0, "Y": 0})])
    Path("data/c.png").write_bytes(b"nothing")
    Path("data/d.png").write_bytes(b"%PDF-1.7")
    Path("data/e.png").write_bytes(b"#?RADIANCE\nand no more")
    cv2.imwrite("data/f.png", np.zeros((5, 5), np.uint8))
    Path("decoded.py").write_text("def a(image):\n    return {}\n")
    Path("opened.py").write_text("def a(path):\n    return {}\n")
    return tmp_path


def said(function: str) -> list[str]:
    """What `pixmake check` says."""
    content = {"images": {"directory": "data"}, "steps": {"a": {"function": f"{function}.py:a"}}}
    return [str(problem) for problem in image_problems(plan_project(content, []))]


def test_check_says_what_a_file_is(project: Path) -> None:
    """By its first bytes; a broken picture is that picture's failure."""
    pdf = TEXT.replace("begins with the bytes 6e 6f 74 68 69 6e 67", "is a PDF")
    assert said("decoded") == [
        f"data, a.czi: data/a.czi: {CZI}; so is 1 other image",
        f"data, c.png: data/c.png: {TEXT}",
        f"data, d.png: data/d.png: {pdf}",
    ]


def test_a_function_that_asks_for_the_path(project: Path) -> None:
    """Reads it by itself."""
    assert said("opened") == []


def test_inspect_says_it_too(project: Path) -> None:
    """Whatever the steps ask for."""
    Path("config.yaml").write_text("images: {directory: data}\nsteps: {a: {function: 'opened.py:a'}}\n")
    inspection = inspect_project("config.yaml")
    lines = "\n".join(as_text(inspection))
    assert "2 × is Zeiss CZI: pip install 'pixmake[czi]', or ask for `path` (first: data, a.czi)" in lines
    assert "2 × is of no image format that pixmake knows: ask for `path` (first: data, c.png)" in lines
    told = {note.path: note.detail for note in inspection.table.notes}
    assert (told["data/b.tif"], told["data/c.png"]) == (CZI, TEXT)


def test_a_job_says_the_same(project: Path) -> None:
    """The record of an image that fails."""
    for path, words in {
        "data/b.tif": CZI,
        "data/c.png": TEXT,
        "data/e.png": "begins as Radiance HDR does, but cannot be decoded",
    }.items():
        with pytest.raises((ImageError, MissingExtraError)) as error:
            read_image(path)
        assert str(error.value) == f"{path}: {words}"


def test_a_scene_that_is_not_there_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file is noted, since its own job will say so; a row that means nothing is a row to mend."""
    pytest.importorskip("czifile")
    monkeypatch.chdir(tmp_path)
    blocks = [Block(np.zeros((5, 5), np.uint8), {"X": 0, "Y": 0, "S": scene}) for scene in range(2)]
    damaged = write_czi(Path("a.czi"), blocks).read_bytes()[:700]
    Path("b.czi").write_bytes(damaged)
    Path("decoded.py").write_text("def a(image):\n    return {}\n")
    Path("images.csv").write_text("path,scene\na.czi,1\na.czi,5\nb.czi,0\n")
    images = {"table": "images.csv", "read_by": ["scene"]}
    plan = plan_project({"images": images, "steps": {"a": {"function": "decoded.py:a"}}}, [])
    notes: list[Note] = []
    (problem,) = image_problems(plan, notes)
    assert str(problem) == "images.csv, row 3: a.czi: has no scene 5, but 2 (0 to 1)"
    assert [(note.path, note.why) for note in notes] == [("b.czi", "cannot be read")]


PAGES = "has 3 pages; one image a file is read"
WRITE = "name one of them in a column `page` (images.read_by), or ask for all of them: `axes: zyx`"


@pytest.mark.parametrize(
    ("paged", "others", "step", "problems", "noted"),
    [
        (1, 0, {}, [f"steps.a: p0.tif {PAGES} ({WRITE})"], []),
        (2, 0, {}, [f"steps.a: p0.tif {PAGES}; so has one more ({WRITE})"], []),
        (3, 0, {}, [f"steps.a: p0.tif {PAGES}; so have 2 more ({WRITE})"], []),
        (
            2,
            2,
            {},
            [],
            [
                "2 × TIFF of several pages, which step a refuses: "
                f"p0.tif {PAGES} (first: images.csv, row 2; {WRITE})"
            ],
        ),
        (2, 2, {"axes": "zyx"}, [], []),
        (2, 2, {"function": "opened.py:a"}, [], []),
    ],
)
def test_pages_that_a_step_would_refuse(
    paged: int,
    others: int,
    step: dict[str, str],
    problems: list[str],
    noted: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are told once, with how many and what to write: all of a step are a mistake, some are noted."""
    monkeypatch.chdir(tmp_path)
    names = [f"p{number}.tif" for number in range(paged)] + [f"q{number}.tif" for number in range(others)]
    for name in names:
        pixels = np.zeros((3, 24, 32) if name.startswith("p") else (24, 32), np.uint8)
        tifffile.imwrite(name, pixels, photometric="minisblack", metadata=None)
    Path("images.csv").write_text("path\n" + "".join(f"{name}\n" for name in names))
    Path("decoded.py").write_text("def a(image):\n    return {}\n")
    Path("opened.py").write_text("def a(path):\n    return {}\n")
    content = {"images": {"table": "images.csv"}, "steps": {"a": {"function": "decoded.py:a", **step}}}
    notes: list[Note] = []
    assert [str(each) for each in image_problems(plan_project(content, []), notes)] == problems
    assert counted_notes(notes) == noted
    if problems or noted:
        with pytest.raises(ImageError) as refused:
            read_image("p0.tif")
        assert str(refused.value) == f"p0.tif: {PAGES}: {WRITE}"
