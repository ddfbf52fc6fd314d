"""ilastik's projects, written as ilastik writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import numpy.typing as npt
import pytest

from pixmake.base.errors import PixmakeError
from pixmake.classifier.features import feature_names
from pixmake.classifier.ilastik_project import labels_of, read_project
from pixmake.classifier.terms import FEATURES, SCALES, Filter
from pixmake.config.models import parse_config
from pixmake.images.axes import ImageError
from pixmake.job.runners.ilastik import environment
from pixmake.plan.kinds import ilastik
from pixmake.project.ilastik_images import axes_of, find_images, samples_of
from pixmake.project.training_images import parse_training, train

Blocks = Mapping[str, tuple[tuple[int, ...], npt.NDArray[Any]]]


def tags(axes: str) -> str:
    """vigra's tags of axes."""
    return json.dumps({"axes": [{"key": axis, "typeFlags": 2, "resolution": 0} for axis in axes]})


def project(
    path: Path,
    images: Sequence[tuple[str, str, Blocks]] = (),
    *,
    selected: Sequence[tuple[str, float]] = (("GaussianSmoothing", 1.0), ("LaplacianOfGaussian", 3.5)),
    classes: Sequence[str] = ("Ground", "Spot"),
    workflow: str = "Pixel Classification",
    block_tags: bool = True,
    in_2d: bool = True,
) -> Path:
    """A project of ilastik 1.3 or 1.4: for each image its path, its axes, and its blocks of labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["ilastikVersion"] = b"1.4.0"
        file["workflowName"] = workflow.encode()
        features = file.create_group("FeatureSelections")
        features["FeatureIds"] = np.array(FEATURES, "S")
        features["Scales"] = np.array(SCALES)
        matrix = np.zeros((len(FEATURES), len(SCALES)), bool)
        for name, scale in selected:
            matrix[FEATURES.index(name), SCALES.index(scale)] = True
        features["SelectionMatrix"] = matrix
        features["ComputeIn2d"] = np.full(len(SCALES), in_2d)
        features["StorageVersion"] = b"0.1"
        pixels = file.create_group("PixelClassification")
        pixels["LabelNames"] = np.array(classes, "S")
        pixels["StorageVersion"] = b"0.1"
        sets = pixels.create_group("LabelSets")
        for number, (name, axes, blocks) in enumerate(images):
            info = file.create_group(f"Input Data/infos/lane{number:04d}/Raw Data")
            file.create_group(f"Input Data/infos/lane{number:04d}/Prediction Mask")
            info["filePath"] = name.encode()
            info["axistags"] = tags(axes).encode()
            info["location"] = b"FileSystem"
            group = sets.create_group(f"labels{number:03d}")
            for block, (start, labels) in blocks.items():
                dataset = group.create_dataset(block, data=labels)
                ends = [begin + size for begin, size in zip(start, labels.shape, strict=True)]
                parts = [f"{begin}:{end}" for begin, end in zip(start, ends, strict=True)]
                dataset.attrs["blockSlice"] = f"[{','.join(parts)}]".encode()
                if block_tags:
                    dataset.attrs["axistags"] = tags(axes if "c" in axes else axes + "c")
    return path


@pytest.mark.parametrize("block_tags", [True, False])
def test_what_a_project_says(tmp_path: Path, *, block_tags: bool) -> None:
    """Its classes, its selection of features, its images and the labels on them, block by block."""
    first, second = np.zeros((4, 6, 1), np.uint8), np.zeros((3, 3, 1), np.uint8)
    first[1], second[2] = 1, 2
    blocks = {"block0000": ((0, 0, 0), first), "block0001": ((10, 20, 0), second)}
    images = [("data/a.png", "yxc", blocks), ("b.png", "yx", {})]
    made = project(tmp_path / "p.ilp", images, block_tags=block_tags)
    found = read_project(made)
    assert (found.workflow, found.classes) == ("Pixel Classification", ("Ground", "Spot"))
    assert found.filters == (
        Filter("GaussianSmoothing", 1.0, planar=True),
        Filter("LaplacianOfGaussian", 3.5, planar=True),
    )
    assert [(lane.path, lane.axes, len(lane.blocks)) for lane in found.lanes] == [
        ("data/a.png", "yxc", 2),
        ("b.png", "yx", 0),
    ]
    labels = labels_of(found.lanes[0], (20, 30), "yx")
    assert labels.dtype == np.uint8 and np.argwhere(labels == 2).tolist() == [[12, 20], [12, 21], [12, 22]]
    assert (labels[1, :6] == 1).all() and np.count_nonzero(labels) == 9
    with pytest.raises(ImageError, match="has labels outside of its 12 × 30 pixels"):
        labels_of(found.lanes[0], (12, 30), "yx")


def test_labels_of_a_volume(tmp_path: Path) -> None:
    """In whatever order ilastik keeps the axes."""
    block = np.zeros((1, 5, 4, 3, 1), np.uint8)
    block[0, 4, 3, 2] = 2
    images = [("v.tif", "tzyxc", {"block0000": ((0, 1, 2, 3, 0), block)})]
    (lane,) = read_project(project(tmp_path / "p.ilp", images)).lanes
    labels = labels_of(lane, (10, 11, 12), "zyx")
    assert np.argwhere(labels).tolist() == [[5, 5, 5]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("no HDF5"), "cannot be read as a project of ilastik"),
        (lambda path: h5py.File(path, "w").close(), "cannot be read as a project of ilastik"),
        (lambda path: project(path, workflow="Carving"), "is a project of ilastik's workflow 'Carving'"),
        (lambda path: None, "there is no project"),
    ],
)
def test_what_is_no_such_project(tmp_path: Path, make: Callable[[Path], Any], message: str) -> None:
    """It is told what it is, without a traceback."""
    make(tmp_path / "p.ilp")
    with pytest.raises(PixmakeError, match=message):
        read_project(tmp_path / "p.ilp")


def test_a_classifier_from_a_project(tmp_path: Path) -> None:
    """Its features, classes and strokes on its own images make a classifier of pixmake's."""
    image = np.random.default_rng(0).integers(0, 40, (40, 50, 3)).astype(np.uint8)
    image[10:30, 10:30] += 150
    cv2.imwrite(str(tmp_path / "a.png"), image)
    stroke = np.zeros((1, 40, 1), np.uint8)
    stroke[:, :8], stroke[:, 12:28] = 1, 2
    images = [("a.png", "yxc", {"block0000": ((20, 0, 0), stroke)})]
    made = project(tmp_path / "p.ilp", images, in_2d=False)
    description, forest = train(parse_training({"ilastik": str(made), "trees": 12}), None, None, 1)
    assert description.classes == ("Ground", "Spot") and description.axes == "yxc"
    assert dict(description.pixels) == {"Ground": 8, "Spot": 16} and description.channels == 3
    assert description.filters == read_project(made).filters and len(forest.starts) == 13
    assert description.images[0]["labels"].endswith("p.ilp")
    (tmp_path / "a.png").unlink()
    with pytest.raises(PixmakeError, match=r"its image a\.png is not there"):
        train(parse_training({"ilastik": str(made)}), None, None, 1)
    with pytest.raises(PixmakeError, match="the project holds no labels"):
        train(parse_training({"ilastik": str(project(tmp_path / "q.ilp"))}), None, None, 1)


