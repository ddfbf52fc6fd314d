#!/usr/bin/env bash
# PlantCV 4.11.3: the median hue of a red leaf is 180°, which is cyan.
#
# Guess, before it was run: hue is circular, so mean and median of hues at 4° and 356° are near 0°.
# Seen: `hue_circular_mean` is near 0, `hue_median` is 180.
# Source: plantcv.analyze.color, the median of the plain numbers.
. "$(dirname "$0")/common.sh"
installs plantcv==4.11.3
python -W ignore - >out <<'END'
import cv2
import numpy as np
from plantcv import plantcv as pcv

hsv = np.full((20, 20, 3), 255, np.uint8)
hsv[:10, :, 0], hsv[10:, :, 0] = 2, 178  # of OpenCV's 180: 4° and 356°
pcv.outputs.clear()
leaf = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
pcv.analyze.color(rgb_img=leaf, labeled_mask=np.ones((20, 20), np.uint8), n_labels=1, colorspaces="hsv")
traits = next(iter(pcv.outputs.observations.values()))
mean = traits["hue_circular_mean"]["value"]
print("mean within 2° of 0:", min(mean % 360, -mean % 360) < 2)
print("median", float(traits["hue_median"]["value"]))
END
seen "$0" <<'END'
mean within 2° of 0: True
median 180.0
END
