"""The part `images` of config.yaml: which source, which rows of it, which rows make one job."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    create_model,
    field_validator,
    model_validator,
)

from pixmake.base import plugins
from pixmake.base.filename_terms import name_parser
from pixmake.base.query import parse_query
from pixmake.config.added_sources import KeysOf
from pixmake.config.base_model import Model
from pixmake.config.checkpoint import Checkpoint
from pixmake.images.axes import NAMED
from pixmake.images.formats import searched

FORMATS = ("bmp", "jp2", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp", *searched())
"""Suffixes of image files that a folder is searched for."""

Scalar = str | int | float | bool | datetime.datetime | datetime.date | None
Day = datetime.datetime | datetime.date | str
ExifTerm = Literal["timestamp", "camera", "exposure", "aperture", "iso", "focal_length"]
PartColumn = Literal["scene", "t", "c", "z", "level", "y", "x", "height", "width", "page"]
Format = Annotated[str, Field(pattern=r"^\.?[A-Za-z0-9]+(\.[A-Za-z0-9]+)*$")]


def _short(key: str) -> Any:
    """Lets a text stand for a mapping with one key."""
    return lambda given: given if isinstance(given, (dict, BaseModel)) else {key: given}


def _listed(given: Any) -> Any:
    return given if isinstance(given, (list, tuple)) else [given]


class File(Model):
    """A table in a file. A text alone is its `path`."""

    path: str
    """CSV, TSV, Parquet, Excel, JSON (a list of records) or NDJSON, told by its suffix."""

    sheet: str | None = None
    """The sheet of an Excel file; default: the only one that is not empty."""


class FileNames(Model):
    """What the names of image files say."""

    formats: Annotated[list[Format], Field(min_length=1)] = list(FORMATS)
    """Suffixes of image files, in upper or lower case."""

    template: str | None = None
    """How the names are built, e.g. `{camera}_{angle:d}_{plant}_{timestamp:%Y-%m-%d}.png`; with a `/` in
    it, how the paths from the source's folder are built."""

    filename_metadata: list[str] = []
    """As in PlantCV: the terms that a name consists of, in their order."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = "_"
    """The character between the terms of `filename_metadata`."""

    pattern: str | None = None
    """A regular expression with a named group for each term, or with a group for each of
    `filename_metadata`; searched in the name without suffix, with a `/` in it in the path."""

    unmatched: Literal["error", "skip", "keep"] = "error"
    """What happens to a file whose name does not fit: an error, or it is left out, or it is kept with empty
    terms; both are reported."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.template is not None and (self.filename_metadata or self.pattern is not None):
            raise ValueError("give either template, or filename_metadata, or pattern")
        name_parser(self.template, self.filename_metadata, self.delimiter, self.pattern, self.formats)
        return self


class Tile(Model):
    """Squares that an image is cut into. A number alone is `size`."""

    size: Annotated[int, Field(gt=0)]
    """Rows and columns of pixels; at the edges a tile is what is left."""

    overlap: Annotated[int, Field(ge=0)] = 0
    """Pixels that neighbours share: more than an object is wide, so that each is whole in some tile."""

    @model_validator(mode="after")
    def _goes_on(self) -> Self:
        if self.overlap > self.size // 2:
            raise ValueError(f"an overlap of {self.overlap} is more than half a tile of {self.size}")
        return self


class Cut(Model):
    """Into which rows an image is cut."""

    split: list[Literal["t", "c", "z"]] = []
    """The axes along which each index is a row of its own: `[t, z]` makes a row of each time and plane."""

    tile: Annotated[Tile, BeforeValidator(_short("size"), json_schema_input_type=int | Tile)] | None = None
    """Squares that each image is cut into, a row each, e.g. `2048` or `{size: 2048, overlap: 64}`."""

    level: Annotated[int, Field(ge=0)] = 0
    """The resolution level that is read; 0 is the full one. Tiles are in its pixels."""

    @field_validator("split")
    @classmethod
    def _once(cls, split: list[str]) -> list[str]:
        if len(set(split)) < len(split):
            raise ValueError("an axis stands twice")
        return split


