"""DICOM: the values that a file stands for, its frames and colours, and nothing of its neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pixmake.images import formats
from pixmake.images.axes import ImageError
from pixmake.images.read import describe_part, read_image

pydicom = pytest.importorskip("pydicom")

GENERATOR = np.random.default_rng(0)
STORED = GENERATOR.integers(0, 4000, (20, 30)).astype(np.uint16)
COLOURS = GENERATOR.integers(0, 255, (20, 30, 3)).astype(np.uint8)


def write(path: Path, pixels: np.ndarray | bytes, bits: int = 16, **said: Any) -> Path:
    """A file of 20 rows and 30 columns, as pydicom writes it."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    usual = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "PixelRepresentation": 0}
    depth = {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1}
    for key, value in {"Rows": 20, "Columns": 30, **usual, **depth, **said}.items():
        setattr(dataset, key, value)
    dataset.PixelData = pixels if isinstance(pixels, bytes) else pixels.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    """Whole numbers stay whole, and none of them wraps."""
    path = write(tmp_path / "a.dcm", STORED, RescaleSlope=20, RescaleIntercept=-1024)
    found = read_image(path)
    assert found.dtype == np.int32
    assert np.array_equal(found, 20 * STORED.astype(int) - 1024)
    assert describe_part(path, {}).dtype == "int32"
    halves = read_image(write(tmp_path / "b.dcm", STORED, RescaleSlope=0.5, RescaleIntercept=0))
    assert halves.dtype == np.float32
    assert np.array_equal(halves, STORED / 2)


def test_large_and_negative_values(tmp_path: Path) -> None:
    """60000 does not wrap; of 12 bits with a sign, those above are none of the value."""
    large = np.full((20, 30), 60000, np.uint16)
    path = write(tmp_path / "a.dcm", large, RescaleSlope=1, RescaleIntercept=-24)
    assert np.array_equal(read_image(path), np.full((20, 30), 59976))
    signed = (STORED.astype(np.int16) - 2000).clip(-2048, 2047)
    path = write(tmp_path / "b.dcm", signed, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert read_image(path).dtype == np.int16
    assert np.array_equal(read_image(path), signed)


def test_monochrome1_stays_as_it_is_stored(tmp_path: Path) -> None:
    """That 0 is to be shown white says nothing of what was measured: values are the same in both."""
    for name in ("MONOCHROME1", "MONOCHROME2"):
        path = write(tmp_path / f"{name}.dcm", STORED, PhotometricInterpretation=name)
        assert np.array_equal(read_image(path), STORED)
        scaled = {"RescaleSlope": 2, "RescaleIntercept": 5}
        path = write(tmp_path / f"{name}.dcm", STORED, PhotometricInterpretation=name, **scaled)
        assert np.array_equal(read_image(path), 2 * STORED.astype(int) + 5)


def test_pixel_sizes(tmp_path: Path) -> None:
    """The distance of rows stands first; none where the file says none."""
    path = write(tmp_path / "a.dcm", STORED, PixelSpacing=[0.5, 0.25])
    assert describe_part(path, {}).pixel_size == {"y": (0.5, "millimeter"), "x": (0.25, "millimeter")}
    assert describe_part(write(tmp_path / "b.dcm", STORED), {}).pixel_size == {}


def test_frames(tmp_path: Path) -> None:
    """Times where the file says how long one takes, else planes; read one by one."""
    frames = GENERATOR.integers(0, 4000, (4, 20, 30)).astype(np.uint16)
    film = write(tmp_path / "film.dcm", frames, NumberOfFrames=4, FrameTime=40)
    assert describe_part(film, {}).axes == "tyx"
    assert describe_part(film, {}).pixel_size == {"t": (0.04, "second")}
    assert np.array_equal(read_image(film, {"t": 2}), frames[2])
    volume = write(tmp_path / "volume.dcm", frames, NumberOfFrames=4)
    assert np.array_equal(read_image(volume, {}, "zyx"), frames)
    assert np.array_equal(
        read_image(volume, {"z": 3, "y": 5, "height": 6, "x": 1, "width": 2}), frames[3, 5:11, 1:3]
    )


def test_frames_of_single_bits(tmp_path: Path) -> None:
    """20 × 30 pixels are 75 bytes; 3 × 21 would not begin at bytes."""
    masks = GENERATOR.integers(0, 2, (3, 3, 7)).astype(np.uint8)
    packed = np.packbits(masks.ravel(), bitorder="little").tobytes()
    path = write(
        tmp_path / "a.dcm", packed + b"\0" * (len(packed) % 2), 1, Rows=3, Columns=7, NumberOfFrames=3
    )
    assert np.array_equal(read_image(path, {"z": 1}), masks[1])


def test_colours(tmp_path: Path) -> None:
    """RGB and YBR as blue, green, red."""
    said = {"SamplesPerPixel": 3, "PlanarConfiguration": 0}
    rgb = write(tmp_path / "a.dcm", COLOURS, 8, PhotometricInterpretation="RGB", **said)
    assert np.array_equal(read_image(rgb), COLOURS[..., ::-1])
    smooth = cv2.resize(COLOURS[:3, :3], (30, 20), interpolation=cv2.INTER_CUBIC)
    ybr = cv2.cvtColor(smooth, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    path = write(
        tmp_path / "b.dcm", np.ascontiguousarray(ybr), 8, PhotometricInterpretation="YBR_FULL", **said
    )
    assert np.abs(read_image(path).astype(int) - smooth[..., ::-1]).max() <= 3


def test_a_palette(tmp_path: Path) -> None:
    """Its colours, not its numbers."""
    numbers = GENERATOR.integers(0, 4, (20, 30)).astype(np.uint8)
    palette = GENERATOR.integers(0, 255, (3, 4)).astype(np.uint8)
    said: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, entries in zip(("Red", "Green", "Blue"), palette, strict=True):
        said[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, 8]
        said[f"{name}PaletteColorLookupTableData"] = entries.tobytes()
    path = write(tmp_path / "a.dcm", numbers, 8, **said)
    assert np.array_equal(read_image(path), palette.T[numbers][..., ::-1])
    assert describe_part(path, {}).shape == (20, 30, 3)


def test_one_file_is_one_file(tmp_path: Path) -> None:
    """Whatever else lies in its folder, of whatever series."""
    paths = [write(tmp_path / f"{n}.dcm", STORED + n, SeriesNumber=n, InstanceNumber=n) for n in range(3)]
    for number, path in enumerate(paths):
        assert np.array_equal(read_image(path), STORED + number)


def test_a_file_without_pixels(tmp_path: Path) -> None:
    """A report or a plan is no image."""
    path = write(tmp_path / "a.dcm", STORED)
    dataset = pydicom.dcmread(path)
    for key in ("Rows", "Columns", "PixelData"):
        del dataset[key]
    dataset.save_as(path)
    with pytest.raises(ImageError, match=r"a.dcm: holds no image"):
        read_image(path)
    assert formats.recognised(str(path)) is not None
