#!/usr/bin/env python3
"""Stands in for ilastik in tests: takes its command line as its documentation has it, and nothing else.

It classifies by a threshold, and behaves as ilastik does: images in the order of the command line, an
exception at the first that it cannot do, half of a result left behind. What it was told is added to the file
that STAND_IN_LOG names.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import cv2
import h5py
import numpy as np


def read(name: str) -> np.ndarray:
    """An image: colour as red, green, blue."""
    if name.endswith(".npy"):
        return np.load(name)
    image = cv2.imread(name, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise OSError(f"could not read {name}")
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def main() -> None:
    """Work on each image."""
    assert not [word for word in sys.argv[1:] if " " in word and not word.startswith("--export_source=")], (
        sys.argv
    )
    parser = argparse.ArgumentParser()
    parser.add_argument("--headless", action="store_true", required=True)
    parser.add_argument("--readonly", required=True)  # before 1.4 an option with a value
    parser.add_argument("--project", required=True)
    parser.add_argument(
        "--export_source", required=True, choices=["Probabilities", "Simple Segmentation", "Labels"]
    )
    parser.add_argument("--output_format", required=True, choices=["hdf5"])
    parser.add_argument("--output_internal_path", required=True)
    parser.add_argument("--output_filename_format", required=True)
    parser.add_argument("--output_axis_order", required=True)
    parser.add_argument("--input_axes")
    parser.add_argument("images", nargs="+")
    asked = parser.parse_args()
    told = {name: os.environ.get(name) for name in ("LAZYFLOW_THREADS", "LAZYFLOW_TOTAL_RAM_MB")}
    with open(os.environ["STAND_IN_LOG"], "a") as log:
        log.write(json.dumps({**vars(asked), **told}) + "\n")
    with h5py.File(asked.project, "r") as project:
        classes = len(project["PixelClassification/LabelNames"])
    missing = [name for name in asked.images if not Path(name).exists()]
    assert not missing, f"Could not find one or more input files: {missing}"
    assert asked.output_axis_order == "czyx"
    time.sleep(float(os.environ.get("STAND_IN_START", "0")))
    for name in asked.images:
        image = read(name)
        plane = image if image.ndim == 2 else image[..., 0]  # red
        marker = int(plane.flat[0])
        if marker == 251:
            raise RuntimeError("could not be read by this stand-in")
        path = asked.output_filename_format.replace("{nickname}", Path(name).stem)
        with h5py.File(path, "w") as file:
            shape = (classes, 1, *plane.shape)
            if asked.export_source == "Simple Segmentation":
                made = file.create_dataset(asked.output_internal_path, (1, *shape[1:]), "uint8")
            else:
                made = file.create_dataset(asked.output_internal_path, shape, "float32")
            if marker == 252:
                raise RuntimeError("gave up half-way")
            if marker == 253:
                time.sleep(1000)
            if asked.export_source == "Simple Segmentation":
                made[0, 0] = 1 + (plane > 100)
            else:
                made[1, 0] = plane / 255
                made[0, 0] = 1 - plane / 255


main()
