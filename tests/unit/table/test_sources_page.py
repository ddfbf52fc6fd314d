"""docs/sources.md: each example on the page is what it says, tried from the page itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests import omezarr
from tests.conftest import REPOSITORY
from tests.omeroserver import omero_server

from pixmake.config.images import OWN_SOURCES, Images
from pixmake.plan.plan import selected_table
from pixmake.table.groups import make_groups
from pixmake.table.table import path_problems

PAGE = (REPOSITORY / "docs/sources.md").read_text(encoding="utf-8")
BLOCKS = [
    (words, dict(word.partition("=")[::2] for word in shlex.split(words)[1:]), text)
    for words, text in re.findall(r"^```(\w.*?)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]
EXAMPLES = {said["example"]: (said, text) for _, said, text in BLOCKS if "example" in said}
OMERO = "https://omero.example.org"


@pytest.fixture(scope="module")
def omero() -> Iterator[str]:
    """The address of a server that is open to all, for the page's."""
    with omero_server(public=True) as server:
        yield server.url


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, omero: str) -> None:
    """The example reads as many images, or makes as many groups, as the page says."""
    monkeypatch.chdir(tmp_path)
    for _, said, text in BLOCKS:
        if "file" in said:
            Path(said["file"]).parent.mkdir(parents=True, exist_ok=True)
            Path(said["file"]).write_text(text)
    said, text = EXAMPLES[name]
    for image in said["images"].split(",") if "images" in said else ():
        Path(image).parent.mkdir(parents=True, exist_ok=True)
        Path(image).touch()
    if "plate" in said:
        fields = dict.fromkeys(("A/1/0", "B/3/0"), np.zeros((2, 1, 64, 64), np.uint16))
        omezarr.write_plate(fields, Path(said["plate"]), "tcyx")
    images = Images.model_validate(yaml.safe_load(text.replace(OMERO, omero))["images"])
    selected = selected_table(images)
    assert path_problems(selected) == []
    groups = make_groups(selected, images)
    if "rows" in said:
        assert len(selected.frame) == int(said["rows"])
    if "groups" in said:
        assert len(groups) == int(said["groups"])


def test_other_blocks_are_valid() -> None:
    """What is shown without being tried is at least what the config takes."""
    for _, said, text in BLOCKS:
        if "example" not in said and "file" not in said:
            Images.model_validate(yaml.safe_load(text)["images"])


def test_every_source_has_an_example() -> None:
    """A new source comes with one."""
    tried = {Images.model_validate(yaml.safe_load(text)["images"]).source for _, text in EXAMPLES.values()}
    assert tried == set(OWN_SOURCES)