def in_hdf5(
    folder: Path, shape: tuple[int, ...], labels: Blocks, *, stored: str = "data", **of_dataset: Any
) -> tuple[str, str]:
    """A project whose image is an array of an HDF5 file, and the folder in which that lies now."""
    images = folder / "moved"
    images.mkdir(exist_ok=True)
    with h5py.File(images / "test.h5", "w") as file:
        pixels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        file.create_dataset(stored, data=pixels).attrs.update(of_dataset)
    made = project(folder / "p.ilp", [("/Users/her/work/test.h5/data", "tzyxc", labels)], in_2d=False)
    return str(made), str(images)


@pytest.mark.parametrize("tagged", [True, False])
def test_image_inside_hdf5(tmp_path: Path, *, tagged: bool) -> None:
    """As most projects have it: found by its file's name, and read in the project's axes."""
    stroke = np.ones((1, 2, 3, 4, 1), np.uint8)
    blocks: Blocks = {
        "block0000": ((0, 1, 2, 3, 0), stroke),
        "block0001": ((0, 4, 0, 0, 0), 2 * stroke[:, :1]),
    }
    made, images = in_hdf5(
        tmp_path, (1, 6, 9, 11, 2), blocks, **({"axistags": tags("tzyxc")} if tagged else {})
    )
    description, _ = train(parse_training({"ilastik": made, "images": images, "trees": 2}), None, None, 1)
    assert (description.axes, description.channels) == ("zyxc", 2)
    assert dict(description.pixels) == {"Ground": 24, "Spot": 12}
    names = feature_names(description.filters, 3)
    assert len(names) * description.channels == 4
    assert description.images[0]["image"].endswith("moved/test.h5")


