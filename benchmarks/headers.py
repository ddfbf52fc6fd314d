"""What it costs to know the images in a folder of ND2 files: their headers, beside bioio's reading them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from environments import REPOSITORY, environment, versions
from frame import Aim, Benchmark, Contestant, main
from measured import OURS, Case, Measured, Results
from measured import number as as_text
from page import comparison

AGAIN = f"{OURS}, once they are known"
BIOIO = "bioio, file by file"

READ_BY_BIOIO = """
import json, sys
from pathlib import Path
import bioio_nd2
from bioio import BioImage

count = 0
for path in sorted(Path("data").iterdir()):
    image = BioImage(path, reader=bioio_nd2.Reader)
    known = image.scenes, image.dims.order, image.shape, image.dtype, image.channel_names
    assert known[1] == "TCZYX" and image.physical_pixel_sizes.X
    count += len(image.scenes)
"""
MEASURED = """
import json, time
def asked():
    with open("/proc/self/io") as lines:
        return int(next(lines).split()[1])
start, cpu, bytes_before = time.perf_counter(), time.process_time(), asked()
{code}
figures = {{"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}}
print(json.dumps({{**figures, "read_mb": (asked() - bytes_before) / 1e6, "images": count}}))
"""
READ_BY_PIXMAKE = """
from pixmake.config.images import Images
from pixmake.table.sources import read_images

count = len(read_images(Images.model_validate({"directory": {"path": "data", "split": ["c"]}}))) // 2
"""


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """All of them import what they need before the clock starts, and read every header."""
    sys.path.insert(0, str(REPOSITORY))
    from tests.microscopes import write_nd2

    count = int(case["images"])
    (scratch / "data").mkdir()
    import numpy as np

    frames = np.zeros((3, 32, 32, 2), np.uint16)
    for number in range(count):
        path = scratch / "data" / f"{number:05}.nd2"
        write_nd2(path, frames, [("z", 3)], channels=["DAPI", "GFP"], micrometers=0.325)
    theirs = environment("bioio", "bioio", "bioio-nd2", "nd2==0.12.0")

    def read(python: Path, imports: str, code: str, *, forget: bool = False) -> dict[str, float]:
        if forget:
            subprocess.run(["rm", "-rf", scratch / ".snakemake"], check=True)
        words = [python, "-c", imports + MEASURED.format(code=code)]
        done = subprocess.run(words, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        found = json.loads(done.stdout)
        if found.pop("images") != count:
            raise RuntimeError(f"not {count} images: {done.stdout}")
        return dict(found)

    own, needs = Path(sys.executable), "import nd2, pixmake.table.sources\n"
    return [
        Contestant(
            OURS, lambda: read(own, needs, READ_BY_PIXMAKE, forget=True), versions=versions(own, "nd2")
        ),
        Contestant(AGAIN, lambda: read(own, needs, READ_BY_PIXMAKE)),
        Contestant(
            BIOIO,
            lambda: read(theirs, "import bioio, bioio_nd2\n", READ_BY_BIOIO),
            versions=versions(theirs, "bioio", "bioio-nd2", "nd2"),
        ),
    ]


def text(results: Results) -> str:
    """The usual table, and what was read of each file."""

    def read(each: Measured) -> str:
        return as_text(1000 * each.median("read_mb") / int(each.case["images"]))

    total: tuple[str, Callable[[Measured], str]] = ("MB read", lambda each: as_text(each.median("read_mb")))
    return comparison(results, [total, ("kB read, image", read)])


def aims(results: Results) -> list[Aim]:
    """At least three times as fast, the first time too."""
    theirs = results.of(BIOIO, images=10_000)
    found = []
    for name in (OURS, AGAIN):
        ours = results.of(name, images=10_000)
        ratio = theirs.median() / ours.median() if theirs and ours else math.nan
        found.append(Aim(f"10,000 ND2, {name}, beside bioio", ratio, least=3))
    return found


BENCHMARK = Benchmark(
    name="headers",
    title="Headers of microscopes' files",
    about="""
A folder of ND2 files becomes a table with a row for each channel of each file. bioio reads the same of each
file, one after the other: scenes, axes, sizes, type, channels, pixel sizes. The files are small, and no pixel
is read by any of them. Seconds count from when the libraries are imported.
""",
    cases=[{"images": 10_000}],
    quick=[{"images": 200}],
    contestants=contestants,
    repeats=lambda case: 1,
    aims=aims,
    text=text,
)


if __name__ == "__main__":
    main(BENCHMARK)
