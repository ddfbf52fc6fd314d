#!/usr/bin/env bash
# PlantCV 4.11.3: `readimage(mode="gray")` of a grey PNG with 16 bits gives 8 bits; the default mode gives 16.
#
# Guess, before it was run: a grey file stays what it is in either mode.
# Seen: uint8 up to 234 against uint16 up to 60000.
# Source: plantcv.readimage calls OpenCV with its flag for grey, which is one for 8 bits.
# For an analysis: intensities of near-infrared and fluorescence cameras lose 8 bits by a word that says nothing of bits.
. "$(dirname "$0")/common.sh"
installs plantcv==4.11.3
python -W ignore - >out <<'END'
import cv2
import numpy as np
from plantcv import plantcv as pcv

cv2.imwrite("grey.png", np.arange(16, dtype=np.uint16).reshape(4, 4) * 4000)
for mode in ("native", "gray"):
    image = pcv.readimage("grey.png", mode=mode)[0]
    print(mode, image.dtype, image.max())
END
seen "$0" <<'END'
native uint16 60000
gray uint8 234
END