class Directory(FileNames, Cut):
    """A folder of images, each scene of a file a row. A text alone is its `path`."""

    path: str
    """The folder."""

    recursive: bool = True
    """Whether the folders inside it are searched, too."""

    _results: str = PrivateAttr("")

    @property
    def results(self) -> str:
        """The folder of the project's results, if it is known: what runs leave is none of its images."""
        return self._results


class Lemnatec(FileNames):
    """An export of LemnaTec or PhenoFront. A text alone is its `path`."""

    path: str
    """The folder that holds `SnapshotInfo.csv`."""


class Phenodata(Model):
    """A folder with a `metadata.json` of phenodata. A text alone is its `path`."""

    path: str
    """The folder, or the JSON file in it."""


class Zarr(Cut):
    """An OME-Zarr. A text alone is its `path`."""

    path: str
    """An image, an HCS plate or one of its wells, or a folder of them; `….zarr`."""


class Omero(Model):
    """Images of an OMERO server. Who logs in is said by the environment, never here."""

    server: Annotated[str, Field(pattern=r"^https?://[^/@\s]+(/[^?#@\s]*)?$")]
    """The address of OMERO.web: what stands before `/webclient/` in the browser."""

    dataset: Annotated[int, Field(gt=0)] | None = None
    """The id of a dataset, or"""

    plate: Annotated[int, Field(gt=0)] | None = None
    """of a plate, or"""

    screen: Annotated[int, Field(gt=0)] | None = None
    """of a screen: all its plates."""

    zarr: str | None = None
    """Where an image's OME-Zarr lies, with columns in braces: `s3://bucket/{image_id}.zarr`; default:
    the planes as the server renders them (8 bits, JPEG)."""

    split: list[Literal["t", "c", "z"]] = []
    """Axes of which each index is a row of its own."""

    @model_validator(mode="after")
    def _one_container(self) -> Self:
        given = [name for name in ("dataset", "plate", "screen") if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"names {' and '.join(given)}, but takes" if given else "needs"
            raise ValueError(f"{said} one of: dataset, plate, screen")
        if len(set(self.split)) < len(self.split):
            raise ValueError("an axis stands twice in split")
        return self

    @property
    def container(self) -> tuple[str, int]:
        """What holds the images: its kind and its id."""
        kind = next(name for name in ("dataset", "plate", "screen") if getattr(self, name) is not None)
        return kind, getattr(self, kind)


class Join(Model):
    """Another table whose columns are added to the images' rows."""

    table: Annotated[File, BeforeValidator(_short("path"), json_schema_input_type=str | File)]
    """The other table."""

    on: Annotated[
        list[str], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=str | list[str])
    ]
    """The column, or columns, that both have."""

    unmatched: Literal["error", "skip", "keep"] = "error"
    """What happens to an image that the other table does not know: an error, it is left out, or it is
    kept with empty cells; the latter two are reported."""

    @model_validator(mode="before")
    @classmethod
    def _yaml_reads_on_as_true(cls, given: Any) -> Any:
        if isinstance(given, dict) and True in given:
            return {"on" if key is True else key: value for key, value in given.items()}
        return given


class Range(Model):
    """Numbers or times between two bounds, both included."""

    min: int | float | datetime.datetime | datetime.date | str | None = None
    """The least."""

    max: int | float | datetime.datetime | datetime.date | str | None = None
    """The most."""


class Sample(Model):
    """Some of the images. A number alone is `n`."""

    n: Annotated[int, Field(gt=0)]
    """How many."""

    per: Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])] = []
    """Columns: so many for each of their values."""


