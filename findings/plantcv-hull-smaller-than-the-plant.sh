#!/usr/bin/env bash
# PlantCV 4.11.3: the convex hull of an object can have a smaller area than the object: solidity is above 1.
#
# Guess, before it was run: solidity is between 0 and 1; 1 for a rectangle.
# Seen: a rectangle of 20 × 10 pixels has area 200, a hull of 171, and a solidity of 1.17; the smaller, the more.
# Source: area counts pixels, the hull is that of the pixels' centres (OpenCV's contour), half a pixel inside.
# For an analysis: seedlings get a solidity above 1, and it falls as they grow, whatever their shape.
. "$(dirname "$0")/common.sh"
installs plantcv==4.11.3
python -W ignore - >out <<'END'
import numpy as np
from plantcv import plantcv as pcv

for width, height in ((6, 6), (20, 10), (200, 100)):
    mask = np.zeros((300, 300), np.uint8)
    mask[10:10 + height, 10:10 + width] = 1
    pcv.outputs.clear()
    pcv.analyze.size(img=np.zeros((300, 300, 3), np.uint8), labeled_mask=mask, n_labels=1)
    traits = next(iter(pcv.outputs.observations.values()))
    print(*(round(float(traits[name]["value"]), 2) for name in ("area", "convex_hull_area", "solidity")))
END
seen "$0" <<'END'
36.0 25.0 1.44
200.0 171.0 1.17
20000.0 19701.0 1.02
END
