"""OME-Zarr images: what they are, and parts of them; results written as such."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
import zarr
from ome_zarr_models import open_ome_zarr
from tests import omezarr

from pixmake.images import ngff
from pixmake.images.axes import Described, ImageError
from pixmake.images.pyramid import Source, write_zarr
from pixmake.images.read import describe, read_file, read_image, write_file
from pixmake.images.remote.objects import configure

PIXELS = np.random.default_rng(0).integers(0, 60000, (2, 3, 4, 70, 100)).astype(np.uint16)


@pytest.fixture(params=["0.4", "0.5"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An image of all five axes, in both versions: one is Zarr v2, one v3."""
    path = tmp_path / "image.zarr"
    omezarr.write(PIXELS, path, "tczyx", request.param, channels=("DAPI", "GFP", "RFP"))
    return str(path)


def test_what_an_image_is(image: str) -> None:
    """Axes, sizes with units, channels and levels, without a pixel read."""
    found = describe(image)
    assert (found.axes, found.shape, found.dtype) == ("tczyx", (2, 3, 4, 70, 100), "uint16")
    assert found.pixel_size["y"] == (0.5, "micrometer")
    assert found.pixel_size["t"] == (2.0, "second")
    assert "c" not in found.pixel_size
    assert (found.channels, found.levels) == (("DAPI", "GFP", "RFP"), 2)
    smaller = describe(image, 1)
    assert (smaller.shape[-2:], smaller.pixel_size["x"]) == ((35, 50), (1.0, "micrometer"))


def test_only_the_chunks_of_a_part_are_read(image: str) -> None:
    """All other chunks are broken: whoever reads them fails."""
    part = {"t": 1, "c": 2, "z": 3, "y": 33, "x": 40, "height": 20, "width": 24}
    for chunk in (path for path in Path(image).rglob("*") if path.is_file() and path.name[0].isdigit()):
        plane = "/".join(chunk.parts[-5:])
        if plane != "1/2/3/1/1":
            chunk.write_bytes(b"broken")
    found = read_image(image, part, "yx")
    np.testing.assert_array_equal(found, PIXELS[1, 2, 3, 33:53, 40:64])
    assert found.dtype == np.uint16
    with pytest.raises(ImageError, match="level 0 cannot be decoded"):
        read_image(image, {**part, "x": 20})


def test_parts_and_axes(image: str) -> None:
    """An index drops its axis, unless the axis is asked for; the order is the one asked for."""
    np.testing.assert_array_equal(read_image(image), PIXELS)
    np.testing.assert_array_equal(read_image(image, {"t": 1, "z": 0}), PIXELS[1, :, 0])
    np.testing.assert_array_equal(
        read_image(image, {"t": 1, "z": 2}, "yxc"), PIXELS[1, :, 2].transpose(1, 2, 0)
    )
    assert read_image(image, {"t": 1, "c": 0, "z": 2}, "zyx").shape == (1, 70, 100)
    assert read_image(image, {"t": 1, "c": 0, "level": 1}).shape == (4, 35, 50)


@pytest.mark.parametrize(
    ("part", "axes", "why"),
    [
        ({"t": 2}, None, "has no t = 2, but 2 .t is 0 to 1."),
        ({"level": 2}, None, "has the levels 0 to 1, no level 2"),
        ({"y": 60, "height": 20}, None, "has no y from 60 to 80, but 70 pixels along y"),
        ({"t": 0}, "zyx", "`axes: zyx` needs one c: split them in the source"),
        ({"page": 0}, None, "has no pages"),
    ],
)
def test_parts_that_are_not_there(image: str, part: dict[str, int], axes: str | None, why: str) -> None:
    """The message says what the image has."""
    with pytest.raises(ImageError, match=why):
        read_image(image, part, axes)


def test_what_is_no_image(tmp_path: Path) -> None:
    """A plate, a group without metadata, nothing, metadata that make no sense: each is told apart."""
    omezarr.write_plate({"A/1/0": PIXELS[0, 0, 0]}, tmp_path / "plate.zarr", "yx")
    zarr.create_group(str(tmp_path / "plain.zarr"))
    (tmp_path / "empty.zarr").mkdir()
    omezarr.write(PIXELS[0, 0, 0], tmp_path / "bad.zarr", "yx")
    said = json.loads((tmp_path / "bad.zarr/.zattrs").read_text())
    del said["multiscales"][0]["datasets"]
    (tmp_path / "bad.zarr/.zattrs").write_text(json.dumps(said))
    for name, why in {
        "plate.zarr": "is a plate, not an image",
        "plate.zarr/A/1": "is a well, not an image",
        "plain.zarr": "no `multiscales`",
        "empty.zarr": "is no Zarr group",
        "none.zarr": "is no Zarr group",
        "bad.zarr": r"make no image .KeyError: 'datasets'.",
    }.items():
        with pytest.raises(ImageError, match=why):
            ngff.describe(str(tmp_path / name))
    assert not (tmp_path / "none.zarr").exists()


