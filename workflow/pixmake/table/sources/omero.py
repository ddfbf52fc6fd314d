"""Source ``omero``: the images of a dataset, a plate or a screen of an OMERO server."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.templates import template_problem
from pixmake.base.values import TIMESTAMP
from pixmake.config.images import Images, Omero
from pixmake.images.remote.omero import VERSION, Client, annotations_of, connect, plane_uri
from pixmake.table.table import PATH, Note, Table, make_table

AXES = ("t", "c", "z")
COLUMNS = (
    *("image_id", "name", "dataset", "screen", "plate", "plate_id", "well", "row", "column", "field"),
    *("acquisition", TIMESTAMP, "size_t", "size_c", "size_z", "size_y", "size_x", "pixel_type"),
    *("pixel_size_z", "pixel_size_y", "pixel_size_x", "channel", "t", "c", "z", "tags"),
)
"""In this order; a column of which no image has a value is left out. Pixel sizes are in micrometers."""

BETWEEN = "; "
"""Stands between several tags, and between several values of one key."""

_THREADS = 4
"""Requests at a time; a server has other users."""

_MICROMETERS = {
    "ANGSTROM": 1e-4,
    "NANOMETER": 1e-3,
    "MICROMETER": 1.0,
    "MILLIMETER": 1e3,
    "CENTIMETER": 1e4,
    "METER": 1e6,
}

_API = f"api/v{VERSION}/m"


@dataclass(frozen=True)
class _Image:
    """One image, and what its container says of it."""

    id: int
    columns: Mapping[str, Any]
    sizes: Mapping[str, int] = field(default_factory=dict)
    """The number of planes by axis; empty as long as it is not known."""
    channels: tuple[str, ...] = ()
    above: tuple[tuple[str, int], ...] = ()
    """What it hangs in, as kind and id, the outermost first."""


def read(images: Images) -> Table:
    """List the images of `images.omero` with what the server says of them.

    Columns are `COLUMNS` and a column for each key of key-value pairs. Pairs and tags of a plate, a well,
    a dataset or a screen hold for the images in it; where a key is said twice, the nearest word counts.

    Raises
    ------
    PixmakeError
        The server cannot be asked, holds no such images, or they have axes that are not split.
    """
    asked = images.omero
    assert asked is not None
    client = connect(asked.server)
    kind, number = asked.container
    source = f"{asked.server.rstrip('/')}, {kind} {number}"
    found = list(_dataset(client, number) if kind == "dataset" else _plates(client, kind, number))
    if not found:
        raise PixmakeError([Problem("holds no images", source)])
    found = _with_channels(client, found) if "c" in asked.split else found
    pairs, tags = _annotated(client, found, "map"), _annotated(client, found, "tag")
    notes: list[Note] = []
    keys = _key_columns(pairs, source, notes)
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for image in found:
        row = {**image.columns, **{keys[key]: value for key, value in pairs[image.id].items()}}
        row["tags"] = BETWEEN.join(tags[image.id]) or None
        try:
            rows += _rows(asked, image, row)
        except PixmakeError as error:
            problems += [replace(each, where=f"{source}, {_label(image)}") for each in error.problems]
    if problems:
        raise PixmakeError(problems)
    columns = [PATH, *COLUMNS, *keys.values()]
    return make_table(
        {
            name: [row.get(name) for row in rows]
            for name in columns
            if name == PATH or any(row.get(name) is not None for row in rows)
        },
        [f"image {row['image_id']}" for row in rows],
        source,
        notes=notes,
    )


def _dataset(client: Client, number: int) -> Iterator[_Image]:
    """The images of a dataset, by name."""
    dataset = client.get(f"{_API}/datasets/{number}/")["data"]
    listed = client.all(f"{_API}/datasets/{number}/images/")
    for image in sorted(listed, key=lambda each: (str(each.get("Name", "")).lower(), each["@id"])):
        yield _image(image, {"dataset": dataset.get("Name")}, (("dataset", number),))


def _plates(client: Client, kind: str, number: int) -> Iterator[_Image]:
    """The images of a plate, or of all plates of a screen: plate by plate, well by well, field by field."""
    if kind == "plate":
        plate = client.get(f"{_API}/plates/{number}/")["data"]
        yield from _plate(client, plate, {}, ())
        return
    screen = client.get(f"{_API}/screens/{number}/")["data"]
    plates = client.all(f"{_API}/screens/{number}/plates/")
    for plate in sorted(plates, key=lambda each: (str(each.get("Name", "")).lower(), each["@id"])):
        yield from _plate(client, plate, {"screen": screen.get("Name")}, (("screen", number),))


def _plate(
    client: Client, plate: Mapping[str, Any], columns: Mapping[str, Any], above: tuple[tuple[str, int], ...]
) -> Iterator[_Image]:
    number = plate["@id"]
    wells = client.all(f"{_API}/plates/{number}/wells/")
    wells.sort(key=lambda well: (well["Row"], well["Column"]))
    filled = [well["@id"] for well in wells if well.get("WellSamples")]
    # a list of wells has no sizes of images; a well that is asked for by itself has
    with ThreadPoolExecutor(_THREADS) as threads:
        whole = list(threads.map(lambda well: client.get(f"{_API}/wells/{well}/")["data"], filled))
    for well in whole:
        row = _place_name(well["Row"], plate.get("RowNamingConvention", "letter"))
        column = _place_name(well["Column"], plate.get("ColumnNamingConvention", "number"))
        of_well = {
            **columns,
            **{"plate": plate.get("Name"), "plate_id": number},
            **{"well": f"{row}{column}", "row": row, "column": column},
        }
        for field_, sample in enumerate(well.get("WellSamples", ())):
            if "Image" in sample:
                run = sample.get("PlateAcquisition", {}).get("@id")
                of_field = {**of_well, "field": field_, "acquisition": run}
                yield _image(sample["Image"], of_field, (*above, ("plate", number), ("well", well["@id"])))


def _place_name(index: int, convention: str) -> str:
    """A row's or a column's name, as OMERO shows it."""
    if convention == "number":
        return str(index + 1)
    name = ""
    while index >= 0:
        name = string.ascii_uppercase[index % 26] + name
        index = index // 26 - 1
    return name


def _image(
    image: Mapping[str, Any], columns: Mapping[str, Any], above: tuple[tuple[str, int], ...]
) -> _Image:
    pixels = image.get("Pixels", {})
    sizes = {axis: pixels[f"Size{axis.upper()}"] for axis in AXES if f"Size{axis.upper()}" in pixels}
    made = {"image_id": image["@id"], "name": image.get("Name"), **columns}
    if image.get("AcquisitionDate"):
        when = datetime.fromtimestamp(image["AcquisitionDate"] / 1000, timezone.utc)  # noqa: UP017
        made[TIMESTAMP] = when.replace(tzinfo=None).isoformat()
    for axis in (*AXES, "y", "x"):
        made[f"size_{axis}"] = pixels.get(f"Size{axis.upper()}")
        made[f"pixel_size_{axis}"] = _micrometers(pixels.get(f"PhysicalSize{axis.upper()}"))
    made["pixel_type"] = pixels.get("Type", {}).get("value")
    return _Image(image["@id"], made, sizes, _channel_names(pixels), above)


def _micrometers(length: Mapping[str, Any] | None) -> float | None:
    """A length of OMERO's; None if it is none that has to do with meters."""
    factor = _MICROMETERS.get(str((length or {}).get("Unit")))
    return None if factor is None or length is None else float(f"{length['Value'] * factor:.12g}")


