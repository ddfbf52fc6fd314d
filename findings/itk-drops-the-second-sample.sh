#!/usr/bin/env bash
# ITK 5.4.7: of a grey TIFF with two samples a pixel it gives the first, of RGBA the colours, without a word.
#
# Guess, before it was run: it is a library of vector images, so two and four components.
# Seen: (8, 8) and (8, 8, 3); no warning.
# Source: itk.imread, ITK's reader of TIFF.
. "$(dirname "$0")/common.sh"
installs itk-io==5.4.7 tifffile==2026.3.3 numpy==2.4.6
python - >out 2>&1 <<'END'
import itk
import numpy as np
import tifffile

two = np.arange(128, dtype=np.uint8).reshape(8, 8, 2)
tifffile.imwrite("two.tif", two, photometric="minisblack", planarconfig="contig", extrasamples=["unspecified"])
tifffile.imwrite("four.tif", np.zeros((8, 8, 4), np.uint8), photometric="rgb", extrasamples=["unassalpha"])
for name in ("two", "four"):
    print(name, itk.array_from_image(itk.imread(f"{name}.tif")).shape)
END
seen "$0" <<'END'
two (8, 8)
four (8, 8, 3)
END
