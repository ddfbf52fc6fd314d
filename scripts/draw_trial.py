"""Draws the demo: 24 pictures of a small plant trial, seen from above, and their table.

Two genotypes, three plants of each, four days. The rosettes grow; the area of each is known, since it was
drawn: it stands in ``images/drawn_area.csv``.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

HEIGHT, WIDTH = 480, 640
DATES = ("2024-03-04", "2024-03-08", "2024-03-12", "2024-03-16")


@dataclass(frozen=True)
class Genotype:
    """How the rosettes of one genotype look."""

    name: str
    leaves: int
    """Leaves at the first date; two more come with each."""
    length: float
    """Pixels from the middle to a leaf's tip at the last date."""
    slender: float
    """A leaf's width by its length."""


GENOTYPES = (
    Genotype("Col-0", leaves=6, length=128.0, slender=0.46),
    Genotype("dwf4", leaves=5, length=98.0, slender=0.66),
)


@dataclass(frozen=True)
class Plant:
    """One plant of the trial."""

    plantbarcode: str
    genotype: Genotype
    treatment: str


def plants() -> Iterator[Plant]:
    """The six plants of the trial."""
    for letter, genotype in zip("AB", GENOTYPES, strict=True):
        for number, treatment in enumerate(("control", "control", "drought"), 1):
            yield Plant(f"{letter}{number}", genotype, treatment)


def draw(plant: Plant, day: int) -> tuple[Array, Array]:
    """Draw one plant on one day.

    Parameters
    ----------
    plant
        Which plant.
    day
        0 to 3, an index of `DATES`.

    Returns
    -------
    image : ndarray
        H × W × 3 uint8, BGR.
    leaves : ndarray
        H × W bool: true where a leaf was drawn.
    """
    random = np.random.default_rng([day, *plant.plantbarcode.encode()])
    centre = (WIDTH / 2 + random.uniform(-15, 15), HEIGHT / 2 + random.uniform(-10, 10))
    scene = _pot_with_soil(random, centre)
    leaves = np.zeros((HEIGHT, WIDTH), np.uint8)
    for outline, shade in _rosette(plant, day, centre, random):
        leaf = cv2.fillPoly(np.zeros_like(leaves), [outline], 255)
        leaves |= leaf
        _paint_leaf(scene, leaf, outline, shade)
    image = _photographed(scene, random)
    _label(image, f"{plant.plantbarcode} {DATES[day]}")
    return image, leaves > 0


def write_trial(images: Path, table: Path) -> int:
    """Draw all pictures, and write the table of them and the areas that were drawn.

    A file whose content would stay the same is left alone.

    Parameters
    ----------
    images
        The folder for the pictures and ``drawn_area.csv``.
    table
        The table of images.

    Returns
    -------
    int
        The number of pictures.
    """
    rows: list[Sequence[Any]] = []
    areas: list[Sequence[Any]] = []
    for plant in plants():
        for day, date in enumerate(DATES):
            image, leaves = draw(plant, day)
            path = images / f"{plant.plantbarcode}_{date}.png"
            _write(path, cv2.imencode(".png", image)[1].tobytes())
            terms = (plant.plantbarcode, plant.genotype.name, plant.treatment, "VIS", date)
            rows.append((path.as_posix(), *terms))
            areas.append((path.as_posix(), int(leaves.sum())))
    header = ("path", "plantbarcode", "genotype", "treatment", "camera", "timestamp")
    _write(table, _csv([header, *rows]))
    _write(images / "drawn_area.csv", _csv([("path", "drawn_area"), *areas]))
    return len(rows)


