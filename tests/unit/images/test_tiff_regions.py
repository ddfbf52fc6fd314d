"""A region of a large TIFF costs what it is, not what the whole is: counted in bytes that are read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

SIDE, TILE = 4096, 256
PART = {"y": 1500, "x": 1900, "height": 512, "width": 512}

COUNT = """
import json, sys
from pixmake.images.read import read_image

part = json.loads(sys.argv[2])
read_image(sys.argv[1], {**part, "y": 0, "x": 0})  # what is imported reads files of its own
count = lambda: int(open("/proc/self/io").readline().split()[1])
before = count()
array = read_image(sys.argv[1], part)
print(json.dumps([count() - before, int(array.sum())]))
"""


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what a process reads")
@pytest.mark.parametrize("compression", [None, "deflate", "lzw", "zstd"])
def test_no_more_is_read_than_twice_its_tiles(compression: str | None, tmp_path: Path) -> None:
    """Of a pyramid with three levels: headers, and the tiles that the region touches."""
    path = tmp_path / "slide.tif"
    ramp = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint16)
    pixels = ramp + np.random.default_rng(0).integers(0, 50, (SIDE, SIDE), np.uint16)
    with tifffile.TiffWriter(path) as writer:
        how = {"tile": (TILE, TILE), "compression": compression}
        writer.write(pixels, subifds=2, **how)
        writer.write(pixels[::2, ::2], subfiletype=1, **how)
        writer.write(pixels[::4, ::4], subfiletype=1, **how)
    rows, columns = (range(PART[at] // TILE, (PART[at] + 511) // TILE + 1) for at in "yx")
    with tifffile.TiffFile(path) as file:
        counts = file.pages[0].databytecounts
        tiles = sum(counts[row * (SIDE // TILE) + column] for row in rows for column in columns)
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(path), json.dumps(PART)], capture_output=True, text=True, check=True
    )
    read, total = json.loads(done.stdout)
    y, x = PART["y"], PART["x"]
    assert total == int(pixels[y : y + 512, x : x + 512].sum())
    assert read <= 2 * tiles, f"{read:,} bytes were read for tiles of {tiles:,}"
    assert read < path.stat().st_size / 8
