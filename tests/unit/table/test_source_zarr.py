"""The source `zarr`: which rows it makes of images, plates and folders of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zarr
from tests import omezarr
from tests.conftest import REPOSITORY
from tests.objectstore import Bucket

from pixmake.base.errors import PixmakeError
from pixmake.config.images import Images, Zarr
from pixmake.config.models import Config, parse_config
from pixmake.images.remote import objects as remote
from pixmake.images.zarr_paths import metadata_file
from pixmake.project.proposal import propose_config
from pixmake.table.groups import make_groups
from pixmake.table.sources import read_images
from pixmake.table.table import Table, path_problems

FIELD = np.zeros((2, 3, 40, 56), np.uint16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two plates, one of each version, and an image of its own in a folder below."""
    folder = tmp_path_factory.mktemp("data")
    fields = {"A/1/0": FIELD, "A/1/1": FIELD, "B/03/0": FIELD}
    omezarr.write_plate(fields, folder / "p1.ome.zarr", "tcyx", channels=("DAPI", "GFP", "RFP"))
    omezarr.write_plate({"H/12/0": FIELD}, folder / "p2.zarr", "tcyx", "0.5")
    (folder / "more").mkdir()
    omezarr.write(FIELD[0, 0], folder / "more/single.zarr", "yx")
    return folder


def listed(**asked: Any) -> Table:
    """The table of a config, in which every path is one that can be read."""
    images = Images.model_validate({"zarr": asked})
    table = read_images(images)
    assert not path_problems(table)
    return table


def ids(table: Table, **asked: Any) -> list[str]:
    """The ids of its images."""
    return [group.id for group in make_groups(table, Images.model_validate({"zarr": asked}))]


def test_a_plate(folder: Path) -> None:
    """A row for each field, with where it is on the plate; cells typed one by one."""
    table = listed(path=f"{folder}/p1.ome.zarr")
    assert table.columns == ["path", "plate", "row", "column", "well", "field"]
    assert table.frame.to_numpy().tolist() == [
        ["p1.ome.zarr/A/1/0", "p1", "A", 1, "A1", 0],
        ["p1.ome.zarr/A/1/1", "p1", "A", 1, "A1", 1],
        ["p1.ome.zarr/B/03/0", "p1", "B", "03", "B03", 0],
    ]
    assert ids(table, path="x") == ["p1_A_1_0", "p1_A_1_1", "p1_B_03_0"]


def test_planes_and_tiles(folder: Path) -> None:
    """A row for each index of the axes that are split, and for each tile; channels by their names."""
    asked = {"path": f"{folder}/p1.ome.zarr/B/03", "split": ["t", "c"], "tile": {"size": 32, "overlap": 8}}
    table = listed(**asked)
    assert len(table.frame) == 2 * 3 * 4
    last = table.frame.iloc[-1].to_dict()
    assert last == {
        **{
            "path": "p1.ome.zarr/B/03/0",
            "plate": "p1",
            "row": "B",
            "column": "03",
            "well": "B03",
            "field": 0,
        },
        **{"channel": "RFP", "t": 1, "c": 2, "y": 24, "x": 24, "height": 16, "width": 32},
    }
    assert table.part(len(table.frame) - 1) == {"t": 1, "c": 2, "y": 24, "x": 24, "height": 16, "width": 32}
    found = ids(table, **asked)
    assert len(set(found)) == len(found)
    assert found[-1] == "p1_B_03_0_t1_c2_y24_x24"


def test_a_folder_of_images_and_plates(folder: Path) -> None:
    """All that are in it, whatever their versions; a level has tiles of its own size."""
    table = listed(path=str(folder), tile=25, level=1)
    found = table.frame.groupby("path").size().to_dict()
    assert found == {
        "more/single.zarr": 2,
        "p1.ome.zarr/A/1/0": 2,
        "p1.ome.zarr/A/1/1": 2,
        "p1.ome.zarr/B/03/0": 2,
        "p2.zarr/H/12/0": 2,
    }
    assert set(table.frame["level"]) == {1}
    assert table.frame["width"].tolist()[:2] == [25, 3]


def test_a_config_is_proposed(folder: Path) -> None:
    """`pixmake inspect plate.zarr` sees the planes of its fields."""
    proposal = propose_config(f"{folder}/p1.ome.zarr", folder)
    assert proposal.config.images.zarr == Zarr(path=f"{folder}/p1.ome.zarr", split=["t", "c"])
    assert len(proposal.table.frame) == 3 * 6


