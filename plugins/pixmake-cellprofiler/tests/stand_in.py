#!/usr/bin/env python3
"""Stands in for CellProfiler in tests: takes its command line as its documentation has it, and nothing else.

It counts bright spots of the channel DNA. As CellProfiler does, it writes its tables at its end, goes on
behind an image set at which a module fails, and numbers image sets in an order of its own. The first pixel of
an image tells it to do something else. What it was told is added to the file that STAND_IN_LOG names.
"""

import argparse
import csv
import json
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--run-headless", action="store_true", required=True)
    parser.add_argument("-r", "--run", action="store_true", required=True)
    parser.add_argument("-p", "--pipeline", required=True)
    parser.add_argument("--data-file", required=True)
    parser.add_argument("-o", "--output-directory", required=True)
    asked = parser.parse_args()
    assert Path(asked.pipeline).read_text().startswith("CellProfiler Pipeline:")
    with open(asked.data_file, newline="") as lines:
        rows = list(csv.DictReader(lines))
    with open(os.environ["STAND_IN_LOG"], "a") as log:
        log.write(json.dumps(rows) + "\n")
    out = Path(asked.output_directory)
    images, nuclei = [], []
    for number, row in enumerate(reversed(rows), start=1):
        channel = next(name.removeprefix("FileName_") for name in row if name.startswith("FileName_"))
        path = Path(row[f"PathName_{channel}"]) / row[f"FileName_{channel}"]
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        marker = int(image[0, 0])
        if marker == 252:
            sys.exit("Segmentation fault, in other words")
        if marker == 253:
            time.sleep(1000)
        found = {**row, "ImageNumber": number, "Count_Nuclei": "nan", "ModuleError_02Identify": 0}
        if marker == 251:
            images.append({**found, "ModuleError_02Identify": 1})
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats((image > 100).astype(np.uint8))
        overlay = out / f"{path.stem}_{number}.png"
        cv2.imwrite(str(overlay), (labels > 0).astype(np.uint8) * 255)
        saved = {"FileName_Overlay": overlay.name, "PathName_Overlay": str(out)}
        images.append({**found, "Count_Nuclei": count - 1, "Mean_Nuclei_Area": "nan", **saved})
        for spot in range(1, count):
            area = stats[spot, cv2.CC_STAT_AREA]
            nuclei.append(
                {"ImageNumber": number, "ObjectNumber": spot, "AreaShape_Area": area, "Metadata_x": 1}
            )
    for name, table in (("Image", images), ("Nuclei", nuclei)):
        columns = list(dict.fromkeys(column for line in table for column in line))
        columns = columns or ["ImageNumber", "ObjectNumber", "AreaShape_Area"]
        with open(out / f"MyExpt_{name}.csv", "w", newline="") as lines:
            writer = csv.DictWriter(lines, columns, restval="")
            writer.writeheader()
            writer.writerows(table)


main()