def array(path: Path, form: Literal[2, 3], **more: Any) -> str:
    """A Zarr array by itself, as one writes it without OME-Zarr's metadata."""
    zarr.create_array(path, data=PIXELS[0, 0], chunks=(1, 35, 50), zarr_format=form, **more)
    return str(path)


@pytest.fixture
def said() -> Iterator[Callable[[str], None]]:
    """Says the axes of arrays, as config.yaml does."""
    yield lambda axes: configure({"zarr_axes": axes})
    configure({})


def test_plain_arrays(tmp_path: Path, said: Callable[[str], None]) -> None:
    """Of axes that are said, or that the array names itself; without, a message names the key."""
    paths = [array(tmp_path / f"v{form}.zarr", form) for form in (2, 3)]
    for path in paths:
        with pytest.raises(ImageError, match=r"is a Zarr array of 4×70×100 without .* `images: {axes: tczyx"):
            describe(path)
    said("zyx")
    for path in paths:
        assert (describe(path).axes, describe(path).shape, describe(path).levels) == ("zyx", (4, 70, 100), 1)
        np.testing.assert_array_equal(
            read_image(path, {"z": 3, "y": 30, "height": 7}, "yx"), PIXELS[0, 0, 3, 30:37]
        )
    said("tczyx")
    with pytest.raises(
        ImageError, match=r"is a Zarr array of 4×70×100, and not of the axes `images.axes: tczyx`"
    ):
        describe(paths[0])
    names_own = [
        array(tmp_path / "named.zarr", 3, dimension_names=["t", "y", "x"]),
        array(tmp_path / "xarray.zarr", 2, attributes={"_ARRAY_DIMENSIONS": ["t", "y", "x"]}),
    ]
    for path in names_own:
        assert describe(path).axes == "tyx"


def test_metadata_of_other_writers(tmp_path: Path) -> None:
    """Axes of other names, a scale for all levels, no axes at all as before 0.3."""
    path = tmp_path / "image.zarr"
    omezarr.write(PIXELS[0, :, 0], path, "cyx")
    said = json.loads((path / ".zattrs").read_text())
    first = said["multiscales"][0]
    for axis, name in zip(first["axes"], ("channel", "row", "col"), strict=True):
        axis["name"] = name
    first["coordinateTransformations"] = [{"type": "scale", "scale": [1.0, 0.1, 0.1]}]
    (path / ".zattrs").write_text(json.dumps(said))
    found = ngff.describe(str(path))
    assert found.axes == "cyx"
    assert found.pixel_size["y"] == (0.05, "micrometer")
    old = tmp_path / "old.zarr"
    omezarr.write(PIXELS[:1, :1, :1], old, "tczyx")
    said = json.loads((old / ".zattrs").read_text())
    said["multiscales"] = [{"datasets": [{"path": d["path"]} for d in said["multiscales"][0]["datasets"]]}]
    (old / ".zattrs").write_text(json.dumps(said))
    assert (ngff.describe(str(old)).axes, ngff.describe(str(old)).pixel_size) == ("tczyx", {})
    assert read_image(old).shape == (70, 100)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("made", "name", "axes", "dtype"),
    [
        (PIXELS[0, 0, 0] // 1000, "nuclei_labels", "yx", "uint16"),
        (PIXELS[0, 0, 0].astype(np.int64) + 70000, "nuclei", "yx", "uint32"),
        (PIXELS[0, 0, 0] > 9, "mask", "yx", "uint8"),
        (PIXELS[0, 0].astype(np.float32) / 3, "smooth", "zyx", "float32"),
        (PIXELS[0, :, :, :, :], "smooth", "czyx", "uint16"),
        (PIXELS[0, :, 0].transpose(1, 2, 0).astype(np.uint8), "shown", "cyx", "uint8"),
    ],
)
def test_results_are_images_of_the_same_kind(
    tmp_path: Path, version: str, made: np.ndarray, name: str, axes: str, dtype: str
) -> None:
    """Axes, pixel sizes and version are the image's; labels keep their values on all levels."""
    path = str(tmp_path / "image.zarr")
    omezarr.write(PIXELS[:1], Path(path), "tczyx", version)
    described = ngff.describe(path)
    out = tmp_path / "out.zarr"
    source = Source(path, described, version)
    write_file(made, out, name, source)
    found = ngff.describe(str(out))
    assert (found.axes, found.dtype) == (axes, dtype)
    assert found.pixel_size["x"] == (0.5, "micrometer")
    back = read_image(str(out), {}, "yxc" if name == "shown" else None)
    np.testing.assert_array_equal(back, made)
    group = zarr.open_group(str(out), mode="r")
    assert ngff.open_image(str(out)).version == version
    open_ome_zarr(group)  # the specification's own models
    label = ngff.attributes(group).get("image-label")
    assert (label is not None) == (name not in ("smooth", "shown"))
    if label is not None:
        assert label["source"]["image"] == "../image.zarr"


