"""``pixmake export omero-rois``: the objects of a mask as ROIs, read back by OME's own model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import ome_types
import pytest
import tifffile

from pixmake.base.errors import PixmakeError
from pixmake.cli.command_line import main
from pixmake.job.record import Record, write_record
from pixmake.results.export.omero_rois import LeftOut, Written, omero_rois
from pixmake.results.record_lines import gather


def results_of(folder: Path, *records: Record) -> Path:
    """A folder of results with these records."""
    paths = []
    for record in records:
        paths.append(str(folder / record.step / f"{record.id}.json"))
        write_record(record, paths[-1])
    gather(paths, folder / ".records.jsonl")
    return folder


def segmented(folder: Path, job: str, image: Any, mask: Any, suffix: str = "png", **more: Any) -> Record:
    """The record of a step that made a mask of an image."""
    cv2.imwrite(str(folder / f"{job}.png"), image)
    path = folder / f"{job}_mask.{suffix}"
    if suffix == "npy":
        np.save(path, mask)
    else:
        cv2.imwrite(str(path), mask)
    return Record(
        job, "segment", "ok", files={"labels": str(path)}, images=(str(folder / f"{job}.png"),), **more
    )


def read_back(path: Path) -> tuple[Any, list[tuple[str, np.ndarray[Any, Any]]]]:
    """The image as OME describes it, and each ROI by its text with its pixels, as OMERO unpacks them."""
    with tifffile.TiffFile(path) as file:
        described = ome_types.from_xml(file.pages[0].description, validate=False)
    pixels = described.images[0].pixels
    assert [ref.id for ref in described.images[0].roi_refs] == [roi.id for roi in described.rois]
    found = []
    for roi in described.rois:
        (shape,) = roi.union
        left, top, width, height = (int(each) for each in (shape.x, shape.y, shape.width, shape.height))
        content = shape.bin_data.value
        assert shape.bin_data.length == len(content)
        bits = np.unpackbits(np.frombuffer(content, np.uint8))[: width * height].reshape(height, width)
        whole = np.zeros((pixels.size_y, pixels.size_x), bool)
        whole[top : top + height, left : left + width] = bits
        found.append((shape.text, whole))
    return described.images[0], found


@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_each_object_is_a_roi(tmp_path: Path, suffix: str) -> None:
    """Its pixels are exactly the object's, with a hole, in two pieces, at the edge; the image is whole."""
    random = np.random.default_rng(1)
    colours = random.integers(0, 255, (31, 43, 3), np.uint8)
    mask = np.zeros((31, 43), np.uint16)
    mask[2:9, 3:12] = 1
    mask[4:6, 5:7] = 0
    mask[20:31, 30:43] = 700
    mask[0, 42] = 700
    mask[12:15, 1:2] = 3
    results = results_of(tmp_path, segmented(tmp_path, "a", colours, mask, suffix))
    (made,) = omero_rois(results, "segment.labels", tmp_path / "out")
    assert made == Written(tmp_path / "out" / "a.ome.tiff", 3)
    image, rois = read_back(tmp_path / "out" / "a.ome.tiff")
    assert [text for text, _ in rois] == ["1", "3", "700"]
    for text, pixels in rois:
        assert (pixels == (mask == int(text))).all()
    assert image.name == "a.png"
    assert (image.pixels.size_c, image.pixels.channels[0].samples_per_pixel) == (3, 3)
    assert (tifffile.imread(tmp_path / "out" / "a.ome.tiff") == colours[..., ::-1]).all()


def test_a_mask_of_one_value_has_its_pieces(tmp_path: Path) -> None:
    """Of 0 and 255; grey images of 16 bits stay so, and a part that the job was given is what is written."""
    grey = np.arange(600, dtype=np.uint16).reshape(20, 30)
    mask = np.zeros((10, 30), np.uint8)
    mask[1:3, 1:3] = mask[3, 3] = mask[6:8, 20:25] = 255
    part = {"y": 5, "x": 0, "height": 10, "width": 30}
    record = segmented(tmp_path, "a", grey, mask, origin={"task": {"parts": [part]}})
    results = results_of(tmp_path, record)
    (made,) = omero_rois(results, "segment.labels", tmp_path / "out")
    assert isinstance(made, Written)
    image, rois = read_back(made.path)
    assert [int(pixels.sum()) for _, pixels in rois] == [5, 10]
    assert image.pixels.type.value == "uint16"
    assert (tifffile.imread(made.path) == grey[5:15]).all()


def test_an_image_without_objects_has_no_roi(tmp_path: Path) -> None:
    """It is imported all the same."""
    empty = np.zeros((5, 5), np.uint8)
    results = results_of(tmp_path, segmented(tmp_path, "a", empty, empty))
    assert [made.rois for made in omero_rois(results, "segment.labels", tmp_path / "out")] == [0]


def test_what_does_not_fit_is_left_out_alone(tmp_path: Path) -> None:
    """A mask of another size, one that is lost, a group of images; the others are written."""
    image, small = np.zeros((5, 5), np.uint8), np.zeros((4, 5), np.uint8)
    records = [segmented(tmp_path, name, image, small if name == "b" else image) for name in "abcd"]
    (tmp_path / "c_mask.png").unlink()
    records[3] = Record("d", "segment", "ok", files=records[3].files, images=("d.png", "e.png"))
    made = list(omero_rois(results_of(tmp_path, *records), "segment.labels", tmp_path / "out"))
    assert isinstance(made[0], Written)
    assert made[1] == LeftOut("b", "the mask is 4 × 5, the image 5 × 5")
    assert all(isinstance(each, LeftOut) for each in made[1:])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.ome.tiff"]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """With the files that are."""
    with pytest.raises(PixmakeError, match="there are no results yet"):
        list(omero_rois(tmp_path, "segment.labels", tmp_path / "out"))
    image = np.zeros((5, 5), np.uint8)
    results = results_of(tmp_path, segmented(tmp_path, "a", image, image))
    with pytest.raises(PixmakeError, match=r"no image has a file 'segment.lables'[\s\S]*segment.labels"):
        list(omero_rois(results, "segment.lables", tmp_path / "out"))


def test_the_command_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Images, ROIs, what was left out, and how to import; a folder that is there is not written into."""
    monkeypatch.chdir(tmp_path)
    mask = np.zeros((5, 5), np.uint8)
    mask[1, 1] = mask[3, 3] = 9
    records = [segmented(tmp_path, "a", mask, mask), segmented(tmp_path, "b", mask, mask[:4])]
    results_of(tmp_path / "results", *records)
    (tmp_path / "c.yaml").write_text(
        "images: {directory: .}\nsteps: {segment: {function: 'a.py:a', files: {labels: png}}}\n"
    )
    command = ["export", "omero-rois", "--config", "c.yaml", "--mask", "segment.labels"]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "wrote 1 image with 2 ROIs into omero-rois" in said.out
    assert "omero import -T Dataset:id:ID omero-rois" in said.out
    assert said.err == "note: b is left out: the mask is 4 × 5, the image 5 × 5\n"
    assert main(command) == 1
    assert "is there already" in capsys.readouterr().err
