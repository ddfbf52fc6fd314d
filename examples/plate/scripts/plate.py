"""Draws a plate as OME-Zarr: nuclei in one channel, in the other a reporter that answers to a dose.

    python scripts/plate.py FOLDER      # writes FOLDER/plate1.zarr and FOLDER/scribbles/

Fewer nuclei live, and more of them respond, the higher the dose: the column of the plate.
"""

import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import zarr
from ome_zarr.format import FormatV04
from ome_zarr.writer import write_image, write_plate_metadata, write_well_metadata

ROWS, COLUMNS, FIELDS = "ABC", (1, 2, 3, 4), 2
SIZE, MICROMETERS = 384, 0.65
RESPONDING = {1: 0.05, 2: 0.2, 3: 0.6, 4: 0.9}
TRAINED_ON = "B2_0"


def draw_field(column: int, seed: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A field, channels × height × width, uint16, and which pixels are nuclei."""
    random = np.random.default_rng(seed)
    nuclei = np.zeros((size, size), np.uint8)
    channels = np.zeros((2, size, size), np.float32)
    centres: list[tuple[int, int]] = []
    for _ in range(size * size // (1800 + 500 * column)):
        y, x = (int(each) for each in random.integers(14, size - 14, 2))
        if any((y - b) ** 2 + (x - a) ** 2 < 26**2 for b, a in centres):
            continue  # nuclei do not touch
        centres.append((y, x))
        one = np.zeros((size, size), np.uint8)
        axes = tuple(int(each) for each in random.integers(6, 11, 2))
        cv2.ellipse(one, (x, y), axes, float(random.uniform(0, 180)), 0, 360, 1, -1)
        nuclei |= one
        channels[0] += one * random.uniform(1500, 4000)
        responds = random.random() < RESPONDING[column]
        channels[1] += one * random.uniform(2500, 5000) * (1.0 if responds else 0.1)
    uneven = np.linspace(200, 700, size, dtype=np.float32)
    for channel in channels:
        channel[:] = cv2.GaussianBlur(channel, (0, 0), 1.5) + uneven + random.normal(0, 90, (size, size))
    return np.clip(channels, 0, 65535).astype(np.uint16), nuclei > 0


def draw_plate(
    path: Path, rows: str = ROWS, columns: tuple[int, ...] = COLUMNS, fields: int = FIELDS, size: int = SIZE
) -> int:
    """Write a plate as OME-Zarr 0.4; how many fields it has."""
    plate = zarr.open_group(str(path), mode="w", zarr_format=2)
    names = [str(column) for column in columns]
    write_plate_metadata(
        plate, list(rows), names, [f"{row}/{name}" for row in rows for name in names], fmt=FormatV04()
    )
    warnings.simplefilter("ignore")
    for row in rows:
        for column in columns:
            well = plate.require_group(f"{row}/{column}")
            write_well_metadata(well, [str(field) for field in range(fields)], fmt=FormatV04())
            for field in range(fields):
                pixels, _ = draw_field(column, seed_of(row, column, field), size)
                write_image(
                    pixels,
                    well.require_group(str(field)),
                    axes="cyx",
                    fmt=FormatV04(),
                    scale={"y": MICROMETERS, "x": MICROMETERS},
                    axes_units={"y": "micrometer", "x": "micrometer"},
                    scale_factors=(2,),
                    storage_options={"chunks": (1, size, size)},
                )
    return len(rows) * len(columns) * fields


def seed_of(row: str, column: int, field: int) -> int:
    """So that a field looks the same each time."""
    return ord(row) * 100 + column * 10 + field


def scribble(folder: Path, size: int = SIZE) -> None:
    """Some strokes on one field, as one draws them in an editor: 1 background, 2 nucleus, 0 not said."""
    row, column, field = TRAINED_ON[0], int(TRAINED_ON[1]), int(TRAINED_ON[3])
    _, nuclei = draw_field(column, seed_of(row, column, field), size)
    strokes = np.zeros(nuclei.shape, np.uint8)
    strokes[20::60, 10:-10] = 1
    strokes[10:-10, 30::80] = 1
    strokes[cv2.dilate(nuclei.astype(np.uint8), np.ones((5, 5))) > 0] = 0
    inner = cv2.erode(nuclei.astype(np.uint8), np.ones((5, 5))) > 0
    inner[:, size // 2 :] = False  # not all of them: one grows tired
    strokes[inner] = 2
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{TRAINED_ON}.png"), strokes)


if __name__ == "__main__":
    here = Path(sys.argv[1])
    print(f"{draw_plate(here / 'plate1.zarr')} fields in {here / 'plate1.zarr'}")
    scribble(here / "scribbles")
