"""Pixel classification: how well and how fast, beside scikit-image's trainable segmentation.

Images are those that scikit-image ships in its wheel. They come without labels, so these are made by a
method that has nothing to do with either classifier, and is scikit-image's own documented one for the image:

- coins: watershed of the Sobel gradient from markers of dark and bright pixels (its gallery's "Comparing
  edge-based and region-based segmentation")
- page: darker than Sauvola's local threshold (its gallery's "Niblack and Sauvola Thresholding")
- ihc: more DAB stain than Otsu's threshold, after colour deconvolution, smoothed by sigma = 1 and without
  regions below 64 pixels (its gallery's "Separate colors in immunohistochemical staining")

What they cannot say is how a person would label the image; both classifiers are held to the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from environments import versions
from frame import Benchmark, Contestant, main
from measured import Case, Results, number

STROKES = 12
"""Lines drawn for each class, each some 25 pixels long: as somebody draws them in half a minute."""

IMAGES = ("coins", "page", "ihc")
OURS, THEIRS = "pixmake", "scikit-image"


def truth(name: str) -> tuple[np.ndarray, np.ndarray]:
    """An image and the labels of its pixels, 1 or 2."""
    from skimage import color, data, filters, morphology, segmentation

    if name == "coins":
        image = data.coins()
        markers = np.zeros(image.shape, np.int32)
        markers[image < 30], markers[image > 150] = 1, 2
        return image, segmentation.watershed(filters.sobel(image), markers).astype(np.uint8)
    if name == "page":
        image = data.page()
        return image, np.where(image < filters.threshold_sauvola(image, window_size=25), 2, 1).astype(
            np.uint8
        )
    image = data.immunohistochemistry()
    stain = filters.gaussian(color.rgb2hed(image)[..., 2], 1)
    brown = morphology.remove_small_objects(stain > filters.threshold_otsu(stain), max_size=63)
    return image, np.where(brown, 2, 1).astype(np.uint8)


def strokes(labels: np.ndarray) -> np.ndarray:
    """Short lines of each class on the left third of an image, along its pixels of that class."""
    numbers = np.random.default_rng(1)
    drawn = np.zeros_like(labels)
    third = labels.shape[1] // 3
    for label in (1, 2):
        for y, x in numbers.permutation(np.argwhere(labels[:, :third] == label))[:STROKES]:
            line = slice(max(0, x - 12), min(third, x + 13))
            part = drawn[y, line]
            part[labels[y, line] == label] = label
    return drawn


def scores(found: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy and intersection over union of the second class, on the two thirds without strokes."""
    third = labels.shape[1] // 3
    found, labels = found[:, third:], labels[:, third:]
    both = ((found == 2) & (labels == 2)).sum()
    either = ((found == 2) | (labels == 2)).sum()
    return {"accuracy": float((found == labels).mean()), "iou": float(both / either)}


def with_pixmake(image: np.ndarray, drawn: np.ndarray, folder: Path) -> tuple[Any, Any]:
    """Training and classifying, as two functions."""
    from pixmake.classifier.apply import channels_first, classify, load_classifier
    from pixmake.classifier.learn import Method, Sample, learn
    from pixmake.classifier.model import write_model
    from pixmake.classifier.terms import selected

    axes, path = "yx" if image.ndim == 2 else "yxc", folder / "model.npz"
    sample = Sample("strokes", lambda _: image, lambda _: drawn)

    def train() -> None:
        write_model(path, *learn([sample], Method(selected(), axes)))

    return train, lambda: classify(load_classifier(str(path)), channels_first(image, axes))[0]


def with_skimage(image: np.ndarray, drawn: np.ndarray) -> tuple[Any, Any]:
    """The same with `TrainableSegmenter`: all basic features at its default scales, as many trees."""
    from skimage import feature, future
    from sklearn.ensemble import RandomForestClassifier

    def features(pixels: np.ndarray) -> np.ndarray:
        axis = -1 if pixels.ndim == 3 else None
        return feature.multiscale_basic_features(pixels, channel_axis=axis, workers=1)

    forest = RandomForestClassifier(100, random_state=0)
    segmenter = future.TrainableSegmenter(clf=forest, features_func=features)
    return lambda: segmenter.fit(image, drawn), lambda: segmenter.predict(image)


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """Both, on the same strokes, each on one core."""
    image, labels = truth(str(case["image"]))
    drawn = strokes(labels)
    megapixels = labels.size / 1e6

    def runner(train: Any, predict: Any) -> Mapping[str, float]:
        begun = time.process_time()
        train()
        trained = time.process_time()
        started = time.perf_counter()
        found = predict()
        seconds = time.perf_counter() - started
        cpu = time.process_time() - trained
        return {
            "seconds": seconds / megapixels,
            "cpu_seconds": cpu / megapixels,
            "training": trained - begun,
            **scores(np.asarray(found), labels),
        }

    known = versions(sys.executable, "scikit-image", "scikit-learn", "opencv-python-headless")
    return [
        Contestant(OURS, lambda: runner(*with_pixmake(image, drawn, scratch)), versions=known),
        Contestant(THEIRS, lambda: runner(*with_skimage(image, drawn)), versions=known),
    ]


def text(results: Results) -> str:
    """A line for each image and contestant."""
    lines = [
        "| image | | accuracy | IoU | CPU s a megapixel | CPU s of training |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for case in results.cases():
        for each in (one for one in results.measured if one.case == case):
            figures = [f"{100 * each.median(name):.1f} %" for name in ("accuracy", "iou")]
            figures += [number(each.median(name)) for name in ("cpu_seconds", "training")]
            lines.append(f"| {case['image']} | {each.contestant} | {' | '.join(figures)} |")
    return "\n".join(lines)


BENCHMARK = Benchmark(
    name="pixel_classification",
    title="Pixel classification",
    about=f"""
Images that scikit-image ships; {STROKES} short strokes for each of two classes on the left third are learnt
from, the other two thirds are compared with labels made without a classifier: watershed of the gradient
(coins), Sauvola's threshold (page), Otsu's threshold of the DAB stain (ihc). pixmake with ilastik's filters
at its seven scales; scikit-image's `TrainableSegmenter` with `multiscale_basic_features` as they come. Both
with 100 trees of scikit-learn on one core.
""",
    cases=[{"image": name} for name in IMAGES],
    quick=[{"image": "coins"}],
    contestants=contestants,
    text=text,
)


if __name__ == "__main__":
    main(BENCHMARK)
