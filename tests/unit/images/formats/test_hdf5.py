"""HDF5: arrays by their path inside the file, in the axes of ilastik's tags."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.conftest import Project

from pixmake.config.images import Images
from pixmake.images import formats
from pixmake.images.axes import ImageError
from pixmake.images.read import describe_part, read_image
from pixmake.table.groups import make_groups
from pixmake.table.sources import read_images

RAW = np.random.default_rng(0).integers(0, 60000, (3, 20, 30, 2)).astype(np.uint16)


def write(path: Path) -> Path:
    """Two images, and a table that is none."""
    with h5py.File(path, "w") as file:
        file.create_dataset("volumes/raw", data=RAW, chunks=(1, 10, 10, 1))
        file["volumes/raw"].attrs["axistags"] = json.dumps({"axes": [{"key": key} for key in "zyxc"]})
        file["volumes/raw"].attrs["element_size_um"] = (2.0, 0.5, 0.25)
        file["labels"] = RAW[0, ..., 0]
        file["table"] = np.arange(5)
    return path


def test_an_array_by_its_path(tmp_path: Path) -> None:
    """As ilastik and plantseg name it."""
    path = write(tmp_path / "a.h5")
    assert np.array_equal(read_image(f"{path}/volumes/raw"), RAW)
    assert np.array_equal(
        read_image(f"{path}/volumes/raw", {"z": 2, "c": 1, "y": 3, "height": 4}), RAW[2, 3:7, :, 1]
    )
    assert np.array_equal(read_image(f"{path}/labels"), RAW[0, ..., 0])
    described = describe_part(f"{path}/volumes/raw", {})
    assert described.axes == "zyxc"
    assert described.pixel_size == {
        "z": (2.0, "micrometer"),
        "y": (0.5, "micrometer"),
        "x": (0.25, "micrometer"),
    }


def test_which_array_has_to_be_said(tmp_path: Path) -> None:
    """Unless there is but one."""
    path = write(tmp_path / "a.h5")
    with pytest.raises(
        ImageError, match=r"holds 2 images \(labels, volumes/raw\): name one as .*a.h5/labels"
    ):
        read_image(path)
    with pytest.raises(ImageError, match="there is no image inside it at nothing, but labels, volumes/raw"):
        read_image(f"{path}/nothing")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["only"] = RAW[0, ..., 0]
    assert np.array_equal(read_image(tmp_path / "b.h5"), RAW[0, ..., 0])


def test_axes_without_tags(tmp_path: Path) -> None:
    """Rows and columns last, or before up to four colours."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["colours"], file["planes"] = np.zeros((20, 30, 3), np.uint8), np.zeros((3, 20, 30), np.uint8)
    assert [scene.at().axes for scene in formats.scenes(str(tmp_path / "a.h5"))] == ["yxc", "iyx"]


def test_tags_that_h5py_gives_as_bytes(tmp_path: Path) -> None:
    """Older files have them so."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = RAW[..., 0]
        file["raw"].attrs["axistags"] = np.bytes_(json.dumps({"axes": [{"key": key} for key in "tyx"]}))
    assert describe_part(tmp_path / "a.h5", {}).axes == "tyx"


def test_rows_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snakemake and the function's `path` have the file, the part has the path inside it."""
    monkeypatch.chdir(tmp_path)
    write(Path("a.h5"))
    Path("images.csv").write_text("path\na.h5/volumes/raw\na.h5/labels\n")
    images = Images.model_validate({"table": "images.csv"})
    table = read_images(images)
    first, second = make_groups(table, images)
    assert (first.id, second.id) == ("a.h5_volumes_raw", "a.h5_labels")
    assert first.paths == ("a.h5",)
    assert first.images[0][1] == {"inside": "volumes/raw"}
    folder = Images.model_validate({"directory": {"path": ".", "formats": ["h5"]}})
    assert [group.images[0][1] for group in make_groups(read_images(folder), folder)] == [
        {"inside": "labels"},
        {"inside": "volumes/raw"},
    ]


def test_a_run(project: Project) -> None:
    """Each array is a job of its own."""
    (project.folder / "images").mkdir()
    write(project.folder / "images" / "a.h5")
    project.write(
        "scripts/analysis.py", "def measure(image, *, meta):\n    return {'sum': int(image.sum())}\n"
    )
    project.list_images([{"path": "a.h5/volumes/raw"}, {"path": "a.h5/labels"}])
    assert project.snakemake().code == 0
    assert [(row["path"], row["sum"]) for row in project.rows()] == [
        ("a.h5/volumes/raw", str(RAW.sum())),
        ("a.h5/labels", str(RAW[0, ..., 0].sum())),
    ]
