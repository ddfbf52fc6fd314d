"""What is measured of each field, and what the plate says as a whole."""

import numpy as np

DOSES = {1: 0.0, 2: 0.1, 3: 1.0, 4: 10.0}
"""Micromolar, by the plate's column."""


def measure(image, *, object_labels, meta, threshold):
    """Nuclei, and how many of them respond.

    image: channels × height × width, uint16 (0: nuclei, 1: reporter); object_labels: height × width.
    """
    numbers = np.unique(object_labels[object_labels > 0])
    reporter = [float(image[1][object_labels == number].mean()) for number in numbers]
    responding = sum(value > threshold for value in reporter)
    pixel = meta["pixel_size"]["y"]["value"] * meta["pixel_size"]["x"]["value"]  # µm²
    return {
        "responding": responding / len(numbers) if len(numbers) else 0.0,
        "nuclei": len(numbers),
        "nuclei_per_mm2": len(numbers) / (image[0].size * pixel) * 1e6,
        "dose": DOSES[meta["column"]],
    }


def by_dose(measurements):
    """The share of responding nuclei at each dose."""
    of_fields = measurements[measurements["step"] == "measure"]
    return of_fields.groupby("dose", as_index=False)[["responding", "nuclei"]].mean()