def test_times_inside_hdf5(tmp_path: Path) -> None:
    """Of a series each time that has labels is an image, and the pixels are those of that time."""
    first, second = np.ones((1, 2, 3, 1), np.uint8), np.full((1, 4, 1, 1), 2, np.uint8)
    with h5py.File(tmp_path / "test.h5", "w") as file:
        file["data"] = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None, None, None], (5, 8, 9, 1))
    blocks: Blocks = {"block0000": ((1, 0, 0, 0), first), "block0001": ((4, 2, 2, 0), second)}
    made = project(tmp_path / "p.ilp", [("test.h5/data", "tyxc", blocks)])
    found = find_images(read_project(made), str(made), tmp_path)
    assert axes_of(found[0]) == "yx"
    samples = list(samples_of(found, str(made), "yx"))
    assert [sample.name[-5:] for sample in samples] == ["(t 1)", "(t 4)"]
    assert [set(sample.image("yx").ravel().tolist()) for sample in samples] == [{1}, {4}]
    assert [np.argwhere(sample.labels("yx")).tolist()[0] for sample in samples] == [[0, 0], [2, 2]]
    assert [int(sample.labels("yx").sum()) for sample in samples] == [6, 8]


def test_what_is_wrong_inside_hdf5(tmp_path: Path) -> None:
    """The file or the array that is not there is named, and what to give; other axes are told."""
    labels: Blocks = {"block0000": ((0, 0, 0, 0, 0), np.ones((1, 1, 2, 2, 1), np.uint8))}
    made, images = in_hdf5(tmp_path, (1, 2, 9, 9, 1), labels, stored="volume/raw")
    training = parse_training({"ilastik": made, "images": images})
    with pytest.raises(PixmakeError, match=r"test\.h5: holds no array data, but volume/raw"):
        train(training, None, None, 1)
    made, images = in_hdf5(tmp_path, (2, 9, 9), labels)
    with pytest.raises(PixmakeError, match=r"test\.h5/data: is of 2×9×9 pixels, .* has it as tzyxc"):
        train(training, None, None, 1)
    (Path(images) / "test.h5").unlink()
    with pytest.raises(PixmakeError, match=r"test\.h5/data is not there: no test\.h5 in .*moved"):
        train(training, None, None, 1)


@pytest.mark.parametrize(("mem_mb", "told"), [(500, "500"), (667, "500"), (4000, "3000")])
def test_memory_that_ilastik_is_told_of(mem_mb: int, told: str) -> None:
    """It takes no number below 500."""
    assert environment(1, mem_mb)["LAZYFLOW_TOTAL_RAM_MB"] == told


@pytest.mark.parametrize(("mem_mb", "problems"), [(500, 1), (667, 0), (None, 0)])
def test_memory_that_is_too_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mem_mb: int | None, problems: int
) -> None:
    """It is told before a run."""
    monkeypatch.chdir(tmp_path)
    project(tmp_path / "p.ilp")
    step = {"ilastik": "p.ilp", "program": "/bin/true", "resources": {"mem_mb": mem_mb} if mem_mb else {}}
    config = parse_config(
        {"images": {"table": "t.csv"}, "steps": {"s": {**step, "files": {"labels": "png"}}}}, []
    )
    found = [problem for problem in ilastik.check(config, "s") if problem.where == "steps.s.resources.mem_mb"]
    assert len(found) == problems
    assert all(problem.hint == "667 or more" for problem in found)
