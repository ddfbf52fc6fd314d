#!/usr/bin/env bash
# PlantCV 4.11.3: `fill(size=50)` removes an object of exactly 50 pixels; one of 51 stays.
#
# Guess, before it was run: as "minimum object area size in pixels", 50 is the smallest that stays.
# Seen: 50 is removed.
# Source: plantcv.fill hands the size to scikit-image's `remove_small_objects`, whose newer argument is a largest size.
. "$(dirname "$0")/common.sh"
installs plantcv==4.11.3
python -W ignore - >out <<'END'
import numpy as np
from plantcv import plantcv as pcv

for size in (49, 50, 51):
    mask = np.zeros((40, 80), np.uint8)
    mask.ravel()[80:80 + size] = 255
    print(size, "stays" if pcv.fill(mask, size=50).any() else "is removed")
END
seen "$0" <<'END'
49 is removed
50 is removed
51 stays
END
