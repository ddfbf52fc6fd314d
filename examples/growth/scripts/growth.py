"""How plants grow: their area on each day, the rate of each plant, and how treatments compare."""

from datetime import date

import cv2
import numpy as np
import pandas as pd

from pixmake import Measurement

SAMPLES = 2000
"""How often plants are drawn anew for a confidence band."""


def segment(image, *, min_greenness=30):
    """The plant: what is greener than soil (b* less a* of CIELAB) in an H × W × 3 BGR photo."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    greenness = cv2.GaussianBlur(lab[..., 2] - lab[..., 1], (0, 0), 1)
    certain = greenness > min_greenness
    if not certain.any():
        raise ValueError("there is nothing green in this photo")
    # halfway between plant and soil, so that a soft edge is cut where it should be
    halfway = (np.median(greenness[certain]) + np.median(greenness[~certain])) / 2
    return {"mask": greenness > halfway}


def measure(image, *, mask, mm_per_pixel):
    """The plant's area in mm²."""
    return {"area": Measurement(int((mask > 0).sum()) * mm_per_pixel**2, unit="mm2")}


def growth(rows, measure):
    """Relative growth rate of one plant, per day: the slope of a line through the logarithm of its area."""
    days = [date.fromisoformat(row["timestamp"]).toordinal() for row in rows]
    if len(set(days)) < 2:
        raise ValueError("growth needs photos of two days")
    areas = np.log([row["area"] for row in measure])
    rate, _ = np.polyfit(np.array(days) - days[0], areas, 1)
    return {"rate": Measurement(float(rate), unit="1/day"), "photos": len(rows)}


def compare(measurements):
    """`rates` has a row a plant, for R; `band` mean areas by day, with 95 % confidence."""
    # a column that other steps leave empty holds 4.0 for 4
    rates = measurements[measurements["step"] == "growth"].astype({"photos": int})
    photos = measurements[measurements["step"] == "measure"]
    rows = []
    for (genotype, treatment, day), found in photos.groupby(["genotype", "treatment", "timestamp"]):
        low, high = confidence(found["area"].to_numpy())
        rows.append([genotype, treatment, day, len(found), found["area"].mean(), low, high])
    columns = ["genotype", "treatment", "day", "plants", "area", "low", "high"]
    return {
        "rates": rates[["plant", "genotype", "treatment", "rate", "photos"]],
        "band": pd.DataFrame(rows, columns=columns),
    }


def curves(band):
    """Mean areas by day, with 95 % confidence."""
    from matplotlib.figure import Figure  # here, and not in the process of each photo

    figure = Figure(figsize=(6, 4), layout="tight")
    axes = figure.subplots()
    for kind, rows in band.groupby(["genotype", "treatment"]):
        days = pd.to_datetime(rows["day"])
        axes.plot(days, rows["area"], marker="o", label=", ".join(kind))
        axes.fill_between(days, rows["low"], rows["high"], alpha=0.2)
    axes.set(xlabel="day", ylabel="area (mm²)")
    axes.legend()
    figure.autofmt_xdate()
    return figure


def confidence(values):
    """Between what the mean lies in 95 % of samples of as many plants (bootstrap; the same each time)."""
    random = np.random.default_rng(0)
    means = random.choice(values, (SAMPLES, len(values))).mean(axis=1)
    return np.percentile(means, [2.5, 97.5])
