"""Columns from the headers of the image files themselves: `images.exif`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np

from pixmake.base.errors import MissingExtraError, PixmakeError, Problem
from pixmake.images.remote.uris import is_remote
from pixmake.table.header_cache import remembered
from pixmake.table.table import MISSING, PATH, Note, Table, located

_MAKE, _MODEL = 0x010F, 0x0110
_EXIF = 0x8769
_ORIGINAL, _DIGITIZED, _CHANGED = 0x9003, 0x9004, 0x0132
_ZONES = {_ORIGINAL: 0x9011, _DIGITIZED: 0x9012, _CHANGED: 0x9010}
_FRACTIONS = {_ORIGINAL: 0x9291, _DIGITIZED: 0x9292, _CHANGED: 0x9290}
_NUMBERS = {"exposure": 0x829A, "aperture": 0x829D, "iso": 0x8827, "focal_length": 0x920A}

BROKEN = "its header cannot be read"

Tags = Mapping[int, Any]


def with_exif(table: Table, terms: Sequence[str]) -> Table:
    """The table with columns from the files' headers; one that cannot be read leaves its cells empty.

    Parameters
    ----------
    table
        Any table; files that are not there are left to its other checks.
    terms
        ``timestamp`` (when the picture was taken), ``camera`` (maker and model), ``exposure`` (seconds),
        ``aperture`` (the f-number), ``iso``, ``focal_length`` (mm).

    Raises
    ------
    PixmakeError
        A column that the table has already, images that are not on a disk here.
    MissingExtraError
        Pillow is not installed.
    """
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise MissingExtraError("images.exif", "pillow", "exif") from None
    problems = [
        Problem(f"images.exif: {table.source} has a column {term!r} already", hint="take it out of `exif`")
        for term in terms
        if term in table.cells
    ]
    if problems:
        raise PixmakeError(problems)
    paths = [None if path is None else located(path, table.root) for path in table.cells[PATH]]
    remote = [path for path in paths if path is not None and is_remote(path)]
    if remote:
        what = f"images.exif reads files on a disk here, and {len(remote)} images are not, e.g. {remote[0]}"
        raise PixmakeError([Problem(what, table.source, "put these columns into the table")])
    local = [path for path in paths if path is not None]
    headers = remembered(".".join(["exif", *terms]), local, lambda some: _read_all(some, terms))
    found = [headers.get(path or "", {MISSING: True}) for path in paths]
    notes = []
    columns: dict[str, list[Any]] = {term: [] for term in terms}
    broken: list[str | None] = [None] * len(table)
    for position, (path, values) in enumerate(zip(paths, found, strict=True)):
        said = {BROKEN: values} if isinstance(values, str) else values
        broken[position] = said.get(BROKEN)
        if broken[position] is not None:
            why, _, detail = str(said[BROKEN]).partition(": ")
            notes.append(Note(why, str(path), table.place(position), detail))
        for term in terms:
            columns[term].append(said.get(term))
            if said.get(term) is None and not said.keys() & {MISSING, BROKEN}:
                notes.append(Note(f"has no {term} in its header", str(path), table.place(position)))
    if any(broken):
        marks = np.empty(len(table), dtype=object)
        marks[:] = broken
        table = replace(table, broken=marks)
    return table.with_columns(columns).noting(notes)


def _read_all(paths: Sequence[str], terms: Sequence[str]) -> list[dict[str, Any] | str]:
    with ThreadPoolExecutor(min(16, 4 * (os.cpu_count() or 1))) as threads:
        return list(threads.map(lambda path: _read(path, terms), paths, chunksize=64))


def _read(path: str, terms: Sequence[str]) -> dict[str, Any] | str:
    """The terms of one file, or why its header cannot be read."""
    from PIL import Image, UnidentifiedImageError

    if not os.path.isfile(path):
        return {MISSING: True}
    try:
        with Image.open(path) as image:
            header = image.getexif()
            tags = {**header, **header.get_ifd(_EXIF)}
        return _values(tags, terms)
    except UnidentifiedImageError:
        return "its header cannot be read: it is no image that Pillow knows"
    except Exception as error:  # a broken header fails in many ways, none of which is ours
        return f"its header cannot be read: {error or type(error).__name__}"


def _values(tags: Tags, terms: Sequence[str]) -> dict[str, Any]:
    """The terms that a header says, and what is wrong with the first that it says in no usable way."""
    values: dict[str, Any] = {}
    for term in terms:
        try:
            values[term] = _value(tags, term)
        except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
            values[term] = None
            values.setdefault(BROKEN, f"its header cannot be read: {term}: {error}")
    return values


def _value(tags: Tags, term: str) -> Any:
    if term == "timestamp":
        return _timestamp(tags)
    if term == "camera":
        return _camera(tags)
    return _number(tags.get(_NUMBERS[term]))


def _timestamp(tags: Tags) -> str | None:
    """When the picture was taken, as ISO 8601, with fractions of a second and zone if they are there."""
    for tag in (_ORIGINAL, _DIGITIZED, _CHANGED):
        text = _text(tags.get(tag))
        if not text or not text.strip(" :0"):
            continue
        when = datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")
        digits = _text(tags.get(_FRACTIONS[tag]))
        if digits and digits.isdigit():
            when = when.replace(microsecond=int(digits[:6].ljust(6, "0")))
        return when.isoformat() + (_text(tags.get(_ZONES[tag])) or "")
    return None


def _camera(tags: Tags) -> str | None:
    make, model = _text(tags.get(_MAKE)), _text(tags.get(_MODEL))
    if make and model and not model.lower().startswith(make.lower()):
        return f"{make} {model}"
    return model or make


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return str(value).strip("\0 ") or None if value is not None else None


def _number(value: Any) -> float | int | None:
    if isinstance(value, (tuple, list)):
        value = value[0] if value else None
    if value is None:
        return None
    if isinstance(value, int):
        return value
    exact = Fraction(value.numerator, value.denominator) if getattr(value, "denominator", 0) else None
    return None if exact is None else float(exact)
