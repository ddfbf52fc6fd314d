#!/usr/bin/env bash
# ome-zarr 0.18.0: each level of a pyramid of integers is a little darker than the one before.
#
# Guess, before it was run: the mean of each level is that of the image, but for rounding (± 0.1).
# Seen: noise of mean 10 has mean 8 at the fifth level: means are cut to integers, not rounded, at each level.
# Source: ome_zarr.scale, the conversion back to the image's type.
# For an analysis: intensities measured on a small level are too low, in dim 8-bit images by a fifth.
. "$(dirname "$0")/common.sh"
installs ome-zarr==0.18.0 zarr==3.1.6 dask==2026.8.0
python -W ignore - >out <<'END'
import numpy as np
import zarr
from ome_zarr.writer import write_image

image = np.random.default_rng(1).integers(0, 21, (256, 256)).astype(np.uint8)
group = zarr.open_group("image.zarr", mode="w")
write_image(image, group, axes="yx")
means = [group[each["path"]][:].mean() for each in group.attrs["ome"]["multiscales"][0]["datasets"]]
print("darker from level to level:", all(a > b for a, b in zip(means, means[1:], strict=False)))
print("lost by the last level, of 10:", round(means[0] - means[-1], 1), "in", len(means), "levels")
END
seen "$0" <<'END'
darker from level to level: True
lost by the last level, of 10: 2.0 in 5 levels
END
