#!/usr/bin/env bash
# openslide 4.0.1: a tiled TIFF of 16 bits comes out as a 256th of its values, nearly black, without a word.
#
# Guess, before it was run: a generic tiled TIFF of 16 bits is refused, as one of 32-bit float is.
# Seen: 1000 becomes 3 and 200 becomes 0; what has four bands and no colour gives its first band as grey.
# Source: OpenSlide's reader of generic tiled TIFFs, openslide-python 1.4.7 with openslide-bin 4.0.1.2.
. "$(dirname "$0")/common.sh"
installs openslide-python==1.4.7 openslide-bin==4.0.1.2 numpy==2.4.6 tifffile==2026.3.3
python - >out <<'END'
import numpy as np
import openslide
import tifffile

values = np.full((512, 512), 1000, np.uint16)
values[:, 256:] = 200
bands = np.stack([np.full((512, 512), value, np.uint8) for value in (10, 20, 30, 40)], axis=-1)
for name, array in {"16 bits": values, "four bands": bands, "float": values.astype(np.float32)}.items():
    tifffile.imwrite("slide.tif", array, tile=(256, 256), photometric="minisblack", planarconfig="contig")
    try:
        slide = openslide.OpenSlide("slide.tif")
        region = np.asarray(slide.read_region((0, 0), 0, (512, 512)))
        print(name, array[0, 0], array[0, -1], "as", region[0, 0], region[0, -1])
    except openslide.OpenSlideError:
        print(name, "refused")
END
seen "$0" <<'END'
16 bits 1000 200 as [  3   3   3 255] [  0   0   0 255]
four bands [10 20 30 40] [10 20 30 40] as [ 10  10  10 255] [ 10  10  10 255]
float refused
END