def _with_channels(client: Client, images: Sequence[_Image]) -> list[_Image]:
    """The images with the names of their channels: an image that is asked for by itself has them.

    In a plate all images have the same channels: its first one is asked.
    """
    plates = [image.columns.get("plate_id") for image in images]
    first = {plate: image.id for plate, image in zip(reversed(plates), reversed(images), strict=True)}
    asked = [image.id if plate is None else first[plate] for plate, image in zip(plates, images, strict=True)]

    def channels(number: int) -> tuple[str, ...]:
        return _channel_names(client.get(f"{_API}/images/{number}/")["data"].get("Pixels", {}))

    numbers = list(dict.fromkeys(asked))
    with ThreadPoolExecutor(_THREADS) as threads:
        known = dict(zip(numbers, threads.map(channels, numbers), strict=True))
    return [replace(image, channels=known[number]) for image, number in zip(images, asked, strict=True)]


def _channel_names(pixels: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(channel.get("Name", "")) for channel in pixels.get("Channels", ()))


def _annotated(client: Client, images: Sequence[_Image], kind: str) -> dict[int, dict[str, str]]:
    """For each image its key-value pairs, or its tags (as keys), with those of what it hangs in."""
    by_object: dict[tuple[str, int], dict[str, list[str]]] = {}
    objects = dict.fromkeys(thing for image in images for thing in (*image.above, ("image", image.id)))
    for parent in dict.fromkeys(name for name, _ in objects):
        ids = [number for name, number in objects if name == parent]
        for each in annotations_of(client, kind, parent, ids):
            said = by_object.setdefault((parent, each["link"]["parent"]["id"]), {})
            for key, value in _said(each):
                said.setdefault(key, []).append(value)
    made: dict[int, dict[str, str]] = {}
    for image in images:
        made[image.id] = {}
        for thing in (*image.above, ("image", image.id)):
            for key, values in by_object.get(thing, {}).items():
                made[image.id][key] = BETWEEN.join(dict.fromkeys(values))
    return {image: dict(sorted(said.items())) for image, said in made.items()}


