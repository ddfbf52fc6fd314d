"""Draws photos of plants that grow, into photos/: of each it is known how fast, since it was drawn so."""

from datetime import date, timedelta
from pathlib import Path

import cv2
import numpy as np

START, DAYS = date(2024, 3, 5), (0, 2, 4, 6)
RATES = {("Col-0", "control"): 0.20, ("Col-0", "drought"): 0.10, ("cvi-1", "control"): 0.16}
"""Relative growth rate, per day, by genotype and treatment."""
PLANTS = 3
"""Of each."""
SIZE = 240


def rate_of(genotype: str, treatment: str, number: int) -> float:
    """Plants of one kind differ a little."""
    return RATES[genotype, treatment] + 0.01 * (number - (PLANTS - 1) / 2)


def draw(area: float, seed: int) -> np.ndarray:
    """A rosette of some area (pixels) on soil, seen from above."""
    random = np.random.default_rng(seed)
    picture = np.empty((SIZE, SIZE, 3), np.float32)
    picture[:] = (38, 52, 74)  # BGR of soil
    angle, radius = random.uniform(0, np.pi), np.sqrt(area / np.pi)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    picture[np.hypot(along / 1.25, across * 1.25) < radius] = (50, 150, 70)  # an ellipse
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8) + random.normal(0, 4, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def main() -> None:
    """All photos that are not there yet."""
    Path("photos").mkdir(exist_ok=True)
    for row, (genotype, treatment) in zip("ABC", RATES, strict=True):
        for number in range(PLANTS):
            for day in DAYS:
                name = f"Exp1_plant{row}{number + 1:02d}_{START + timedelta(day)}_{genotype}_{treatment}.jpg"
                area = 3000 * np.exp(rate_of(genotype, treatment, number) * day)
                if not Path("photos", name).exists():
                    cv2.imwrite(f"photos/{name}", draw(area, ord(row) * 100 + number * 10 + day))


if __name__ == "__main__":
    main()
