"""Features, classifiers and objects of pixel classification."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.base.errors import PixmakeError
from pixmake.classifier.apply import Classifier, channels_first, classify, features_of, load_classifier
from pixmake.classifier.features import feature_names, feature_planes
from pixmake.classifier.learn import Method, Sample, learn
from pixmake.classifier.model import ModelError, read_description, write_model
from pixmake.classifier.objects import column_names, label_objects, measure_objects
from pixmake.classifier.terms import FEATURES, PROPERTIES, SCALES, Filter, selected
from pixmake.config.models import parse_config
from pixmake.plan.kinds import KINDS

Array = npt.NDArray[Any]


def planes(image: Array, filters: Sequence[Filter]) -> dict[str, Array]:
    """The features of a whole image by name."""
    names = feature_names(filters, image.ndim)
    out = np.empty((len(names), *image.shape), np.float32)
    feature_planes(image, tuple(slice(0, size) for size in image.shape), filters, out)
    return dict(zip(names, out, strict=True))


def test_the_usual_selection() -> None:
    """All filters at seven scales, the smallest one for smoothing alone: as ilastik offers them."""
    filters = selected()
    assert len(SCALES) == 7 and len(filters) == 1 + 6 * len(FEATURES)
    assert len(feature_names(filters, 2)) == 49 and len(feature_names(filters, 3)) == 61


@pytest.mark.parametrize("shape", [(60, 70), (30, 36, 40)])
def test_features_are_what_they_are_called(shape: tuple[int, ...]) -> None:
    """Compared with SciPy's filters, in planes and volumes."""
    image = ndi.gaussian_filter(np.random.default_rng(0).random(shape), 1.5).astype(np.float32) * 100
    found = planes(image, selected(scales=[1.0, 3.5]))
    for scale in (1.0, 3.5):
        expected = {
            "GaussianSmoothing": ndi.gaussian_filter(image, scale, mode="mirror"),
            "LaplacianOfGaussian": ndi.gaussian_laplace(image, scale, mode="mirror"),
            "GaussianGradientMagnitude": ndi.gaussian_gradient_magnitude(image, scale, mode="mirror"),
        }
        for name, wanted in expected.items():
            assert np.abs(found[f"{name} {scale:g}"] - wanted).max() < 0.02 * np.ptp(wanted), (name, scale)
        names = [f"HessianOfGaussianEigenvalues {scale:g} [{number}]" for number in range(len(shape))]
        falling = np.diff([found[name] for name in names], axis=0)
        assert (falling <= 1e-4).all()
        laplacian = found[f"LaplacianOfGaussian {scale:g}"]
        np.testing.assert_allclose(sum(found[name] for name in names), laplacian, atol=1e-4)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_eigenvalues_of_a_known_surface(dimensions: int) -> None:
    """Of 3y² - 2yx + x² (+ 2z²) the Hessian is known everywhere."""
    axes = np.meshgrid(*[np.arange(-20.0, 21.0)] * dimensions, indexing="ij")
    y, x = axes[-2:]
    image = 3 * y**2 - 2 * y * x + x**2 + (2 * axes[0] ** 2 if dimensions == 3 else 0)
    matrix = np.diag([4.0, 6.0, 2.0][3 - dimensions :])
    matrix[-2, -1] = matrix[-1, -2] = -2
    found = planes(image.astype(np.float32), [Filter("HessianOfGaussianEigenvalues", 1.0)])
    center = [plane[(20,) * dimensions] for plane in found.values()]
    np.testing.assert_allclose(center, np.linalg.eigvalsh(matrix)[::-1], rtol=1e-3)


def test_planes_of_a_volume_by_themselves() -> None:
    """Planar features of a volume are those of its planes."""
    volume = np.random.default_rng(1).integers(0, 255, (4, 30, 40)).astype(np.uint8)
    filters = selected(scales=[1.6], planar=True)
    found = planes(volume, filters)
    for number, plane in enumerate(volume):
        one = planes(plane, selected(scales=[1.6]))
        for name, values in one.items():
            base, _, index = name.partition(" [")
            same = f"{base} in 2D{' [' + index if index else ''}"
            np.testing.assert_array_equal(found[same][number], values)


