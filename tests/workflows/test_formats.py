"""Formats whose libraries are their vendors', or GPL: written by those, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import REPOSITORY

from pixmake.images import formats
from pixmake.images.read import describe_part, read_image

pytestmark = pytest.mark.slow

VENDORS = [
    "pylibCZIrw",
    "pillow-heif",
    "openslide-python",
    "openslide-bin",
    "tifffile",
    "imagecodecs",
    "opencv-python-headless",
    "bioio",
    "bioio-ome-tiff",
]

Run = Callable[[str], Any]


@pytest.fixture(scope="module")
def vendors(
    environment_with: Callable[[str, Sequence[str]], Path], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Runs code that has the vendors' libraries, and pixmake, in a folder; gives what it prints, as JSON."""
    python = environment_with("formats", VENDORS)
    folder = tmp_path_factory.mktemp("vendors")

    def run(code: str) -> Any:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow")}
        head = "import json, numpy as np\nfrom pixmake.images.read import read_image, describe_part\n"
        done = subprocess.run(
            [python, "-c", head + code],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    run.folder = folder  # type: ignore[attr-defined]
    return run


WRITE_CZI = """
from pylibCZIrw import czi
def noise(shape, seed, most=60000, dtype="uint16"):
    return np.random.default_rng(seed).integers(0, most, shape).astype(dtype)
apart = "zstd1:ExplicitLevel=3;PreProcess=HiLoByteUnpack"
for name, options in {"plain": None, "zstd": "zstd1:ExplicitLevel=3", "bytes apart": apart}.items():
    how = {"compression_options": options} if options else {}
    with czi.create_czi(f"{name}.czi", exist_ok=True, **how) as file:
        for scene, place in enumerate([(118583, -40), (300, 70000)]):
            for c in range(2):
                for z in range(3):
                    pixels = noise((30, 50, 1), 10 * scene + 3 * c + z)
                    file.write(pixels, location=place, plane={"C": c, "T": 0, "Z": z}, scene=scene)
        sizes = {"scale_x": 6.5e-7, "scale_y": 6.5e-7, "scale_z": 1e-6}
        file.write_metadata("d", channel_names={0: "DAPI", 1: "GFP"}, **sizes)
with czi.create_czi("depths.czi", exist_ok=True) as file:
    file.write(noise((30, 50, 1), 1, 255, "uint8"), plane={"C": 0})
    file.write(noise((30, 50, 1), 2), plane={"C": 1})
    file.write_metadata("d")
with czi.create_czi("colours.czi", exist_ok=True, compression_options="zstd0:ExplicitLevel=3") as file:
    file.write(noise((30, 50, 3), 3, 255, "uint8"), plane={"C": 0})
    file.write_metadata("d")
"""


def noise(shape: tuple[int, ...], seed: int, most: int = 60000, dtype: str = "uint16") -> np.ndarray:
    """What the vendors' code above makes of a seed."""
    return np.random.default_rng(seed).integers(0, most, shape).astype(dtype)


def test_czi_as_zeiss_writes_it(vendors: Run) -> None:
    """Scenes without names, far from the origin, in each compression; two depths; colours."""
    folder: Path = vendors.folder  # type: ignore[attr-defined]
    vendors(WRITE_CZI)
    for name in ("plain", "zstd", "bytes apart"):
        path = str(folder / f"{name}.czi")
        assert len(formats.scenes(path)) == 2
        for scene in range(2):
            for c in range(2):
                expected = np.stack([noise((30, 50), 10 * scene + 3 * c + z) for z in range(3)])
                assert np.array_equal(read_image(path, {"scene": scene, "c": c}, "zyx"), expected)
        described = describe_part(path, {"scene": 0})
        assert described.channels == ("DAPI", "GFP")
        assert described.pixel_size == {
            "x": (0.65, "micrometer"),
            "y": (0.65, "micrometer"),
            "z": (1.0, "micrometer"),
        }
    both = read_image(folder / "depths.czi", {}, "cyx")
    assert np.array_equal(both[0], noise((30, 50), 1, 255, "uint8"))
    assert np.array_equal(both[1], noise((30, 50), 2))
    assert describe_part(folder / "depths.czi", {}).pixel_size == {}
    assert np.array_equal(read_image(folder / "colours.czi"), noise((30, 50, 3), 3, 255, "uint8"))


def test_heic(vendors: Run) -> None:
    """Upright once, the primary picture, 10 bits as 16."""
    found = vendors("""
from PIL import Image, ImageOps
import pillow_heif
pillow_heif.register_heif_opener()
red = np.zeros((64, 96, 3), np.uint8)
red[:32, :48] = (250, 0, 0)
red[:32, 48:] = (0, 250, 0)
turned = []
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(red).save("a.heic", exif=exif, quality=-1)
    with Image.open("a.heic") as opened:
        expected = np.asarray(opened)[..., ::-1]
    found = read_image("a.heic")
    turned.append(found.shape == expected.shape and int(np.abs(found.astype(int) - expected).max()) < 5)
    turned.append(list(describe_part("a.heic", {}).shape) == list(found.shape))
file = pillow_heif.HeifFile()
file.add_from_pillow(Image.fromarray(red))
file.add_from_pillow(Image.fromarray(np.full((32, 48, 3), 99, np.uint8)))
file.save("b.heic", primary_index=1, quality=-1)
deep = (np.random.default_rng(0).integers(0, 1024, (64, 64)) * 64).astype("uint16")
pillow_heif.encode("I;16", (64, 64), deep.tobytes(), "c.heic", quality=-1)
primary, grey = read_image("b.heic"), read_image("c.heic")
print(json.dumps({
    "turned": all(turned),
    "primary": [list(primary.shape), bool((abs(primary.astype(int) - 99) < 3).all())],
    "grey": [str(grey.dtype), bool((grey == deep).all()), describe_part("c.heic", {}).axes],
}))
""")
    assert found == {"turned": True, "primary": [[32, 48, 3], True], "grey": ["uint16", True, "yx"]}


def test_heic_without_its_library_is_told(vendors: Run) -> None:
    """Here, where it is not installed."""
    path = str(vendors.folder / "a.heic")  # type: ignore[attr-defined]
    vendors("""
from PIL import Image
import pillow_heif
pillow_heif.from_pillow(Image.new("RGB", (64, 64))).save("a.heic")
""")
    found = formats.recognised(path)
    assert found is not None
    assert found.NAME == "HEIC"


def test_slides_by_openslide(vendors: Run) -> None:
    """What MIRAX and Hamamatsu share with a TIFF that OpenSlide reads: levels, places, sizes, colours."""
    found = vendors("""
import tifffile
from pixmake.images.formats import slides
full = np.random.default_rng(0).integers(0, 255, (512, 768, 3)).astype("uint8")
with tifffile.TiffWriter("a.tif") as file:
    how = {"tile": (256, 256), "photometric": "rgb", "metadata": None}
    file.write(full, resolution=(20000, 20000), resolutionunit="CENTIMETER", **how)
    file.write(full[::2, ::2], subfiletype=1, **how)
(scene,) = slides.scenes("a.tif")
part = slides.pixels("a.tif", 0, 0, (slice(10, 60), slice(20, 90), slice(0, 3)))
small = slides.pixels("a.tif", 0, 1, (slice(100, 150), slice(30, 60), slice(0, 3)))
edge = slides.pixels("a.tif", 0, 0, (slice(500, 530), slice(760, 780), slice(0, 3)))
print(json.dumps({
    "levels": [list(level.shape) for level in scene.levels],
    "sizes": [level.pixel_size["x"] for level in scene.levels],
    "part": bool((part == full[10:60, 20:90, ::-1]).all()),
    "small": bool((small == full[::2, ::2][100:150, 30:60, ::-1]).all()),
    "edge": bool((edge[:12, :8] == full[500:, 760:, ::-1]).all()),
    "outside": bool(edge.any(axis=2)[12:].any() or edge.any(axis=2)[:, 8:].any()),
}))
""")
    assert found == {
        "levels": [[512, 768, 3], [256, 384, 3]],
        "sizes": [[0.5, "micrometer"], [1.0, "micrometer"]],
        "part": True,
        "small": True,
        "edge": True,
        "outside": False,  # black
    }


def test_slides_of_16_bits_are_not_cut(vendors: Run) -> None:
    """A TIFF is read as such, though OpenSlide, which has 8 bits alone, would read it."""
    found = vendors("""
import tifffile
deep = np.random.default_rng(0).integers(0, 60000, (256, 256, 3)).astype("uint16")
aperio = "Aperio Image Library v1\\n|MPP = 0.5"
tifffile.imwrite("a.svs", deep, tile=(128, 128), photometric="rgb", description=aperio)
image = read_image("a.svs", {}, "yxc")
print(json.dumps([str(image.dtype), bool((image == deep[..., ::-1]).all())]))
""")
    assert found == ["uint16", True]


def test_a_reader_of_bioio(vendors: Run) -> None:
    """Regions of any scene; sizes only where they have a unit; by Dask, after a fork, too."""
    found = vendors("""
import os, tifffile
import dask.array
from pixmake.images.formats import bioio
values = np.random.default_rng(0).integers(0, 60000, (2, 3, 20, 30)).astype("uint16")
tifffile.imwrite("a.ome.tif", values, metadata={"axes": "TCYX"})
dask.array.ones((100, 100), chunks=10).sum().compute()
(scene,) = bioio.scenes("a.ome.tif")
child = os.fork()
if child == 0:
    part = bioio.pixels("a.ome.tif", 0, 0, (slice(1, 2), slice(0, 3), slice(0, 1), slice(2, 9), slice(0, 30)))
    os._exit(0 if (part[0, :, 0] == values[1, :, 2:9]).all() else 1)
ended = os.waitpid(child, 0)[1]
told = scene.at()
print(json.dumps([told.axes, list(told.shape), dict(told.pixel_size), list(told.channels), ended]))
""")
    assert found == ["tczyx", [2, 3, 1, 20, 30], {}, [], 0]
