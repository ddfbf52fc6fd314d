"""The demo's analysis: find the plant in a picture from above, and measure it."""

from __future__ import annotations

import cv2
import numpy as np

from pixmake import Measurement


def segment(image, *, min_greenness=35, min_area=200):
    """Find the plant by its colour.

    Parameters
    ----------
    image : ndarray
        H × W × 3 uint8, BGR.
    min_greenness : float
        b* less a* of CIELAB (-200 to 200) from which on a pixel is certainly plant.
    min_area : int
        Green specks of fewer pixels, such as moss, are no plant.

    Returns
    -------
    dict
        ``mask``: H × W uint8, 255 where the plant is.
    """
    # b* less a* of CIELAB is high for green and low for soil, in the light as in the shade
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    greenness = cv2.GaussianBlur(lab[..., 2] - lab[..., 1], (0, 0), 0.8)
    certain = greenness > min_greenness
    if not certain.any():
        raise ValueError("there is nothing green in this picture")
    # halfway between plant and ground, so that a soft edge is cut where it should be
    halfway = (np.median(greenness[certain]) + np.median(greenness[~certain])) / 2
    mask = (greenness > halfway).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= min_area]
    return {"mask": np.isin(labels, large)}


def measure(image, *, mask, min_area=1):
    """Measure the plant under a mask.

    Parameters
    ----------
    image : ndarray
        H × W × 3 uint8, BGR.
    mask : ndarray
        H × W uint8, not 0 where the plant is.
    min_area : int
        Fewer pixels in all are no plant: the image fails.

    Returns
    -------
    dict
        Area, width and height (pixels), solidity (area by the area of the convex hull, 0 to 1), and
        the mean green value of the plant (0 to 255).
    """
    plant = mask > 0
    if plant.sum() < max(min_area, 1):
        raise ValueError(f"there is no plant of {min_area} pixels or more in this picture")
    points = cv2.findNonZero(plant.astype(np.uint8))
    _, _, width, height = cv2.boundingRect(points)
    hull = np.zeros_like(mask)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 255)
    return {
        "area": Measurement(int(plant.sum()), unit="pixels"),
        "width": Measurement(width, unit="pixels"),
        "height": Measurement(height, unit="pixels"),
        "solidity": float(plant.sum() / (hull > 0).sum()),
        "mean_green": float(image[..., 1][plant].mean()),
    }
