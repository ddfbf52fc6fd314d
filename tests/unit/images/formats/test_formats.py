"""What all formats keep: one shape, no handle that stays open, the same pixels after a fork."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import REPOSITORY
from tests.microscopes import Block, Series, write_czi, write_lif, write_nd2

from pixmake.images import formats
from pixmake.images.axes import ImageError
from pixmake.images.read import read_image

PLANES = np.random.default_rng(0).integers(0, 60000, (6, 50, 60)).astype(np.uint16)


def _fits(path: Path) -> None:
    from astropy.io import fits

    fits.writeto(path, PLANES)


def _hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["raw"] = PLANES


def _mrc(path: Path) -> None:
    import mrcfile

    with mrcfile.new(path) as file:
        file.set_data(PLANES)


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.czi": lambda path: write_czi(
        path, [Block(plane, {"X": 0, "Y": 0, "Z": z}) for z, plane in enumerate(PLANES)]
    ),
    "a.lif": lambda path: write_lif(path, [Series("a", PLANES, "zyx", {})]),
    "a.nd2": lambda path: write_nd2(path, PLANES[..., None], [("z", 6)], channels=["a"]),
    "a.fits": _fits,
    "a.h5": _hdf5,
    "a.mrc": _mrc,
}
LIBRARIES = {
    "a.czi": "czifile",
    "a.lif": "liffile",
    "a.nd2": "nd2",
    "a.fits": "astropy",
    "a.h5": "h5py",
    "a.mrc": "mrcfile",
}


@pytest.fixture(params=WRITERS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Six planes in each format."""
    pytest.importorskip(LIBRARIES[request.param])
    path = tmp_path / request.param
    WRITERS[request.param](path)
    return str(path)


def test_a_file_is_closed_again(stack: str) -> None:
    """No handle stays that a fork would share, or that a thread would meet."""
    for _ in range(2):
        assert np.array_equal(read_image(stack, {}, "zyx"), PLANES)
        with pytest.raises(ImageError):
            read_image(stack, {"y": 49, "height": 2})
        opened = [
            os.readlink(f"/proc/self/fd/{name}")
            for name in os.listdir("/proc/self/fd")
            if os.path.islink(f"/proc/self/fd/{name}")
        ]
        assert stack not in opened


def test_threads_and_forks(stack: str) -> None:
    """Each reads for itself: what libraries share between them would be wrong pixels."""
    number = "z" if not stack.endswith((".h5", ".fits")) else None

    def plane(z: int) -> bool:
        for _ in range(5):
            found = read_image(stack, {"z": z}, "yx") if number else read_image(stack, {}, "zyx")[z]
            if not np.array_equal(found, PLANES[z]):
                return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(plane, range(6)))
    children = []
    for z in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0 if plane(z) else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]


@pytest.mark.parametrize("name", formats.own())
def test_each_is_of_one_shape(name: str) -> None:
    """Its names, its extra and its library, each where it belongs."""
    module = formats.own()[name]
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert (module.EXTRA in extras) == bool(module.PACKAGES)
    asked = {re.split(r"[<>=\[]", text)[0] for text in extras.get(module.EXTRA, [])}
    assert {each.rpartition("=")[2] for each in module.PACKAGES} <= asked
    assert all(suffix == suffix.lower().strip(".") for suffix in module.SUFFIXES)
    if module.EXTRA and module.EXTRA not in ("bioio", "heic", "slides"):
        assert module.EXTRA in extras["all"][0]


def test_what_is_known_without_the_formats() -> None:
    """The suffixes that a folder is searched for: a config is read without a module for each format."""
    own = {suffix for each in formats.own().values() if each.SEARCHED for suffix in each.SUFFIXES}
    assert formats.searched() == (*sorted(own), *formats.SLIDES)
    assert formats.own()["camera raw"].SUFFIXES == formats.RAW
    assert not any(formats._PLAIN & set(each.SUFFIXES) for each in formats.own().values())
    code = (
        "import sys; import pixmake.config.models\n"
        "print(sorted(name for name in sys.modules if name.startswith('pixmake.images.formats.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['pixmake.images.formats.shape', 'pixmake.images.formats.signs']\n"


def test_gpl_is_in_no_extra_but_its_own() -> None:
    """The wheel of pillow-heif brings x265."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [name for name, asked in extras.items() if "pillow-heif" in str(asked)] == ["heic"]
    assert "heic" not in re.split(r"[\[\],]", extras["all"][0])
    assert "heic" not in re.split(r"[\[\],]", extras["microscopy"][0])


def test_the_page_names_every_format() -> None:
    """Its extra, its suffixes and its licence."""
    page = (REPOSITORY / "docs/formats.md").read_text(encoding="utf-8")
    for name, module in formats.own().items():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {name} ")]
        assert all(f"`.{suffix}`" in line for suffix in module.SUFFIXES)
        assert f"`{module.EXTRA}`" in line if module.EXTRA else "none" in line


def test_nothing_is_imported_before_it_is_needed() -> None:
    """Formats cost no image that is of none a library's start."""
    code = (
        "import sys; import pixmake.images.read\n"
        "libraries = 'numpy czifile nd2 liffile rawpy pydicom mrcfile h5py astropy PIL'.split()\n"
        "print([name for name in libraries if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", sorted(formats.own()))
def test_garbage_behind_the_first_bytes(name: str, tmp_path: Path) -> None:
    """Is an error that names the file and its format, never another one."""
    module = formats.own()[name]
    if not formats.is_installed(module):
        pytest.skip(f"the library for {name} is not installed")
    heads = {
        "Zeiss CZI": b"ZISRAWFILE",
        "Nikon ND2": b"\xda\xce\xbe\x0a",
        "Leica LIF": b"\x70\0\0\0\x10\0\0\0\x2a\x02\0\0\0<\0",
        "camera raw": b"FUJIFILMCCD-RAW",
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "AVIF": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        "JPEG XL": b"\xff\x0a",
        "DICOM": b"\0" * 128 + b"DICM",
        "MRC": b"\xff\xff\xff\x7f" * 52 + b"MAP DD\0\0",
        "HDF5": b"\x89HDF\r\n\x1a\n",
        "FITS": b"SIMPLE  =                    T",
        "ENVI": b"ENVI\n",
    }
    if name not in heads:
        pytest.skip("is told by its suffix alone")
    path = tmp_path / ("a.hdr" if name == "ENVI" else "a.bin")
    for tail in (b"", b"\0" * 2000, np.random.default_rng(0).bytes(2000)):
        path.write_bytes(heads[name] + tail)
        with pytest.raises(ImageError, match=re.escape(str(path))):
            read_image(path)