class Select(Model):
    """Which rows of the table to run; every condition must hold."""

    where: dict[str, Range | list[Scalar] | Scalar] = {}
    """Column: the value, or a list of the values, or `{min, max}`, that a row must have."""

    match: dict[str, str] = {}
    """Column: a regular expression that must be found in the row's value."""

    not_match: dict[str, str] = {}
    """Column: a regular expression that must not be found in the row's value."""

    query: str | None = None
    """A condition as in `DataFrame.query` of pandas, e.g. `camera == "VIS" and angle < 90`."""

    start: Day | None = None
    """The first date or timestamp to take, inclusive; needs a column `timestamp`."""

    end: Day | None = None
    """The last date or timestamp to take, inclusive: a date means its whole day."""

    sample: Annotated[Sample, BeforeValidator(_short("n"), json_schema_input_type=int | Sample)] | None = None
    """So many images (with `group_by`: groups), always the same ones."""

    first: Annotated[int, Field(gt=0)] | None = None
    """So many images (with `group_by`: groups) from the start of the table."""

    @field_validator("where", mode="before")
    @classmethod
    def _conditions(cls, where: Any) -> Any:
        if not isinstance(where, dict):
            raise ValueError("should be columns and values, such as {camera: VIS}")
        for column, wanted in where.items():
            if isinstance(wanted, dict) and (not wanted or not set(wanted) <= {"min", "max"}):
                raise ValueError(f"{column}: a range has the keys min and max")
            for value in _listed(list(wanted.values()) if isinstance(wanted, dict) else wanted):
                if not isinstance(value, Scalar):
                    raise ValueError(f"{column}: {value!r} is no value")
        return where

    @field_validator("match", "not_match")
    @classmethod
    def _expressions(cls, match: dict[str, str]) -> dict[str, str]:
        for column, expression in match.items():
            try:
                re.compile(expression)
            except re.error as error:
                raise ValueError(f"{column}: {expression!r} is no regular expression: {error}") from error
        return match

    @field_validator("query")
    @classmethod
    def _condition(cls, query: str | None) -> str | None:
        if query is not None:
            parse_query(query)
        return query


def _array_axes(axes: str) -> str:
    unknown = sorted({letter for letter in axes if letter not in NAMED})
    if unknown or len(set(axes)) < len(axes) or not {"y", "x"} <= set(axes):
        raise ValueError(f"{axes!r} are no axes: each of {', '.join(NAMED)} once at most, y and x among them")
    return axes


