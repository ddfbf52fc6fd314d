#!/usr/bin/env bash
# bioio 3.6.0: `get_image_data` with a letter that no axis has gives an axis of length 1.
#
# Guess, before it was run: asking for an axis Q is an error, as is an index beyond an axis (which it is).
# Seen: (1, 8, 8), without a word; the same for a channel in lower case.
# Source: bioio_base.transforms.reshape_data.
# For an analysis: a typing error in the order of axes gives one plane where a stack was meant.
. "$(dirname "$0")/common.sh"
installs bioio==3.6.0 bioio-ome-tiff==1.4.0 tifffile==2026.3.3
python -W ignore - >out <<'END'
import numpy as np
import tifffile
from bioio import BioImage

tifffile.imwrite("c.ome.tif", np.zeros((3, 8, 8), np.uint8), ome=True, metadata={"axes": "CYX"}, photometric="minisblack")
for axes in ("CYX", "QYX", "cYX"):
    print(axes, BioImage("c.ome.tif").get_image_data(axes).shape)
END
seen "$0" <<'END'
CYX (3, 8, 8)
QYX (1, 8, 8)
cYX (1, 8, 8)
END
