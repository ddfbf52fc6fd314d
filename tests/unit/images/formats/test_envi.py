"""ENVI: byte order, offset and scale factor of the header count, whatever the interleave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixmake.images import formats
from pixmake.images.axes import ImageError
from pixmake.images.read import describe_part, read_image

CUBE = np.random.default_rng(0).integers(0, 4000, (20, 30, 7)).astype(np.uint16)
LAYOUTS = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}


def write(
    path: Path, interleave: str = "bil", order: str | None = "<", offset: int = 0, more: str = ""
) -> Path:
    """The pixels of a cube, and its header beside them."""
    said = "ENVI\ndescription = {a cube, of\n a test}\nsamples = 30\nlines = 20\nbands = 7\ndata type = 12\n"
    said += f"interleave = {interleave}\n{more}"
    said += f"header offset = {offset}\n" if offset else ""
    said += f"byte order = {int(order == '>')}\n" if order else ""
    path.with_suffix(".hdr").write_text(said)
    path.write_bytes(
        b"x" * offset + CUBE.transpose(LAYOUTS[interleave]).astype(f"{order or '<'}u2").tobytes()
    )
    return path


@pytest.mark.parametrize("interleave", LAYOUTS)
@pytest.mark.parametrize("order", ["<", ">", None])
@pytest.mark.parametrize("offset", [0, 5])
def test_every_layout(tmp_path: Path, interleave: str, order: str | None, offset: int) -> None:
    """Rows, columns, bands; without a byte order, as PlantCV writes them, that of PCs."""
    path = write(tmp_path / "cube.raw", interleave, order, offset)
    found = read_image(path)
    assert found.dtype == np.dtype("uint16")
    assert found.dtype.isnative
    assert np.array_equal(found, CUBE)
    part = {"c": 3, "y": 2, "height": 5, "x": 4, "width": 6}
    assert np.array_equal(read_image(path, part), CUBE[2:7, 4:10, 3])


def test_the_scale_factor_of_reflectance(tmp_path: Path) -> None:
    """Values are divided by it."""
    path = write(tmp_path / "cube.bil", more="reflectance scale factor = 10000\n")
    found = read_image(path)
    assert found.dtype == np.float32
    assert np.allclose(found, CUBE / 10000)
    assert describe_part(path, {}).dtype == "float32"


def test_bands_have_names(tmp_path: Path) -> None:
    """Their own, or their wavelengths."""
    path = write(tmp_path / "cube.bil", more="wavelength = {400.5, 410, 420,\n430, 440, 450, 460}\n")
    assert describe_part(path, {}).channels == ("400.5", "410", "420", "430", "440", "450", "460")


@pytest.mark.parametrize("name", ["cube", "cube.raw", "cube.dat", "cube.img", "cube.bsq"])
def test_either_file_names_the_cube(tmp_path: Path, name: str) -> None:
    """The pixels, as PlantCV asks for them, or the header; the folder need not stand in the name."""
    path = write(tmp_path / name)
    assert np.array_equal(read_image(path), CUBE)
    assert np.array_equal(read_image(tmp_path / "cube.hdr"), CUBE)


def test_a_name_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where default bands are counted from 1, too: which are shown says nothing of what is read."""
    monkeypatch.chdir(tmp_path)
    write(Path("cube"), more="default bands = {7, 2, 1}\n")
    assert np.array_equal(read_image("cube"), CUBE)


def test_a_header_with_the_whole_name(tmp_path: Path) -> None:
    """``cube.raw.hdr``."""
    path = write(tmp_path / "cube.raw")
    (tmp_path / "cube.hdr").rename(tmp_path / "cube.raw.hdr")
    assert np.array_equal(read_image(path), CUBE)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    """In words, with the file."""
    path = write(tmp_path / "cube.raw")
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ImageError, match=r"cube.raw: the file is cut short: its header tells of more pixels"):
        read_image(path)
    header = tmp_path / "cube.hdr"
    header.write_text(header.read_text().replace("data type = 12", "data type = 6"))
    with pytest.raises(ImageError, match="its values are of ENVI's type 6, which is not read"):
        read_image(path)
    header.write_text(header.read_text().replace("bands = 7", "bands = many"))
    with pytest.raises(ImageError, match="its header says no number for `bands`: 'many'"):
        read_image(path)
    write(path)
    path.unlink()
    with pytest.raises(ImageError, match=r"cube.hdr: the file of its pixels is not beside it: cube"):
        read_image(header)


def test_radiance_pictures_are_no_envi(tmp_path: Path) -> None:
    """Their suffix is ``.hdr``, too; OpenCV reads them."""
    import cv2

    path = str(tmp_path / "a.hdr")
    cv2.imwrite(path, np.full((5, 6, 3), 0.5, np.float32))
    assert formats.recognised(path) is None
    assert read_image(path).shape == (5, 6, 3)