class Images(Model):
    """Where the images and their metadata come from: one source, and what is made of it."""

    # one that gets more keys below is built once, with them
    model_config = ConfigDict(defer_build=bool(plugins.installed("sources")))

    table: Annotated[File, BeforeValidator(_short("path"), json_schema_input_type=str | File)] | None = None
    """Source: a table in a file, one row an image, with a column `path`."""

    directory: (
        Annotated[Directory, BeforeValidator(_short("path"), json_schema_input_type=str | Directory)] | None
    ) = None
    """Source: a folder of images, whose names say what they are."""

    lemnatec: (
        Annotated[Lemnatec, BeforeValidator(_short("path"), json_schema_input_type=str | Lemnatec)] | None
    ) = None
    """Source: a LemnaTec or PhenoFront export, `SnapshotInfo.csv` and its folders."""

    phenodata: (
        Annotated[Phenodata, BeforeValidator(_short("path"), json_schema_input_type=str | Phenodata)] | None
    ) = None
    """Source: a phenodata `metadata.json` and its images."""

    zarr: Annotated[Zarr, BeforeValidator(_short("path"), json_schema_input_type=str | Zarr)] | None = None
    """Source: OME-Zarr images and plates, whole or in planes and tiles."""

    omero: Omero | None = None
    """Source: a dataset, a plate or a screen of an OMERO server."""

    root: str = "."
    """The folder that relative paths in a `table` start from."""

    missing: Literal["error", "skip"] = "error"
    """What happens to an image whose file is not there: an error, or it is left out and reported."""

    join: Annotated[list[Join], BeforeValidator(_listed, json_schema_input_type=Join | list[Join])] = []
    """Tables whose columns are added, e.g. `{table: config/plants.csv, on: plant}`."""

    types: dict[str, Literal["text", "number"]] = {}
    """Column: what the values of its cells are, `text` or `number` (of `12,5` and `090`, too); default: what
    each cell says by itself. A cell's text stays what tells it apart."""

    exif: list[ExifTerm] = []
    """Columns that are added from the headers of the image files."""

    broken_headers: Literal["empty", "fail"] = "empty"
    """What happens to an image whose header cannot be read: its cells of `exif` are empty, which is reported,
    or its jobs fail. Either way an image without what `group_by` or `id` needs is one by itself."""

    read_by: Annotated[list[PartColumn], Field(json_schema_extra={"uniqueItems": True})] | None = None
    """Columns that say which part of its image a row means: indices `t`, `c`, `z` from 0, a resolution
    `level` (0 is the full one), a region `y`, `x`, `height`, `width` in pixels of that level, a `page` of
    a TIFF. One image may then stand in many rows. Default: those of them that are there, for rows whose
    image is an OME-Zarr; none for others."""

    axes: Annotated[str, AfterValidator(_array_axes)] | None = None
    """The axes of Zarr arrays that do not say theirs, since they are no OME-Zarr: `tczyx`, a letter each."""

    id: str | None = None
    """A template of column names, e.g. `{plant}_{timestamp:%Y-%m-%d}`; default: the image's path
    without its suffix, or the values of `group_by`."""

    timestamp_format: str | None = None
    """How the column `timestamp` is written (Python's `%` codes); default: ISO 8601."""

    select: Select = Select()
    """Which rows to run."""

    group_by: list[str] = Field(default=[], min_length=0)
    """Columns; rows with the same values make one job."""

    name_by: str | None = None
    """The column that names the images of a group, e.g. `camera`; default: `image1`, `image2`, …"""

    empty_group: Literal["error", "own"] = "error"
    """What happens to a row with an empty cell in a `group_by` column: an error, or a group of its own."""

    require: list[Scalar] = []
    """Values of `name_by` that each group needs, e.g. `[VIS, NIR]`."""

    incomplete: Literal["error", "skip"] = "error"
    """What happens to a group that lacks one of `require`: an error, or it is left out and reported."""

    checkpoint: Checkpoint | None = None
    """How images are found in the files that the source names, once the run has begun: frames of
    videos, pages of TIFFs, members of archives. `id`, `group_by`, `name_by` and `require` are about the
    images that were found; all else about the files."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        named = [name for name in SOURCE_KEYS if getattr(self, name) is not None]
        if not named:
            raise ValueError(f"needs a source, one of: {', '.join(SOURCE_KEYS)}")
        if len(named) > 1:
            raise ValueError(f"names {' and '.join(named)}, but takes one source")
        return self

    @property
    def source(self) -> str:
        """The key of the source."""
        return next(name for name in SOURCE_KEYS if getattr(self, name) is not None)


OWN_SOURCES = ("table", "directory", "lemnatec", "phenodata", "zarr", "omero")
"""The sources that come with pixmake; each is a module of `pixmake.table.sources`."""

ADDED_SOURCES: Mapping[str, plugins.Entry] = plugins.free("sources", Images.model_fields)
"""Those that installed packages add, by their keys."""

SOURCE_KEYS = (*OWN_SOURCES, *ADDED_SOURCES)
"""The keys of `Images` of which exactly one is given."""

if not TYPE_CHECKING and ADDED_SOURCES:
    _fields = {
        name: (Annotated[Any, KeysOf(entry)], Field(None, description=f"Source that {entry.package} adds."))
        for name, entry in ADDED_SOURCES.items()
    }
    Images = create_model("Images", __base__=Images, __module__=__name__, __doc__=Images.__doc__, **_fields)


def image_inconsistencies(images: Images) -> Iterator[tuple[str, str, str]]:
    """What each key of `images` allows by itself but not together: (key, what, hint)."""
    if images.name_by and not images.group_by:
        yield "name_by", "names the images of a group", "set group_by, too"
    if images.require and not images.name_by:
        yield "require", "names images of a group by the column `name_by`", "set name_by, too"
    if images.read_by and images.checkpoint is not None:
        yield "read_by", "is not for images that are found during the run: each is one file", "remove it"
    if "root" in images.model_fields_set and images.table is None:
        yield "root", f"is for `table`: in a {images.source} paths start from its own folder", "remove it"
