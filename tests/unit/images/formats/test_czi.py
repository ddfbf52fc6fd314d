"""Zeiss CZI: scenes as the blocks tell them, where they lie, in the values and colours that were taken."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tests.microscopes import Block, write_czi

from pixmake.images import formats
from pixmake.images.axes import ImageError
from pixmake.images.read import describe_part, read_image

XML = """<ImageDocument><Metadata><Information><Image><Dimensions>
<Channels><Channel Id="Channel:0" Name="DAPI"/><Channel Id="Channel:1" Name="GFP"/></Channels>
</Dimensions></Image></Information><Scaling><Items>
<Distance Id="X"><Value>6.5e-07</Value></Distance><Distance Id="Y"><Value>6.5e-07</Value></Distance>
<Distance Id="Z"><Value>0</Value></Distance></Items></Scaling></Metadata></ImageDocument>"""


def noise(shape: tuple[int, ...], seed: int, dtype: str = "uint16", most: int = 60000) -> np.ndarray:
    """Values that no other seed has."""
    return np.random.default_rng(seed).integers(0, most, shape).astype(dtype)


@pytest.fixture
def two_wells(tmp_path: Path) -> tuple[str, dict[tuple[int, int], np.ndarray]]:
    """Two scenes without a name, far apart, each of two tiles that overlap, and of two channels."""
    blocks, whole = [], {}
    for scene, (x, y) in enumerate([(118583, -40), (300, 70000)]):
        for channel in range(2):
            image = noise((30, 50), 10 * scene + channel)
            whole[scene, channel] = image
            for order, left in enumerate((0, 20)):
                start = {"X": x + left, "Y": y, "S": scene, "C": channel, "T": 0, "Z": 0}
                blocks.append(Block(image[:, left : left + 30], start, order))
                small = {**start, "X": x + left}
                blocks.append(Block(image[::2, left : left + 30 : 2], small, order, zoom=2))
    return str(write_czi(tmp_path / "wells.czi", blocks, XML)), whole


def test_scenes_without_a_name_lie_where_their_tiles_do(two_wells: tuple[str, dict]) -> None:
    """Positions are absolute; the blocks of the pyramid are no tiles of it."""
    path, whole = two_wells
    first, second = formats.scenes(path)
    assert first.name == second.name == ""
    assert (first.at().axes, first.at().shape) == ("tczyx", (1, 2, 1, 30, 50))
    for (scene, channel), image in whole.items():
        assert np.array_equal(read_image(path, {"scene": scene, "c": channel}), image)
        part = {"scene": scene, "c": channel, "y": 7, "x": 15, "height": 11, "width": 20}
        assert np.array_equal(read_image(path, part), image[7:18, 15:35])
    assert np.array_equal(
        read_image(path, {"scene": 1}, "yxc"), np.stack([whole[1, 0], whole[1, 1]], axis=-1)
    )


def test_what_the_metadata_say(two_wells: tuple[str, dict]) -> None:
    """Pixel sizes have a unit, and one that is not known (0) is none."""
    described = describe_part(two_wells[0], {"scene": 1})
    assert described.pixel_size == {"x": (0.65, "micrometer"), "y": (0.65, "micrometer")}
    assert described.channels == ("DAPI", "GFP")


def test_several_scenes_are_no_one_image(two_wells: tuple[str, dict]) -> None:
    """Which is meant has to be said."""
    with pytest.raises(ImageError, match=r"wells.czi: holds 2 images \(0, 1\): name one by a column scene"):
        read_image(two_wells[0])
    with pytest.raises(ImageError, match=r"has no scene 2, but 2 \(0 to 1\)"):
        read_image(two_wells[0], {"scene": 2})


def test_channels_of_two_depths_keep_their_values(tmp_path: Path) -> None:
    """8 bits beside 16 are not scaled, 16 beside 8 not cut."""
    shallow, deep = noise((20, 20), 1, "uint8", 255), noise((20, 20), 2)
    start = {"X": 0, "Y": 0, "S": 0, "C": 0}
    path = write_czi(tmp_path / "a.czi", [Block(shallow, start), Block(deep, {**start, "C": 1})])
    image = read_image(path, {}, "cyx")
    assert image.dtype == np.uint16
    assert np.array_equal(image[0], shallow)
    assert np.array_equal(image[1], deep)


def test_colours_are_blue_green_red(tmp_path: Path) -> None:
    """As everywhere."""
    image = noise((20, 30, 3), 3, "uint8", 255)
    path = write_czi(tmp_path / "a.czi", [Block(image, {"X": 5, "Y": 7, "C": 0})])
    assert np.array_equal(read_image(path), image)
    assert describe_part(path, {}).axes == "tzyxc"


@pytest.mark.parametrize("apart", [False, True])
def test_blocks_in_zstandard(tmp_path: Path, apart: bool) -> None:
    """With the header that says whether low and high bytes stand apart, and without one."""
    from imagecodecs import zstd_encode

    image = noise((20, 30), 4)
    data = image.view(np.uint8).reshape(-1, 2).T.tobytes() if apart else image.tobytes()
    header = b"\x03\x01\x01" if apart else b"\x01"
    blocks = [
        Block(image, {"X": 0, "Y": 0, "C": 0}, compression=6, data=header + zstd_encode(data)),
        Block(image, {"X": 0, "Y": 0, "C": 1}, compression=5, data=zstd_encode(image.tobytes())),
    ]
    found = read_image(write_czi(tmp_path / "a.czi", blocks))
    assert np.array_equal(found, np.stack([image, image]))


def test_blocks_in_jpeg_xr(tmp_path: Path) -> None:
    """Grey, and colours, of which the decoder gives red first."""
    from imagecodecs import jpegxr_encode

    grey, colours = noise((20, 30), 5), noise((20, 30, 3), 6, "uint8", 255)
    start = {"X": 0, "Y": 0, "C": 0}
    path = write_czi(
        tmp_path / "a.czi", [Block(grey, start, compression=4, data=jpegxr_encode(grey, level=1.0))]
    )
    assert np.array_equal(read_image(path), grey)
    coded = jpegxr_encode(np.ascontiguousarray(colours[..., ::-1]), level=1.0, photometric="rgb")
    path = write_czi(tmp_path / "b.czi", [Block(colours, start, compression=4, data=coded)])
    assert np.array_equal(read_image(path), colours)


def test_gaps_between_tiles_are_black(tmp_path: Path) -> None:
    """Not what was in memory."""
    tile = noise((10, 10), 5)
    blocks = [Block(tile, {"X": x, "Y": 0}) for x in (0, 90)]
    image = read_image(write_czi(tmp_path / "a.czi", blocks))
    assert image.shape == (10, 100)
    assert not image[:, 10:90].any()
    assert np.array_equal(image[:, 90:], tile)


def test_no_more_is_read_than_a_plane(tmp_path: Path) -> None:
    """Of a file of 40 scenes one."""
    plane = noise((400, 400), 6)
    blocks = [Block(plane + number, {"X": 0, "Y": 0, "S": number}) for number in range(40)]
    path = write_czi(tmp_path / "a.czi", blocks)
    read_image(path, {"scene": 0})
    before = bytes_read()
    image = read_image(path, {"scene": 37})
    assert bytes_read() - before < 1.5 * plane.nbytes
    assert np.array_equal(image, plane + 37)


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    """Is an error that names the file, whatever the library makes of it."""
    path = write_czi(tmp_path / "a.czi", [Block(noise((20, 20), 7), {"X": 0, "Y": 0})], XML)
    content = path.read_bytes()
    for length in (300, 700, 1400):
        path.write_bytes(content[:length])
        with pytest.raises(ImageError, match=r"a.czi: .*(Zeiss CZI|cut short)"):
            read_image(path)


def bytes_read() -> int:
    """Bytes that this process has asked files for."""
    with open(f"/proc/{os.getpid()}/io") as lines:
        return int(next(lines).split()[1])