def test_labels_are_not_blended_in_smaller_levels(tmp_path: Path) -> None:
    """A level of labels holds labels that are there; of an image, what is between."""
    made = np.kron(np.arange(1, 1601).reshape(40, 40), np.ones((20, 20), int))
    write_zarr(made, tmp_path / "labels.zarr", name="labels")
    found = ngff.open_image(str(tmp_path / "labels.zarr"))
    assert len(found.datasets) == 3
    assert set(np.unique(found.array(2)[:])) <= set(range(1, 1601))
    assert found.array(2).shape == (200, 200)
    np.testing.assert_array_equal(read_file(tmp_path / "labels.zarr"), made)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    """An array of six axes, or of none of the pixels."""
    for array, why in ((np.zeros((1,) * 6), "two to five axes"), (np.zeros((0, 3)), "no pixels")):
        with pytest.raises(ImageError, match=why):
            write_zarr(array, tmp_path / "out.zarr")


@pytest.mark.parametrize("dtype", [">u2", ">f4", "<u2"])
def test_numbers_come_in_the_order_of_this_machine(tmp_path: Path, dtype: str) -> None:
    """OpenCV takes any array for one: of big-endian pixels it would read other numbers."""
    path = tmp_path / "a.zarr"
    values = np.arange(300, 300 + 8 * 9).reshape(8, 9).astype(dtype)
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", shape=values.shape, chunks=(4, 9), dtype=dtype)[:] = values
    axes = [{"name": name, "type": "space"} for name in "yx"]
    scale = [{"type": "scale", "scale": [1, 1]}]
    level = {"path": "0", "coordinateTransformations": scale}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]
    for words in ((), (None, "xy"), ({"y": 2},)):
        found = read_image(path, *words)
        assert found.dtype.isnative
        assert cv2.minMaxLoc(found)[1] == values.max()
    assert describe(path).dtype == str(values.dtype.newbyteorder("="))
    np.save(tmp_path / "a.npy", values)
    assert read_file(tmp_path / "a.npy").dtype.isnative


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_smaller_levels_are_as_bright(dtype: str, tmp_path: Path) -> None:
    """A level's pixels are rounded means of the full level's: measured on it, an image is not darker."""
    image = np.random.default_rng(1).integers(0, 21, (2, 1100, 1300)).astype(dtype)
    write_zarr(
        image,
        tmp_path / "image.zarr",
        Source(described=Described("cyx", image.shape, dtype)),
        name="filtered",
    )
    group = zarr.open_group(tmp_path / "image.zarr", mode="r")
    multiscales: Any = group.attrs["ome"]["multiscales"]
    levels = [np.asarray(group[each["path"]][:]) for each in multiscales[0]["datasets"]]
    assert [level.shape for level in levels] == [(2, 1100 // n, 1300 // n) for n in (1, 2, 4, 8)]
    assert [level.dtype for level in levels] == [image.dtype] * 4
    assert [level.mean() for level in levels] == pytest.approx([image.mean()] * 4, abs=0.01)
    blocks = image.reshape(2, 275, 4, 325, 4).mean((2, 4))
    expected = np.round(blocks) if dtype != "float32" else blocks
    assert np.allclose(levels[2], expected, atol=1e-5)
