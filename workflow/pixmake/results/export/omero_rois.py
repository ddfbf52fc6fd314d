"""Objects of label masks as ROIs that OMERO imports: an OME-TIFF with the image and a mask shape an object.

``omero import`` takes the ROIs that stand in the OME-XML of an OME-TIFF (2016-06). A mask shape says exactly
which pixels are the object's, also of one with holes or several pieces: a bit a pixel of its bounding box,
row after row without padding, the first pixel in the highest bit.
"""

from __future__ import annotations

import argparse
import base64
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from pixmake.base.counted import counted
from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.files import written_whole
from pixmake.images.axes import ImageError
from pixmake.images.read import read_file, read_image
from pixmake.job.record import Record
from pixmake.results.record_lines import gathered

if TYPE_CHECKING:
    import numpy.typing as npt

    from pixmake.config.models import Config

    Array = npt.NDArray[Any]

SUMMARY = "Write an OME-TIFF an image, with the objects of a mask as ROIs: `omero import` takes both."
OUTPUT = "omero-rois/"

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_SCHEMA = f"{_NAMESPACE} {_NAMESPACE}/ome.xsd"
_TYPES = {"float32": "float", "float64": "double"} | {
    name: name for name in ("int8", "int16", "int32", "uint8", "uint16", "uint32")
}
"""OME's names of the types of pixels."""


@dataclass(frozen=True)
class Written:
    """What was made of an image."""

    path: Path
    rois: int


@dataclass(frozen=True)
class LeftOut:
    """An image that no file was made of."""

    id: str
    reason: str


def add_options(command: argparse.ArgumentParser) -> None:
    """Which objects."""
    command.add_argument(
        "--mask", required=True, metavar="STEP.FILE", help="the file of a step that has the objects as labels"
    )


def write(config: Config, target: Path, arguments: argparse.Namespace) -> Iterator[str]:
    """Write a file an image, and say how OMERO takes them."""
    images = rois = 0
    for made in omero_rois(config.results, arguments.mask, target):
        if isinstance(made, Written):
            images, rois = images + 1, rois + made.rois
        else:
            yield f"note: {made.id} is left out: {made.reason}"
    yield f"wrote {counted(images, 'image')} with {counted(rois, 'ROI')} into {target}"
    if not images:
        raise PixmakeError([Problem("no image could be written", str(target))])
    yield f"import them into OMERO with: omero import -T Dataset:id:ID {target}"


def omero_rois(results: str | Path, mask: str, folder: str | Path) -> Iterator[Written | LeftOut]:
    """Write an OME-TIFF with ROIs for each image, one after the other.

    Parameters
    ----------
    results
        The folder of results.
    mask
        ``STEP.FILE``, the file of a step that has the objects: H × W, 0 is the background, each other value
        an object. If there is one such value alone, each of its connected pieces (by 8 neighbours) is one.
    folder
        Where the files go, each ``<id>.ome.tiff``.

    Raises
    ------
    PixmakeError
        There are no results yet, or no such file.
    """
    step, _, name = mask.partition(".")
    made: dict[str, None] = {}
    found = False
    for record in _records(results):
        made.update(dict.fromkeys(f"{record.step}.{file}" for file in record.files))
        if record.step == step and name in record.files:
            found = True
            yield _write(record, record.files[name], Path(folder))
    if not found:
        hint = f"the files are: {', '.join(made)}" if made else "the steps made no files"
        raise PixmakeError([Problem(f"no image has a file {mask!r}", str(results), hint)])


def objects_of(mask: Array) -> list[tuple[int, Array]]:
    """The objects of a label mask: the number of each, and its pixels as H × W of bool."""
    import cv2
    import numpy as np

    numbers = [int(number) for number in np.unique(mask) if number != 0]
    if len(numbers) == 1:
        count, mask = cv2.connectedComponents((mask != 0).astype(np.uint8), connectivity=8)
        numbers = list(range(1, count))
    return [(number, mask == number) for number in numbers]