def classifier(path: Path, shape: tuple[int, ...], filters: Sequence[Filter], axes: str) -> Classifier:
    """One that was trained on noise: where it draws the line is as good as random."""
    numbers = np.random.default_rng(5)
    image = numbers.integers(0, 255, shape).astype(np.uint8)
    labels = numbers.integers(0, 4, channels_first(image, axes).shape[1:]).astype(np.uint8)
    sample = Sample("noise", lambda _: image, lambda _: labels)
    write_model(path, *learn([sample], Method(tuple(filters), axes, trees=7)))
    return load_classifier(str(path))


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Of planes of two channels, with all features."""
    return classifier(tmp_path_factory.mktemp("flat") / "m.npz", (40, 40, 2), selected(), "yxc")


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Of volumes."""
    filters = [*selected(scales=[0.7, 1.6]), *selected(scales=[3.5], planar=True)]
    return classifier(tmp_path_factory.mktemp("deep") / "m.npz", (12, 20, 20), filters, "zyx")


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_result_does_not_depend_on_tiles(flat: Classifier, data: st.DataObject) -> None:
    """To the last bit: labels and probabilities of any image, however it is cut, by however many threads."""
    shape = data.draw(st.tuples(st.integers(1, 90), st.integers(1, 150)))
    tile = data.draw(st.tuples(st.integers(8, 100), st.integers(8, 160)))
    image = np.random.default_rng(shape).integers(0, 255, (2, *shape)).astype(np.uint8)
    labels, probabilities = classify(flat, image, probabilities=True, tile=shape)
    cut, shares = classify(flat, image, probabilities=True, tile=tile, threads=data.draw(st.integers(1, 3)))
    np.testing.assert_array_equal(labels, cut)
    np.testing.assert_array_equal(probabilities, shares)
    assert probabilities is not None
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    assert labels.dtype == np.uint8 and probabilities.dtype == np.float32 and labels.min() >= 1


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_nor_does_that_of_a_volume(deep: Classifier, data: st.DataObject) -> None:
    """In three dimensions, too; the default tiles are just such a way to cut."""
    shape = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 30), st.integers(1, 30)))
    tile = data.draw(st.tuples(*[st.integers(5, 20)] * 3))
    image = np.random.default_rng(shape).integers(0, 255, (1, *shape)).astype(np.uint8)
    whole = tuple(slice(0, size) for size in shape)
    assert features_of(deep.description, image, whole).dtype == np.float32
    labels, _ = classify(deep, image)
    np.testing.assert_array_equal(labels, classify(deep, image, tile=tile)[0])


def test_a_classifier_in_a_file(tmp_path: Path) -> None:
    """It says what it was made of, decides as scikit-learn does, and is no pickle."""
    from sklearn.ensemble import RandomForestClassifier

    numbers = np.random.default_rng(2)
    image = ndi.gaussian_filter(numbers.normal(100, 60, (64, 64)), 2).astype(np.float32)
    labels = np.where(numbers.random(image.shape) < 0.2, 1 + (image > 100), 0).astype(np.uint8)
    method = Method(selected(scales=[1.0, 3.5]), "yx", ("low", "high"), trees=30, seed=3)
    write_model(tmp_path / "m.npz", *learn([Sample("a", lambda _: image, lambda _: labels)], method))
    made = load_classifier(str(tmp_path / "m.npz"))
    assert made.description == read_description(tmp_path / "m.npz")
    assert made.description.classes == ("low", "high") and made.description.dtype == "float32"
    assert sum(made.description.pixels.values()) == np.count_nonzero(labels)
    assert made.description.out_of_bag is not None and made.description.out_of_bag > 0.95

    features = features_of(made.description, image[np.newaxis], (slice(0, 64), slice(0, 64))).T
    which = labels.ravel() > 0
    forest = RandomForestClassifier(30, random_state=3).fit(features[which], labels.ravel()[which])
    _, found = classify(made, image[np.newaxis], probabilities=True)
    assert found is not None
    np.testing.assert_allclose(found.reshape(2, -1).T, forest.predict_proba(features), atol=1e-5)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as content:
        assert len(content["starts"]) == 31


def damaged(content: dict[str, bytes], name: str, change: Any) -> dict[str, bytes]:
    """A classifier's parts with one array changed."""
    array = np.load(io.BytesIO(content[f"{name}.npy"]))
    buffer = io.BytesIO()
    np.save(buffer, change(array))
    return {**content, f"{name}.npy": buffer.getvalue()}


def test_a_file_that_is_no_classifier(flat: Classifier, tmp_path: Path) -> None:
    """Anything else is told, and never walked over: neither a text nor trees that lead out of themselves."""
    path = tmp_path / "m.npz"
    path.write_text("soil, leaf")
    with pytest.raises(ModelError, match="no file that `pixmake train` wrote"):
        read_description(path)
    with pytest.raises(ModelError, match="No such file"):
        read_description(tmp_path / "none.npz")
    classifier(path, (9, 9), [Filter("GaussianSmoothing", 1.0)], "yx")
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(content["model.json"])
    bad = [
        {**content, "model.json": json.dumps({**told, "format": "2"}).encode()},
        {**content, "model.json": json.dumps({**told, "filters": [["Blur", 1, False]]}).encode()},
        {**content, "model.json": b"[]"},
        {name: part for name, part in content.items() if name != "votes.npy"},
        damaged(content, "left", lambda left: left + 100_000),
        damaged(content, "right", lambda right: right * 0),
        damaged(content, "feature", lambda feature: feature + 1000),
        damaged(content, "threshold", lambda threshold: threshold * np.nan),
        damaged(content, "starts", lambda starts: starts[:-1]),
        damaged(content, "votes", lambda votes: votes[:, :1]),
        damaged(content, "votes", lambda votes: np.array([object()])),
    ]
    for parts in bad:
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        with pytest.raises(ModelError, match=r"m\.npz"):
            load_classifier(str(path))


