"""A folder of files that hold several images: each is a row, cut as it is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.microscopes import Block, write_czi

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images
from pixmake.table.groups import make_groups
from pixmake.table.sources import read_images
from pixmake.table.table import path_problems

NAMES = """<ImageDocument><Metadata><Information><Image><Dimensions>
<Channels><Channel Name="DAPI"/><Channel Name="GFP"/></Channels>
<S><Scenes><Scene Index="0" Name="A1"/><Scene Index="1" Name="A2"/></Scenes></S>
</Dimensions></Image></Information></Metadata></ImageDocument>"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A plate of two scenes, a slide of one, and a photograph."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    image = np.arange(600, dtype=np.uint16).reshape(20, 30)
    start = {"X": 0, "Y": 0, "S": 0, "C": 0}
    wells = [Block(image, {**start, "S": scene, "C": c}) for scene in range(2) for c in range(2)]
    write_czi(Path("data/plate.czi"), wells, NAMES)
    write_czi(Path("data/slide.czi"), [Block(image, start)])
    cv2.imwrite("data/photo.png", image.astype(np.uint8))
    return "data"


def rows(**asked: Any) -> list[dict[str, Any]]:
    """The rows of a folder, each without its empty cells, and with its id and the part that it means."""
    images = Images.model_validate({"directory": asked})
    table = read_images(images)
    assert not path_problems(table)
    groups = make_groups(table, images)
    return [
        {
            "id": group.id,
            "part": dict(group.images[0][1]),
            **{k: v for k, v in group.metadata.items() if v is not None},
        }
        for group in groups
    ]


def test_scenes_are_rows(folder: str) -> None:
    """A file of one image stays the row that it was."""
    assert rows(path=folder) == [
        {"id": "photo", "part": {}, "path": "photo.png"},
        {"id": "plate_scene0", "part": {"scene": 0}, "path": "plate.czi", "scene": 0, "scene_name": "A1"},
        {"id": "plate_scene1", "part": {"scene": 1}, "path": "plate.czi", "scene": 1, "scene_name": "A2"},
        {"id": "slide", "part": {}, "path": "slide.czi"},
    ]


def test_planes_and_tiles_are_rows(folder: str) -> None:
    """Of each scene, by name where channels have one."""
    found = rows(path=folder, split=["c"], tile=20, formats=["czi"])
    assert [each["part"] for each in found[:4]] == [
        {"scene": 0, "c": c, "y": 0, "x": x, "height": 20, "width": 20 if x == 0 else 10}
        for c in range(2)
        for x in (0, 20)
    ]
    assert [each.get("channel") for each in found] == ["DAPI"] * 2 + ["GFP"] * 2 + ["DAPI"] * 2 + [
        "GFP"
    ] * 2 + [None] * 2


def test_a_term_of_that_name(folder: str) -> None:
    """Is an error: which of the two is meant?"""
    with pytest.raises(PixmakeError, match="the names of files have a term 'scene', and so have the images"):
        rows(path=folder, template="{scene}.czi", formats=["czi"])


def test_headers_are_read_once(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they said is kept until the file changes."""
    from pixmake.images.formats import czi

    asked: list[str] = []
    scenes = czi.scenes
    monkeypatch.setattr(czi, "scenes", lambda path: asked.append(path) or scenes(path))
    assert rows(path=folder) == rows(path=folder)
    assert sorted(asked) == ["data/plate.czi", "data/slide.czi"]
    start = {"X": 0, "Y": 0, "S": 0}
    pixels = np.zeros((5, 5), np.uint8)
    write_czi(Path("data/slide.czi"), [Block(pixels, start), Block(pixels, {**start, "S": 1})])
    assert len(rows(path=folder)) == 5


def test_a_file_that_cannot_be_read_stays_a_row(folder: str) -> None:
    """Its job says why; only if it was to be cut is it an error."""
    Path("data/slide.czi").write_bytes(Path("data/slide.czi").read_bytes()[:700])
    assert rows(path=folder)[-1]["path"] == "slide.czi"
    with pytest.raises(PixmakeError, match=r"data/slide.czi: cannot be read as Zeiss CZI"):
        rows(path=folder, split=["c"])


def test_without_the_library(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is one row, and it is noted what would read it."""
    monkeypatch.setitem(sys.modules, "czifile", None)
    table = read_images(Images.model_validate({"directory": folder}))
    assert len(table) == 3
    (first, _) = table.notes
    assert first.detail == (
        "is Zeiss CZI; reading it needs the package czifile, which is not installed (install it with: "
        "pip install 'pixmake[czi]', or let the function ask for `path` in place of `image`)"
    )