def ome_xml(name: str, image: Array, mask: Array) -> bytes:
    """The OME-XML of an image with the objects of its mask as ROIs.

    Parameters
    ----------
    name
        What the image is called.
    image
        H × W, or H × W × 3 (RGB), of a type that OME knows.
    mask
        H × W of integers, as in `omero_rois`.
    """
    height, width = image.shape[:2]
    samples = image.shape[2] if image.ndim == 3 else 1
    root = ElementTree.Element(
        "OME",
        {
            "xmlns": _NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": _SCHEMA,
            "Creator": "pixmake",
        },
    )
    described = _child(root, "Image", ID="Image:0", Name=name)
    sizes = {"SizeX": width, "SizeY": height, "SizeC": samples, "SizeZ": 1, "SizeT": 1}
    kind = {
        "ID": "Pixels:0",
        "DimensionOrder": "XYCZT",
        "Type": _TYPES[image.dtype.name],
        "BigEndian": "false",
    }
    pixels = _child(described, "Pixels", **kind, Interleaved="true" if samples > 1 else "false", **sizes)
    _child(pixels, "Channel", ID="Channel:0:0", SamplesPerPixel=samples)
    _child(pixels, "TiffData", IFD=0, PlaneCount=1)
    for index, (number, where) in enumerate(objects_of(mask)):
        _child(described, "ROIRef", ID=f"ROI:{index}")
        roi = _child(root, "ROI", ID=f"ROI:{index}", Name=str(number))
        _put_mask(_child(roi, "Union"), index, number, where)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _put_mask(union: ElementTree.Element, index: int, number: int, where: Array) -> None:
    import numpy as np

    rows, columns = (np.flatnonzero(where.any(axis)) for axis in (1, 0))
    inside = where[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = {"X": columns[0], "Y": rows[0], "Width": inside.shape[1], "Height": inside.shape[0]}
    shape = _child(union, "Mask", ID=f"Shape:{index}:0", Text=number, **box)
    content = np.packbits(inside).tobytes()
    bits = _child(shape, "BinData", BigEndian="true", Compression="none", Length=len(content))
    bits.text = base64.b64encode(content).decode("ascii")


def _child(parent: ElementTree.Element, name: str, **attributes: Any) -> ElementTree.Element:
    return ElementTree.SubElement(parent, name, {key: str(value) for key, value in attributes.items()})


def _records(results: str | Path) -> Iterator[Record]:
    path = Path(results) / ".records.jsonl"
    if not path.is_file():
        raise PixmakeError([Problem("there are no results yet", str(results), "run snakemake first")])
    return (record for record in gathered(path) if record.status == "ok")


def _write(record: Record, mask_path: str, folder: Path) -> Written | LeftOut:
    import numpy as np
    import tifffile

    if len(record.images) != 1:
        return LeftOut(
            record.id, f"it has {len(record.images)} images, and the mask does not say of which it is"
        )
    try:
        image, mask = _image(record), read_file(mask_path)
    except ImageError as error:
        return LeftOut(record.id, str(error))
    problem = _unfit(image, mask)
    if problem:
        return LeftOut(record.id, problem)
    path = folder / f"{record.id}.ome.tiff"
    description = ome_xml(_name(record), image, mask)
    with written_whole(path) as temporary:
        tifffile.imwrite(
            *(temporary, np.ascontiguousarray(image)),
            photometric="rgb" if image.ndim == 3 else "minisblack",
            description=description,
            metadata=None,
            compression="zlib",
            byteorder="<",
            ome=False,
        )
    return Written(path, description.count(b"<ROI "))


def _image(record: Record) -> Array:
    """The image of a job: H × W, or in colours H × W × 3 RGB; an alpha channel is left out."""
    import numpy as np

    parts: Sequence[Any] = record.origin.get("task", {}).get("parts") or [None]
    image = np.asarray(read_image(record.images[0], parts[0]))
    image = image.astype(np.uint8) if image.dtype == bool else image
    if image.ndim == 3 and image.shape[2] in (3, 4):
        return image[..., 2::-1]
    return image


def _unfit(image: Array, mask: Any) -> str:
    """Why an image and a mask do not go together; empty if they do."""
    import numpy as np

    if image.ndim != 2 and (image.ndim != 3 or image.shape[2] != 3):
        return f"the image is {_size(image)}: one plane, in grey or RGB, can be written"
    if image.dtype.name not in _TYPES:
        return f"OME has no pixels of the type {image.dtype.name}"
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype.kind not in "biu":
        kind = f"{_size(mask)} {mask.dtype}" if isinstance(mask, np.ndarray) else "no image"
        return f"the mask is {kind}, not H × W of integers"
    if mask.shape != image.shape[:2]:
        return f"the mask is {_size(mask)}, the image {_size(image)}"
    return ""


def _size(array: Array) -> str:
    return " × ".join(map(str, array.shape))


def _name(record: Record) -> str:
    return str(record.terms.get("name") or os.path.basename(record.images[0]))
