#!/usr/bin/env bash
# trackpy 0.7: what a particle weighs in a float image depends on the brightest particle beside it.
#
# Guess, before it was run: one spot of the same pixels has the same mass, whatever else is in the image.
# Seen: it weighs 18 % less beside one 32 times as bright, and is not found beside one 128 times as bright; as
#       whole numbers of 16 bits, the same image gives the same mass.
# Source: trackpy.locate, which takes float images for 256 grey values, the brightest pixel being the last.
. "$(dirname "$0")/common.sh"
installs trackpy==0.7 numpy==2.4.6
python -W ignore - >out <<'END'
import numpy as np
import trackpy

trackpy.quiet()
y, x = np.mgrid[:200, :200]


def spot(row, column, height):
    return height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 18)


def mass(other, dtype):
    image = (spot(50, 50, 100) + spot(150, 150, other)).astype(dtype)
    found = trackpy.locate(image, 13, percentile=0)
    same = found[(found.y < 100) & (found.x < 100)]
    return float(same.mass.iloc[0]) if len(same) else None


for dtype in (np.float64, np.uint16):
    alone = mass(100, dtype)
    beside = [mass(other, dtype) for other in (400, 3200, 12_800)]
    print(np.dtype(dtype).name, *("not found" if one is None else f"{one / alone:.2f}" for one in beside))
END
seen "$0" <<'END'
float64 0.98 0.82 not found
uint16 1.00 1.00 1.00
END
