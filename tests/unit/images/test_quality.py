"""The quality of a picture: what each figure follows, and what it does not."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from pixmake.images.quality import TILE, TILES, quality_of

Array = np.ndarray[Any, np.dtype[Any]]


def scene(seed: int = 0, shape: tuple[int, int] = (300, 400), gain: float = 1.0, blur: float = 0.0) -> Array:
    """A picture with fine and coarse detail, as a camera with some noise takes it."""
    rng = np.random.default_rng(seed)
    image = np.full((*shape, 3), 80, np.float32)
    image[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = (40, 140, 60)
    image += cv2.GaussianBlur(rng.normal(0, 45, shape).astype(np.float32), (0, 0), 1.2)[..., None]
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    image = image * gain + rng.normal(0, 2, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def test_focus_follows_blur_and_not_exposure() -> None:
    """A blurred picture has less of it, also with a camera's noise; a darker one has as much."""
    sharp = quality_of(scene())["focus"]
    blurred = [quality_of(scene(blur=sigma))["focus"] for sigma in (1, 2, 4)]
    assert sharp > blurred[0] > blurred[1] > blurred[2]
    assert blurred[1] < 0.4 * sharp
    assert quality_of(scene(gain=0.6))["focus"] == pytest.approx(sharp, rel=0.1)


def test_exposure_and_colour() -> None:
    """Brightness doubles with the light, shares are of pixels, warmth is red over blue."""
    dark, usual, bright = (quality_of(scene(gain=gain)) for gain in (0.5, 1.0, 3.0))
    assert usual["brightness"] == pytest.approx(2 * dark["brightness"], rel=0.03)
    assert usual["saturated"] < 0.01 < 0.2 < bright["saturated"]
    assert quality_of(scene(gain=0.01))["dark"] > 0.2
    red = scene()
    red[..., 0] //= 2
    assert quality_of(red)["warmth"] - usual["warmth"] == pytest.approx(1, abs=0.05)


def test_only_a_part_of_a_large_picture_is_looked_at() -> None:
    """At most 0.3 megapixels, from corner to corner, and what they say is what the whole one says."""
    large = scene(shape=(1200, 1600))
    assert (TILES * TILE) ** 2 <= 300_000
    assert quality_of(large)["brightness"] == pytest.approx(large.mean() / 255, rel=0.1)
    corners = np.zeros((2056, 2454), np.uint8)
    corners[:8, :8] = corners[-8:, -8:] = 255
    assert quality_of(corners)["saturated"] == pytest.approx(128 / (TILES * TILE) ** 2, rel=0.01)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1), np.uint8),
        np.full((50, 50, 3), 7, np.uint8),
        np.arange(300 * 300, dtype=np.uint16).reshape(300, 300),
        np.random.default_rng(0).random((64, 64, 4)).astype(np.float32),
        np.full((64, 64), np.nan),
        np.zeros((3, 200_000), np.uint8),
        np.zeros((200_000, 3, 3), np.uint8),
        np.eye(80, dtype=bool),
    ],
)
def test_any_picture(image: Array) -> None:
    """What cannot be said is left out; all that is said is a number."""
    found = quality_of(image)
    assert ("brightness" in found) == bool(np.isfinite(image).all())
    assert all(np.isfinite(value) for value in found.values())