def main() -> None:
    """Draw the trial into the working directory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=Path, default=Path("images"), help="folder (%(default)s)")
    parser.add_argument("--table", type=Path, default=Path("config/images.csv"), help="(%(default)s)")
    arguments = parser.parse_args()
    count = write_trial(arguments.images, arguments.table)
    print(f"{count} pictures are in {arguments.images}/, their table is {arguments.table}")


def _rosette(
    plant: Plant, day: int, centre: tuple[float, float], random: np.random.Generator
) -> Iterator[tuple[Array, float]]:
    """The outline of each leaf (N × 2 int32) and how bright it is, the oldest first."""
    own = np.random.default_rng(list(plant.plantbarcode.encode()))  # the same plant on each day
    vigour = own.uniform(0.95, 1.1) * (0.9 if plant.treatment == "drought" else 1.0)
    grown = (0.5, 0.66, 0.83, 1.0)[day]
    start = own.uniform(0, 2 * np.pi)
    for number in range(plant.genotype.leaves + 2 * day):
        age = max(0.25, 1.0 - 0.07 * number)
        length = plant.genotype.length * vigour * grown * age * own.uniform(0.9, 1.1)
        angle = start + number * np.radians(137.5) + random.uniform(-0.05, 0.05)
        yield _leaf(centre, angle, length, plant.genotype.slender), own.uniform(0.85, 1.15)


def _leaf(centre: tuple[float, float], angle: float, length: float, slender: float) -> Array:
    """A leaf on its stalk: narrow at the middle of the plant, widest beyond its half."""
    along = np.linspace(0, 1, 40)
    blade = np.sin(np.pi * np.clip((along - 0.28) / 0.72, 0, 1)) ** 0.75
    half = length * (0.035 + 0.5 * slender * blade)
    half[-1] = 0
    x = np.concatenate([along, along[::-1]]) * length
    y = np.concatenate([half, -half[::-1]])
    turned = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], 1)
    return np.round(turned + centre).astype(np.int32)


def _paint_leaf(scene: Array, leaf: Array, outline: Array, shade: float) -> None:
    """Fill a leaf, darker to its rim, with a pale vein."""
    inside = leaf > 0
    depth = cv2.distanceTransform(leaf, cv2.DIST_L2, 3)
    light = 0.82 + 0.22 * np.clip(depth / 8, 0, 1)
    colour = np.array((58, 142, 88), np.float32) * shade
    scene[inside] = colour * light[inside][:, None]
    vein = np.zeros_like(leaf)
    cv2.line(vein, outline[0].tolist(), outline[38].tolist(), 255, 1, cv2.LINE_AA)
    amount = (vein / 255.0 * inside * 0.35)[..., None]
    scene += amount * (np.array((110, 190, 150), np.float32) - scene)


def _pot_with_soil(random: np.random.Generator, centre: tuple[float, float]) -> Array:
    """A table top, a round pot with its rim, and soil with stones and a little moss."""
    scene = np.full((HEIGHT, WIDTH, 3), (176, 174, 172), np.float32)
    middle = (round(centre[0]), round(centre[1]))
    cv2.circle(scene, middle, 206, (52, 50, 50), -1, cv2.LINE_AA)
    cv2.circle(scene, middle, 198, (84, 80, 80), -1, cv2.LINE_AA)
    soil = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(soil, middle, 188, 255, -1)
    grain = random.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    texture = 9 * cv2.GaussianBlur(grain, (0, 0), 1.2) + 22 * cv2.GaussianBlur(grain, (0, 0), 5)
    ground = np.array((38, 52, 68), np.float32) + texture[..., None] * np.array((0.8, 0.9, 1.0))
    scene[soil > 0] = ground[soil > 0]
    for _ in range(60):
        place = _in_pot(random, centre)
        grey = random.uniform(70, 150)
        size = (int(random.integers(1, 5)), int(random.integers(1, 4)))
        cv2.ellipse(scene, place, size, random.uniform(0, 180), 0, 360, (grey, grey, grey), -1, cv2.LINE_AA)
    for _ in range(14):
        size = int(random.integers(1, 4))
        cv2.circle(scene, _in_pot(random, centre), size, (50, 108, 84), -1, cv2.LINE_AA)
    return scene


def _in_pot(random: np.random.Generator, centre: tuple[float, float]) -> tuple[int, int]:
    """A place on the soil, away from the plant."""
    angle, distance = random.uniform(0, 2 * np.pi), random.uniform(150, 182)
    return round(centre[0] + distance * np.cos(angle)), round(centre[1] + distance * np.sin(angle))


def _label(image: Array, text: str) -> None:
    cv2.rectangle(image, (8, 8), (178, 34), (235, 238, 240), -1)
    cv2.putText(image, text, (14, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)


def _photographed(scene: Array, random: np.random.Generator) -> Array:
    """What a camera makes of it: uneven light, a soft lens, noise."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    slope = (x / WIDTH - 0.5) * np.cos(angle) + (y / HEIGHT - 0.5) * np.sin(angle)
    light = 1 + 0.35 * slope - 0.25 * ((x / WIDTH - 0.5) ** 2 + (y / HEIGHT - 0.5) ** 2)
    seen = cv2.GaussianBlur(scene, (0, 0), 0.6) * light[..., None]
    noisy = seen + random.normal(0, 4, scene.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    """Write a file whole, and only if that changes it."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


if __name__ == "__main__":
    main()
