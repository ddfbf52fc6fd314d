"""Draws a plate as an Operetta exports it, into Images/: what the reporter is in each well is known."""

from itertools import product
from pathlib import Path

import cv2
import numpy as np

ROWS, COLUMNS, FIELDS, SIZE = (2, 3), (3, 4, 5), (1, 2, 3), 192
REPORTER = {3: 400.0, 4: 1200.0, 5: 2400.0}
"""Brightness of the nuclei in channel 2, by column."""


def light(channel: int) -> np.ndarray:
    """Channel 1 is brighter on the left, channel 2 at the top."""
    ramp = np.linspace(1.5, 0.5, SIZE, dtype=np.float32)
    return np.tile(ramp if channel == 1 else ramp[:, None], (SIZE, 1) if channel == 1 else (1, SIZE))


def draw(row: int, column: int, field: int) -> dict[int, np.ndarray]:
    """Both channels of a field, uint16. Its nuclei lie in one part of it, so that light matters."""
    random = np.random.default_rng([row, column, field])
    nuclei = np.zeros((SIZE, SIZE), np.float32)
    for y, x in product(range(16, SIZE, 32), repeat=2):
        if random.random() < (0.9 if y < field * SIZE / 3 else 0.2):
            at = (x + int(random.integers(-5, 6)), y + int(random.integers(-5, 6)))
            cv2.circle(nuclei, at, int(random.integers(6, 9)), 1, -1)
    nuclei = cv2.GaussianBlur(nuclei, (0, 0), 0.8)
    found = {}
    for channel, level in ((1, 3000.0), (2, REPORTER[column])):
        pixels = (300 + level * nuclei) * light(channel) + random.normal(0, 10, nuclei.shape)
        found[channel] = np.clip(pixels, 0, 65535).astype(np.uint16)
    return found


def main() -> None:
    """All images that are not there yet."""
    Path("Images").mkdir(exist_ok=True)
    for row, column, field in product(ROWS, COLUMNS, FIELDS):
        for channel, pixels in draw(row, column, field).items():
            path = f"Images/r{row:02d}c{column:02d}f{field:02d}p01-ch{channel}sk1fk1fl1.tiff"
            if not Path(path).exists():
                cv2.imwrite(path, pixels)


if __name__ == "__main__":
    main()
