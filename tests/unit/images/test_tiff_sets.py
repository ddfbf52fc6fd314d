"""Sets of OME-TIFF files: a file gives its own pixels, whatever else its OME-XML speaks of."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pixmake.images import describe, read_image
from pixmake.images.axes import ImageError

HEIGHT, WIDTH = 12, 16
_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


@dataclass
class Member:
    """A file of a set: its planes by image, time, channel and depth, each of one value."""

    name: str
    planes: Sequence[tuple[int, int, int, int]]
    value: int
    uuid: str = field(default_factory=lambda: f"urn:uuid:{uuid.uuid4()}")

    def blocks(self, image: int) -> str:
        return "".join(
            f'<TiffData FirstT="{t}" FirstC="{c}" FirstZ="{z}" IFD="{ifd}" PlaneCount="1">'
            f'<UUID FileName="{self.name}">{self.uuid}</UUID></TiffData>'
            for ifd, (of, t, c, z) in enumerate(self.planes)
            if of == image
        )


def write_set(
    folder: Path, members: Sequence[Member], sizes: Sequence[tuple[int, int, int]], **how: bool
) -> None:
    """Write the files of a set whose images have these many times, channels and depths.

    ``own``: the OME-XML of each file has its UUID, as it should. ``companion``: it lies in a file beside.
    """
    images = "".join(
        f'<Image ID="Image:{number}" Name="position {number}">'
        f'<Pixels ID="Pixels:{number}" DimensionOrder="XYZCT" Type="uint16" '
        f'SizeX="{WIDTH}" SizeY="{HEIGHT}" SizeT="{t}" SizeC="{c}" SizeZ="{z}">'
        + "".join(
            f'<Channel ID="Channel:{number}:{k}" Name="dye {k}" SamplesPerPixel="1"/>' for k in range(c)
        )
        + "".join(member.blocks(number) for member in members)
        + "</Pixels></Image>"
        for number, (t, c, z) in enumerate(sizes)
    )
    for member in members:
        own = f' UUID="{member.uuid}"' if how.get("own", True) else ""
        content = images
        if how.get("companion"):
            content = '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:0"/>'
            (folder / "set.companion.ome").write_text(f'<OME xmlns="{_OME}">{images}</OME>')
        xml = f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{_OME}"{own}>{content}</OME>'
        with tifffile.TiffWriter(folder / member.name) as writer:
            for number in range(len(member.planes)):
                values = np.full((HEIGHT, WIDTH), member.value + number, np.uint16)
                writer.write(
                    values, description=None if number else xml, metadata=None, photometric="minisblack"
                )


def positions(*times: int) -> list[Member]:
    return [
        Member(f"pos{p}.ome.tif", [(p, t, 0, 0) for t in range(count)], 1000 * (p + 1))
        for p, count in enumerate(times)
    ]


def channels() -> list[Member]:
    return [Member(f"c{c}.ome.tif", [(0, 0, c, z) for z in range(2)], 100 * (c + 1)) for c in range(2)]


@pytest.mark.parametrize("times", [(3, 2, 2), (2, 2, 2), (1, 1), (1, 3)])
@pytest.mark.parametrize("how", [{}, {"own": False}, {"companion": True}])
def test_a_file_for_each_position(tmp_path: Path, times: tuple[int, ...], how: dict[str, bool]) -> None:
    """Of one length or of several; with the OME-XML in each file or beside them."""
    members = positions(*times)
    write_set(tmp_path, members, [(t, 1, 1) for t in times], **how)
    for member, count in zip(members, times, strict=True):
        expected = np.arange(count)[:, None, None] + np.full((HEIGHT, WIDTH), member.value)
        assert np.array_equal(read_image(tmp_path / member.name, None, "tyx"), expected)
        assert np.array_equal(read_image(tmp_path / member.name), expected.squeeze())
        assert np.array_equal(read_image(tmp_path / member.name, {"t": count - 1}, "yx"), expected[-1])


def test_a_file_for_each_channel(tmp_path: Path) -> None:
    """Its own channel, with its own name, and all depths; also when the other file is not there."""
    members = channels()
    write_set(tmp_path, members, [(1, 2, 2)])
    for _ in range(2):
        found = read_image(tmp_path / "c1.ome.tif")
        assert (found.shape, found[0].max(), found[1].max()) == ((2, HEIGHT, WIDTH), 200, 201)
        assert describe(tmp_path / "c1.ome.tif").channels == ("dye 1",)
        (tmp_path / "c0.ome.tif").unlink(missing_ok=True)


def test_a_renamed_file(tmp_path: Path) -> None:
    """Known by its UUID; where it has none, an error that says what to do, and pages all the same."""
    for own in (True, False):
        write_set(tmp_path, channels(), [(1, 2, 2)], own=own)
        (tmp_path / "c1.ome.tif").replace(tmp_path / "mine.tif")
        if own:
            assert read_image(tmp_path / "mine.tif", {"z": 1}).max() == 201
        else:
            with pytest.raises(
                ImageError, match=r"planes of c0.ome.tif, c1.ome.tif, and not of mine.tif: give"
            ):
                read_image(tmp_path / "mine.tif")
            assert read_image(tmp_path / "mine.tif", {"page": 1}).max() == 201


def test_planes_that_are_not_there(tmp_path: Path) -> None:
    """An acquisition that stopped: what is there is read, what is not is told."""
    member = Member("a.ome.tif", [(0, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0)], 7)
    other = Member("b.ome.tif", [(1, 0, 0, 0)], 9)
    write_set(tmp_path, [member, other], [(2, 2, 1), (1, 1, 1)])
    path = tmp_path / "a.ome.tif"
    assert read_image(path, {"t": 1, "c": 0}).max() == 9
    with pytest.raises(ImageError, match="lacks this plane"):
        read_image(path)


def test_planes_of_several_images(tmp_path: Path) -> None:
    """One of its pages has to be named."""
    member = Member("a.ome.tif", [(0, 0, 0, 0), (1, 0, 0, 0)], 7)
    write_set(tmp_path, [member, Member("b.ome.tif", [(1, 1, 0, 0)], 9)], [(1, 1, 1), (2, 1, 1)])
    with pytest.raises(ImageError, match=r"holds planes of 2 images \(position 0, position 1\): name one"):
        read_image(tmp_path / "a.ome.tif")
    assert read_image(tmp_path / "a.ome.tif", {"page": 1}).max() == 8


def test_a_pyramid_of_a_set(tmp_path: Path) -> None:
    """Levels in SubIFDs are the file's own, too."""
    names = [f"p{number}.ome.tif" for number in range(2)]
    ids = [f"urn:uuid:{uuid.uuid4()}" for _ in names]
    images = "".join(
        f'<Image ID="Image:{n}"><Pixels ID="Pixels:{n}" DimensionOrder="XYZCT" Type="uint16" '
        f'SizeX="64" SizeY="32" SizeT="1" SizeC="1" SizeZ="1">'
        f'<Channel ID="Channel:{n}:0" SamplesPerPixel="1"/><TiffData IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">{ids[n]}</UUID></TiffData></Pixels></Image>'
        for n, name in enumerate(names)
    )
    for number, name in enumerate(names):
        values = np.full((32, 64), number + 1, np.uint16)
        with tifffile.TiffWriter(tmp_path / name) as writer:
            xml = f'<OME xmlns="{_OME}" UUID="{ids[number]}">{images}</OME>'
            how = {"tile": (16, 16), "metadata": None, "photometric": "minisblack"}
            writer.write(values, description=xml, subifds=1, **how)
            writer.write(values[::2, ::2] * 10, subfiletype=1, **how)
    assert describe(tmp_path / names[1]).levels == 2
    assert read_image(tmp_path / names[1]).max() == 2
    assert np.array_equal(read_image(tmp_path / names[1], {"level": 1}), np.full((16, 32), 20))
