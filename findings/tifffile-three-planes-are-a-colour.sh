#!/usr/bin/env bash
# tifffile 2026.3.3: three or four planes of 8 bits are written as one page in colour; two or five are pages.
#
# Guess, before it was run: without `photometric`, planes are grey pages, however many.
# Seen: (3, 20, 30) and (4, 20, 30) are one page, RGB in separate planes, axes SYX; others are grey pages.
# Source: tifffile.TiffWriter.write, the default of `photometric`.
# For an analysis: three time points, or channels, come back as a picture in colour.
. "$(dirname "$0")/common.sh"
installs tifffile==2026.3.3 numpy==2.4.6
python -W ignore - >out <<'END'
import numpy as np
import tifffile

for planes in (2, 3, 4, 5):
    tifffile.imwrite("planes.tif", np.zeros((planes, 20, 30), np.uint8))
    with tifffile.TiffFile("planes.tif") as file:
        print(planes, len(file.pages), file.pages[0].photometric.name, file.series[0].axes)
END
seen "$0" <<'END'
2 2 MINISBLACK QYX
3 1 RGB SYX
4 1 RGB SYX
5 5 MINISBLACK QYX
END
