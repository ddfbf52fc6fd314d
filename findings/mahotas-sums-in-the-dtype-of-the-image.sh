#!/usr/bin/env bash
# mahotas 1.4.19: the integrated intensity of objects in an image of 8 bits is a remainder of 256.
#
# Guess, before it was run: the sums of two halves of a plain image of 200 are exact, as with SciPy.
# Seen: `labeled_sum` gives 64 for 1,000,000; of a mask it gives True, not the number of pixels.
# Source: mahotas.labeled.labeled_sum, which adds up in the dtype of the image, beside what SciPy gives.
. "$(dirname "$0")/common.sh"
installs mahotas==1.4.19 numpy==2.4.6 scipy==1.17.1
python - >out <<'END'
import mahotas
import numpy as np
from scipy import ndimage

image = np.full((100, 100), 200, np.uint8)
labels = np.ones((100, 100), np.int32)
labels[50:] = 2
print("scipy", ndimage.sum_labels(image, labels, [1, 2]).tolist())
for dtype in (np.uint8, np.uint16, np.float64):
    print(np.dtype(dtype).name, mahotas.labeled.labeled_sum(image.astype(dtype), labels)[1:].tolist())
print("of a mask", mahotas.labeled.labeled_sum(image > 0, labels)[1:].tolist())
END
seen "$0" <<'END'
scipy [1000000.0, 1000000.0]
uint8 [64, 64]
uint16 [16960, 16960]
float64 [1000000.0, 1000000.0]
of a mask [True, True]
END
