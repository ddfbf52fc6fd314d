"""The rows of a table are read once, and are what they would be if it were read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pixmake.base.errors import PixmakeError
from pixmake.plan import plan as planning
from pixmake.plan.known_rows import FOLDER
from pixmake.plan.plan import Plan, plan_project

TABLE = "path,plant,timestamp,weight\na.png,P1,2024-05-01 10:00:00+02:00,1.10\nb.png,p1,2024-05-02,007\n"
CONTENT = {
    "images": {"table": "images.csv"},
    "steps": {"s": {"shell": "true"}, "m": {"shell": "true", "needs": ["s"], "per": ["plant"]}},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images.csv").write_text(TABLE)
    for name in "abc":
        (tmp_path / f"{name}.png").touch()
    return tmp_path


def planned(monkeypatch: pytest.MonkeyPatch, content: dict[str, object] = CONTENT) -> tuple[Plan, bool]:
    """The plan, and whether the table was read for it."""
    read: list[object] = []

    def counted(images: planning.Images) -> planning.Table:
        read.append(images)
        return read_images(images)

    read_images = planning.read_images
    with monkeypatch.context() as patch:
        patch.setattr(planning, "read_images", counted)
        return plan_project(yaml.safe_load(yaml.safe_dump(content)), ["config.yaml"]), bool(read)


def test_a_table_that_is_as_it_was_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second plan is the first one, also in what it tells of values that look alike."""
    first, read = planned(monkeypatch)
    again, read_again = planned(monkeypatch)
    assert (read, read_again) == (True, False)
    assert again == first
    assert any("differ by case" in str(note) for note in first.notes)


EDITS: dict[str, Callable[[], object]] = {
    "a row": lambda: Path("images.csv").write_text(f"{TABLE}c.png,P2,2024-05-03,1\n"),
    "a cell": lambda: Path("images.csv").write_text(TABLE.replace("007", "008")),
    "damaged": lambda: next(Path(FOLDER).iterdir()).write_bytes(
        next(Path(FOLDER).iterdir()).read_bytes()[:-3]
    ),
    "gone": lambda: next(Path(FOLDER).iterdir()).unlink(),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_has_changed_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch, edit: str) -> None:
    """So is one of which what is kept is damaged."""
    planned(monkeypatch)
    EDITS[edit]()
    plan, read = planned(monkeypatch)
    assert read
    again, read = planned(monkeypatch)
    assert not read
    assert again == plan


def test_other_images_of_the_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the config asks of images is another thing to know."""
    planned(monkeypatch)
    plan, read = planned(monkeypatch, {**CONTENT, "images": {"table": "images.csv", "select": {"first": 1}}})
    assert read
    assert len(plan.groups) == 1


def test_an_image_that_is_gone_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the images are there is looked at each time."""
    planned(monkeypatch)
    (folder / "b.png").unlink()
    with pytest.raises(PixmakeError, match=r"b\.png"):
        planned(monkeypatch)


def test_a_folder_in_the_place_of_an_image_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is where the table is not read again."""
    planned(monkeypatch)
    (folder / "b.png").unlink()
    (folder / "b.png").mkdir()
    with pytest.raises(PixmakeError, match=r"b\.png: is a folder"):
        planned(monkeypatch)
