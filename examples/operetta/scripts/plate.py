"""A plate of two channels, 1: nuclei, 2: a reporter. Light is uneven, and in each channel in its own way."""

import cv2
import numpy as np

NUCLEI, REPORTER = "1", "2"


def illumination(images):
    """How the light falls in one channel: the smoothed mean of all its fields, 1 on average.

    images: the fields of this channel, read one by one as they are asked for.
    """
    total = np.zeros(images[0].shape, np.float64)
    for image in images:
        total += image
    smooth = cv2.GaussianBlur(total / len(images), (0, 0), min(total.shape) / 6)
    return {"flat": (smooth / smooth.mean()).astype(np.float32)}


def nuclei(images, *, flat, min_area=40):
    """Nuclei of one field, numbered.

    images, flat: by channel.
    """
    light = cv2.GaussianBlur(images[NUCLEI] / flat[NUCLEI], (0, 0), 1.5)
    scaled = np.clip(light / np.percentile(light, 99.9) * 255, 0, 255).astype(np.uint8)
    _, mask = cv2.threshold(scaled, 0, 255, cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    large = [number for number in range(1, count) if stats[number, cv2.CC_STAT_AREA] >= min_area]
    numbered = np.zeros(count, np.uint16)
    numbered[large] = range(1, len(large) + 1)
    return {"labels": numbered[labels]}


def measure(images, *, flat, labels):
    """How many nuclei, and how bright the reporter is in them, above what lies between them."""
    reporter = images[REPORTER] / flat[REPORTER]
    inside = labels > 0
    measured = {"nuclei": int(labels.max())}
    if inside.any():
        ground = float(np.median(reporter[~inside]))
        measured["reporter"] = float(reporter[inside].mean()) - ground
        raw = images[REPORTER]
        measured["reporter_uncorrected"] = float(raw[inside].mean() - np.median(raw[~inside]))
    return measured


def wells(measurements):
    """A row a well: nuclei of all its fields, and the reporter."""
    fields = measurements[measurements["step"] == "measure"]
    found = fields.groupby(["row", "column"], as_index=False)
    return found.agg(fields=("id", "size"), nuclei=("nuclei", "sum"), reporter=("reporter", "mean"))