def test_labels_that_cannot_be_learnt_from() -> None:
    """All that is wrong with them is told at once."""
    image = np.zeros((20, 30), np.uint8)

    def sample(name: str, labels: Array, own: Array = image) -> Sample:
        return Sample(name, lambda _: own, lambda _: labels)

    good = np.zeros((20, 30), np.uint8)
    good[:5] = 1
    samples = [
        sample("good", good),
        sample("small", good[:10]),
        sample("high", good * 3),
        sample("empty", good * 0),
        sample("float", good * 0.5),
        sample("deep", good, image.astype(np.uint16)),
    ]
    with pytest.raises(PixmakeError) as raised:
        learn(samples, Method((Filter("GaussianSmoothing", 1.0),), "yx", ("soil", "leaf")))
    assert [str(problem) for problem in raised.value.problems] == [
        "small: is of 10 × 30 pixels, its image of 20 × 30",
        "high: has the label 3, of 2 classes; 0 is for pixels of which nothing is said",
        "empty: has no labelled pixel: all are 0",
        "float: holds float64 values; labels are whole numbers, 0 where nothing is said",
        "deep: its image has uint16 values, unlike that of good",
    ]
    with pytest.raises(PixmakeError, match="no pixel has the label 2, of class 'leaf'"):
        learn(samples[:1], Method((Filter("GaussianSmoothing", 1.0),), "yx", ("soil", "leaf")))


@pytest.mark.parametrize(("axes", "channels"), [("yx", 1), ("yx", 3), ("zyx", 2)])
def test_every_property_of_objects(axes: str, channels: int) -> None:
    """Each has a column a number, named by its axis or channel; too small regions are none."""
    labels = np.ones((12,) * len(axes), np.uint8)
    labels[(slice(2, 6),) * len(axes)] = 2
    labels[(slice(7, 11),) * len(axes)] = 3
    labels[(11,) * len(axes)] = 2
    objects = label_objects(labels, [2, 3], smallest=2)
    image = np.random.default_rng(0).integers(0, 255, (channels, *labels.shape)).astype(np.uint8)
    known = [name for name, of in PROPERTIES.items() if len(axes) == 2 or of != "plane"]
    table = measure_objects(objects, labels, ("ground", "root", "stone"), image, axes, known)
    assert list(table.columns) == ["label", "class", *column_names(known, axes, channels)]
    assert table["class"].tolist() == ["root", "stone"] and objects.max() == 2
    assert table["area"].tolist() == [4 ** len(axes)] * 2
    assert table[f"centroid_{axes[0]}"].tolist() == [3.5, 8.5]
    assert table["bbox_x_min"].tolist() == [2, 7] and table["bbox_x_max"].tolist() == [6, 11]
    first = "intensity_mean" if channels == 1 else "intensity_mean_0"
    assert table[first][0] == pytest.approx(image[0][objects == 1].mean())
    none = measure_objects(objects * 0, labels, ("ground", "root"), image, axes, ["area", "intensity_mean"])
    assert len(none) == 0 and list(none.columns)[2] == "area"


def test_what_is_wrong_with_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its classifier, axes, files and params are held to each other before a run, all at once."""
    monkeypatch.chdir(tmp_path)
    classifier(tmp_path / "deep.npz", (6, 9, 9), [Filter("GaussianSmoothing", 1.0)], "zyx")

    def problems(**step: Any) -> list[str]:
        content = {"images": {"table": "t.csv"}, "steps": {"s": {"pixel_classification": "deep.npz", **step}}}
        return [str(problem) for problem in KINDS["pixel_classification"].check(parse_config(content), "s")]

    assert problems() == []
    assert problems(
        axes="yx",
        files={"labels": "png", "label": "tif", "objects": "tif"},
        params={"objects": ["class_4"], "properties": ["perimeter", "aera"], "min_area": 0, "size": 1},
    ) == [
        "steps.s.axes: the classifier deep.npz was trained on zyx (ask for these, or train another one)",
        "steps.s.files.labels: a png holds no volume (use tif, npy or zarr)",
        "steps.s.files.label: a step of kind pixel_classification has no file 'label' "
        "(did you mean 'labels'?)",
        "steps.s.files.objects: objects cannot be written as tif (as one of: csv, tsv, parquet)",
        "steps.s.params.objects: there is no class 'class_4' (did you mean 'class_3'?)",
        "steps.s.params.properties: 'perimeter' is measured of objects in a plane alone",
        "steps.s.params.properties: there is no property 'aera' (did you mean 'area'?)",
        "steps.s.params.min_area: 0 is no number of pixels (a whole number above 0)",
        "steps.s.params.size: a step of kind pixel_classification has no param 'size' "
        "(known: min_area, objects, properties)",
    ]
    assert problems(pixel_classification="none.npz") == [
        "steps.s.pixel_classification: there is no classifier none.npz "
        "(make it with: pixmake train none.npz --labels FOLDER …)"
    ]
    Path("text.npz").write_text("no classifier")
    assert problems(pixel_classification="text.npz")[0].startswith(
        "steps.s.pixel_classification: text.npz: cannot be read: it is no file that `pixmake train` wrote"
    )
