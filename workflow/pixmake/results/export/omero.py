"""Measurements in the form that OMERO's importer takes: the CSV of ``omero metadata populate``.

Its first line says the types of the columns, by omero-metadata's README: ``# header image,d,l,s``. One of
them says which object of OMERO a row belongs to: an image by its id or by its name, or a well. What the
importer makes of names of other columns (``plate`` filters rows, ``shape`` is looked up, ``row`` loses 1)
is read in its source (omero-metadata 0.13, ``populate.py``).
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.files import written_whole
from pixmake.results.read import read_csv_table, read_table

if TYPE_CHECKING:
    import pandas as pd

By = Literal["image", "name", "well"]
"""How a row names its object."""

_IMAGE_ID, _NAME, _WELL, _PLATE, _ID = "image_id", "name", "well", "plate", "id"

_IN_OMERO = re.compile(
    r"image_id|name|dataset|screen|plate(_id)?|well|row|column|field|acquisition|timestamp|tags|path"
    r"|size_[tczyx]|pixel_type|pixel_size_[zyx]"
)
"""Columns of the source ``omero`` that say what OMERO says by itself."""

_RESERVED = {
    *("image", "dataset", "plate", "well", "roi", "shape", "field", "wellsample", "row", "column"),
    *(f"{kind}{word}" for kind in ("image", "dataset", "plate", "well", "roi") for word in ("_name", "_id")),
}
"""Names of columns that mean something to the importer."""


@dataclass(frozen=True)
class OmeroTable:
    """A table as OMERO's importer takes it."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    """Of each column: ``image``, ``well``, ``plate``, or ``d`` (number), ``l`` (integer), ``b``, ``s``."""
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()
    """What was left out, or what the importer will not like."""

    def write(self, path: str | Path) -> None:
        """Write it as CSV, in UTF-8."""
        with written_whole(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as lines:
            write = csv.writer(lines).writerow  # which quotes what has either of its line ends in it
            write([f"# header {self.types[0]}", *self.types[1:]])
            write(self.columns)
            for row in self.rows:
                write([_cell(value, type_) for value, type_ in zip(row, self.types, strict=True)])


def omero_table(
    results: str | Path, *, by: By | None = None, steps: Sequence[str] = (), table: str | Path | None = None
) -> OmeroTable:
    """The measurements of a run as one table for OMERO, a row an image.

    Parameters
    ----------
    results
        The folder of results.
    by
        How rows name their object; default: ``image`` if the images have ids of OMERO, ``well`` if they have
        wells, else ``name``.
    steps
        Measurements of these steps only; default: of all.
    table
        A table with a column ``id`` instead of the measurements, e.g. ``results/measure.cells.csv``: a row
        an object of an image.

    Raises
    ------
    PixmakeError
        There are no results yet, no such table, or rows that cannot name their object.
    """
    measured = _read(results, "measurements")
    described = _read(results, "columns")
    terms = [str(name) for name in described["column"][described["kind"] == "term"]]
    unknown = [step for step in steps if step not in set(measured["step"])]
    if unknown:
        hint = nearest(unknown[0], set(measured["step"]))
        raise PixmakeError([Problem(f"the step {unknown[0]!r} has measured nothing", str(results), hint)])
    metadata = measured[[_ID, *terms]].drop_duplicates(_ID).set_index(_ID)
    notes: list[str] = []
    frame = _of_images(measured, described, steps, notes) if table is None else _of_objects(table, metadata)
    by = by or ("image" if _IMAGE_ID in terms else "well" if _WELL in terms else "name")
    named = _named(metadata, frame[_ID].tolist(), by, str(results), notes)
    kept = [term for term in terms if not _IN_OMERO.fullmatch(term)]
    columns = {_ID: frame[_ID].tolist()}
    columns |= {term: metadata[term].reindex(frame[_ID]).tolist() for term in kept}
    columns |= {str(name): frame[name].tolist() for name in frame.columns if name != _ID}
    filled = {name: list(map(_plain, cells)) for name, cells in columns.items()}
    filled = {name: cells for name, cells in filled.items() if any(cell is not None for cell in cells)}
    made = [*named, *((name, _type(cells), cells) for name, cells in _renamed(filled).items())]
    return OmeroTable(
        columns=tuple(name for name, _, _ in made),
        types=tuple(type_ for _, type_, _ in made),
        rows=tuple(zip(*(cells for _, _, cells in made), strict=True)),
        notes=tuple(notes),
    )


def omero_pairs(
    results: str | Path, *, steps: Sequence[str] = ()
) -> tuple[dict[int, list[tuple[str, str]]], list[str]]:
    """The measurements of a run as key-value pairs of OMERO's images, and notes of what was left out.

    Where several rows are about one image, such as its channels, a key has the row's id behind its name.

    Parameters
    ----------
    results
        The folder of results.
    steps
        Measurements of these steps only; default: of all.

    Raises
    ------
    PixmakeError
        There are no results yet, or the images have no ids of OMERO.
    """
    table = omero_table(results, by="image", steps=steps)
    described = _read(results, "columns")
    terms = set(_renamed({str(term): [] for term in described["column"][described["kind"] == "term"]}))
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for row in table.rows:
        rows.setdefault(row[0], []).append(row)
    at = table.columns.index(_ID)
    pairs = {
        image: [
            (name if len(said) == 1 else f"{name} ({row[at]})", _cell(value, type_))
            for row in said
            for name, type_, value in zip(table.columns[1:], table.types[1:], row[1:], strict=True)
            if name not in terms and name != _ID and value is not None
        ]
        for image, said in rows.items()
    }
    return {image: said for image, said in pairs.items() if said}, list(table.notes)


def _read(results: str | Path, name: str) -> pd.DataFrame:
    try:
        frame = read_table(results, name)
    except FileNotFoundError:
        frame = None
    if frame is None or frame.empty:
        raise PixmakeError([Problem("there are no measurements yet", str(results), "run snakemake first")])
    return frame


def _of_images(
    measured: pd.DataFrame, described: pd.DataFrame, steps: Sequence[str], notes: list[str]
) -> pd.DataFrame:
    """A row an image, with the measurements of all steps beside each other."""
    import pandas as pd

    said = described[described["kind"] == "measurement"]
    several = sorted(set(said["column"][said["type"] == "several"]))
    if several:
        notes.append(f"left out, as a cell of OMERO's holds one value: {', '.join(several)}")
    said = said[~said["column"].isin(several)]
    rows: dict[str, dict[str, Any]] = {}
    for step in steps or list(dict.fromkeys(measured["step"])):
        names = said["column"][said["step"] == step].tolist()
        for row in measured.loc[measured["step"] == step, [_ID, *names]].to_dict("records"):
            target = rows.setdefault(str(row[_ID]), {_ID: row[_ID]})
            for name in names:
                shared = (said["column"] == name).sum() > 1
                target[f"{step}.{name}" if shared else name] = row[name]
    in_order = [rows[job] for job in dict.fromkeys(measured[_ID].tolist()) if job in rows]
    return pd.DataFrame(in_order, dtype=object)


def _of_objects(table: str | Path, metadata: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of all images."""
    import pandas as pd

    try:
        if Path(table).suffix.lower() == ".parquet":
            frame = pd.read_parquet(table)
        else:
            frame = read_csv_table(table, text=[_ID])
    except FileNotFoundError:
        raise PixmakeError([Problem("there is no such table", str(table))]) from None
    if _ID not in frame.columns:
        hint = "tables of all images are called results/<step>.<file>.csv"
        raise PixmakeError([Problem(f"has no column {_ID!r}", str(table), hint)])
    known = frame[frame[_ID].isin(metadata.index)]
    if known.empty:
        raise PixmakeError([Problem("has no row of an image that was measured", str(table))])
    return known


def _named(
    metadata: pd.DataFrame, ids: Sequence[str], by: By, where: str, notes: list[str]
) -> list[tuple[str, str, list[Any]]]:
    """The columns by which rows name their objects: name, type and cells of each."""

    def cells(column: str) -> list[Any]:
        if column not in metadata:
            hint = f"the columns are: {', '.join(metadata.columns)}"
            raise PixmakeError([Problem(f"the images have no column {column!r}", where, hint)])
        found = [_plain(value) for value in metadata[column].reindex(list(ids)).tolist()]
        if None in found:
            what = f"{column!r} is empty, but OMERO is to find it by that"
            raise PixmakeError([Problem(what, f"{where}, {ids[found.index(None)]}")])
        return found

    if by == "image":
        numbers = [int(number) for number in cells(_IMAGE_ID)]
        if _NAME in metadata and metadata.drop_duplicates(_IMAGE_ID)[_NAME].duplicated().any():
            notes.append("several images have one name: OMERO's importer takes no dataset with such images")
        return [("Image", "image", numbers)]
    if by == "well":
        wells: list[tuple[str, str, list[Any]]] = [("Well", "well", list(map(str, cells(_WELL))))]
        if _PLATE in metadata and metadata[_PLATE].nunique() > 1:
            return [("Plate", "plate", list(map(str, cells(_PLATE)))), *wells]
        return wells  # the importer knows plates by name in a screen alone
    names = cells(_NAME) if _NAME in metadata else [os.path.basename(str(path)) for path in cells("path")]
    return [("Image Name", "s", list(map(str, names)))]


def _renamed(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The columns by names that mean nothing to the importer, and that OMERO's tables can be asked for."""
    made: dict[str, list[Any]] = {}
    for name, cells in columns.items():
        plain = "".join(letter if f"_{letter}".isidentifier() else "_" for letter in name)
        plain = re.sub("_+", "_", plain).strip("_") or "column"
        if not plain.isidentifier() or plain.lower() in _RESERVED:
            plain = f"pixmake_{plain}"
        number, free = 2, plain
        while free in made:
            number, free = number + 1, f"{plain}_{number}"
        made[free] = cells
    return made


def _plain(value: Any) -> Any:
    """A cell as Python has it; None if it is empty."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("<NA>", "NaT"):
        return None
    return value


def _type(cells: Sequence[Any]) -> str:
    """The type of a column of OMERO's: integers with a gap are numbers, since only those have NaN."""
    filled = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, bool) for cell in filled):
        return "b" if len(filled) == len(cells) else "s"
    if all(isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) < 2**63 for cell in filled):
        return "l" if len(filled) == len(cells) else "d"
    if all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in filled):
        return "d"
    return "s"


def _cell(value: Any, type_: str) -> str:
    if value is None:
        return "nan" if type_ == "d" else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value)) if type_ == "d" else str(value)