def _said(annotation: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What an annotation says: pairs, or a tag as a key of no value."""
    if "values" in annotation:
        return [(str(key).strip(), str(value).strip()) for key, value in annotation["values"]]
    return [(str(annotation.get("textValue", "")).strip(), "")]


def _key_columns(pairs: Mapping[int, Mapping[str, str]], source: str, notes: list[Note]) -> dict[str, str]:
    """The column of each key; one that has the name of a column of ours, or none, gets another."""
    columns = {}
    for key in sorted({key for said in pairs.values() for key in said}):
        columns[key] = key if key and key not in (PATH, *COLUMNS, "id", "step") else f"omero.{key}"
        if columns[key] != key:
            what = "a key of key-value pairs that is a column already has another name"
            notes.append(Note(what, where=source, detail=f"{key!r} is {columns[key]!r}"))
    return columns


def _rows(asked: Omero, image: _Image, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of an image: one, or one a plane."""
    lacking = [axis for axis in asked.split if axis not in image.sizes]
    if lacking:
        raise PixmakeError([Problem(f"the server does not say how many {' and '.join(lacking)} it has")])
    if asked.zarr is None:
        several = [axis for axis in ("t", "z") if image.sizes.get(axis, 1) > 1 and axis not in asked.split]
        if several:
            said = " and ".join(f"{image.sizes[axis]} {axis}" for axis in several)
            needed = ", ".join(axis for axis in AXES if axis in (*asked.split, *several))
            hint = f"a rendered plane has one of each: `split: [{needed}]`"
            raise PixmakeError([Problem(f"has {said}", hint=hint)])
    for indices in itertools.product(*(range(image.sizes[axis]) for axis in asked.split)):
        part = dict(zip(map(str, asked.split), indices, strict=True))
        made = {**row, **part}
        channel = part.get("c")
        if channel is not None and channel < len(image.channels):
            made["channel"] = image.channels[channel] or None
        if asked.zarr is None:
            made[PATH] = plane_uri(asked.server, image.id, part.get("z", 0), part.get("t", 0), channel)
        else:
            made[PATH] = _zarr_path(asked.zarr, made)
        yield made


def _zarr_path(template: str, row: Mapping[str, Any]) -> str:
    """An image's OME-Zarr, by the template and the image's columns."""
    known = {name: value for name, value in row.items() if value is not None}
    try:
        if problem := template_problem(template):
            raise ValueError(problem)
        return template.format_map(known)
    except KeyError as error:
        what = f"images.omero.zarr names the column {error.args[0]!r}, which is empty here"
        raise PixmakeError([Problem(what, hint=f"filled: {', '.join(sorted(known))}")]) from None
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        hint = "columns stand in braces, e.g. s3://bucket/{image_id}.zarr"
        raise PixmakeError(
            [Problem(f"images.omero.zarr: {template!r} does not fit: {error}", hint=hint)]
        ) from None


def _label(image: _Image) -> str:
    name = image.columns.get("name")
    return f"image {image.id}" + (f" ({name})" if name else "")