def test_a_bucket(folder: Path, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plates in a bucket are listed as those in a folder are, with the same ids; no chunk is read."""
    bucket.log_in(monkeypatch)
    remote.configure({"endpoint_url": bucket.endpoint, "cache": str(tmp_path / "cache")})
    bucket.upload(folder, "in")
    bucket.traffic.reset()
    asked = {"split": ["c"], "tile": 32}
    try:
        found = listed(path=bucket.uri("in/p1.ome.zarr"), **asked)
        here = listed(path=f"{folder}/p1.ome.zarr", **asked)
        assert ids(found, path="x") == ids(here, path="x")
        assert found.frame.to_numpy().tolist() == here.frame.to_numpy().tolist()
        paths = listed(path=bucket.uri("in"), level=1).frame["path"].tolist()
        assert paths == listed(path=str(folder), level=1).frame["path"].tolist()
        asked_for = {seen.path.partition("?")[0] for seen in bucket.traffic.of("/s0/", "GET")}
        asked_for = {path.rpartition("/")[2] for path in asked_for if "/s0/" in path}
        assert asked_for <= {".zarray", ".zattrs", ".zgroup", "zarr.json"}
    finally:
        remote.configure({})


def test_images_of_a_converted_file(tmp_path: Path) -> None:
    """What bioformats2raw writes: a group with an image for each series."""
    group = zarr.create_group(str(tmp_path / "slide.zarr"), zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    for name in "01":
        omezarr.write(FIELD[0], group.require_group(name), "cyx")
    table = listed(path=f"{tmp_path}/slide.zarr")
    assert table.frame["path"].tolist() == ["slide.zarr/0", "slide.zarr/1"]


def test_everything_wrong_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    """Each image that has not what is asked for, by its path."""
    with pytest.raises(PixmakeError) as told:
        listed(path=str(folder), split=["z"])
    assert len(told.value.problems) == 5
    assert "p2.zarr/H/12/0: has axes tcyx of 2×3×40×56: it cannot be split along z" in str(told.value)
    with pytest.raises(PixmakeError, match=r"p1\.ome\.zarr/A/1/0: has the levels 0 to 1, no level 2"):
        listed(path=str(folder), level=2)
    with pytest.raises(PixmakeError, match="an OME-Zarr is a folder called"):
        listed(path=str(tmp_path))
    with pytest.raises(PixmakeError, match=r"none\.zarr: is no Zarr group"):
        listed(path=f"{tmp_path}/none.zarr")
    omezarr.write_plate({"A/1/0": FIELD, "A/2/0": FIELD}, tmp_path / "p.zarr", "tcyx")
    said = json.loads((tmp_path / "p.zarr/.zattrs").read_text())
    said["plate"]["wells"].append({"path": "C/9"})
    (tmp_path / "p.zarr/.zattrs").write_text(json.dumps(said))
    with pytest.raises(PixmakeError, match=r"p\.zarr: the well C/9 is not there"):
        listed(path=f"{tmp_path}/p.zarr")


def test_plain_arrays(tmp_path: Path) -> None:
    """They are images like others: cut into planes, each with an id and a file by which a change is seen."""
    for name, form in (("a", 2), ("b", 3)):
        zarr.create_array(tmp_path / f"{name}.zarr", data=FIELD, zarr_format=form)
    asked = {"zarr": {"path": str(tmp_path), "split": ["t"]}, "axes": "tcyx"}
    config = parse_config({"images": asked, "steps": {"m": {"shell": "true"}}}, [])
    remote.configure(config.reach())
    table = read_images(config.images)
    remote.configure({})
    assert [table.frame[name].tolist() for name in ("path", "t")] == [
        ["a.zarr", "a.zarr", "b.zarr", "b.zarr"],
        [0, 1, 0, 1],
    ]
    assert not path_problems(table)
    for name in ("a", "b"):
        assert Path(metadata_file(f"{tmp_path}/{name}.zarr")).is_file()
    with pytest.raises(PixmakeError, match="'tzzyx' are no axes"):
        parse_config({"images": {**asked, "axes": "tzzyx"}, "steps": {"m": {"shell": "true"}}}, [])


def test_a_plate_that_lacks_something(tmp_path: Path) -> None:
    """A missing well is left out by `missing: skip`; one broken image stops no other: its job will."""
    plate = tmp_path / "p.zarr"
    omezarr.write_plate(dict.fromkeys(("A/1/0", "A/2/0", "B/1/0"), FIELD), plate, "tcyx")
    said = json.loads((plate / ".zattrs").read_text())
    said["plate"]["wells"].append({"path": "C/9"})
    (plate / ".zattrs").write_text(json.dumps(said))
    (plate / "B/1/0/.zattrs").write_text("{}")
    images = Images.model_validate({"zarr": {"path": str(plate), "split": ["t"]}, "missing": "skip"})
    found = read_images(images)
    assert [row[:2] for row in zip(found.cells["well"], found.cells["t"], strict=True)] == [
        *(("A1", 0), ("A1", 1), ("A2", 0), ("A2", 1)),
        ("B1", None),
    ]
    assert [note.why for note in found.notes] == [
        "a well that its plate lists is not there",
        "its metadata cannot be read",
    ]
    assert not path_problems(found)


def test_links_among_folders_of_images(tmp_path: Path) -> None:
    """A circle of links is followed once."""
    omezarr.write(FIELD[0, 0], tmp_path / "more/single.zarr", "yx")
    (tmp_path / "more/back").symlink_to(tmp_path)
    assert "more/single.zarr" in listed(path=str(tmp_path)).cells["path"].tolist()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"tile": {"size": 10, "overlap": 6}}, "more than half a tile"),
        ({"tile": 0}, "greater than 0"),
        ({"split": ["t", "t"]}, "an axis stands twice"),
        ({"split": ["y"]}, "'t', 'c' or 'z'"),
    ],
)
def test_what_cannot_be_asked_for(asked: dict[str, Any], why: str) -> None:
    """It is told while the config is read."""
    with pytest.raises(ValueError, match=why):
        Images.model_validate({"zarr": {"path": "a.zarr", **asked}})


def test_the_page_is_right() -> None:
    """What docs/zarr.md shows is what the config takes."""
    page = (REPOSITORY / "docs/zarr.md").read_text(encoding="utf-8")
    shown = {}
    for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        shown.update(yaml.safe_load(text))
    config = Config.model_validate(shown)
    assert config.images.source == "zarr"
    assert config.steps["whole"].kind == "stitch"
