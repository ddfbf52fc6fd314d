"""Source ``phenodata``: a ``metadata.json`` with ``dataset``, ``environment`` and ``images``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem
from pixmake.base.values import typed_cell
from pixmake.config.images import Images
from pixmake.table.files import read_text
from pixmake.table.table import PATH, Note, Table, make_table

FILE = "metadata.json"
SNAPSHOT = "snapshot"


def read(images: Images) -> Table:
    """Read the file that `images.phenodata` names: a row for each entry of ``images``.

    The columns are the terms of all images, then those of their snapshots' environment, then those of
    the dataset. Where two of them say the same term, the image's own word counts.

    Raises
    ------
    PixmakeError
        The file cannot be read, is not of that form, or has no image.
    """
    asked = images.phenodata
    assert asked is not None
    path = os.path.join(asked.path, FILE) if os.path.isdir(asked.path) else asked.path
    content = _content(Path(path))
    records, environments = content["images"], content["environment"]
    dataset = {term: value for term, value in content["dataset"].items() if typed_cell(value) is not None}
    notes = list(_oddities(records, environments, path))
    terms = dict.fromkeys(term for record in records.values() for term in record)
    terms |= dict.fromkeys(term for record in environments.values() for term in record)
    terms |= dict.fromkeys(dataset)
    terms.pop(PATH, None)
    environment = [environments.get(str(record.get(SNAPSHOT)), {}) for record in records.values()]
    columns: dict[str, list[Any]] = {PATH: list(records)}
    for term in terms:
        shared = dataset.get(term)
        columns[term] = [
            record[term] if record.get(term) is not None else around.get(term, shared)
            for record, around in zip(records.values(), environment, strict=True)
        ]
    return make_table(columns, list(records), path, os.path.dirname(path) or ".", notes)


def _content(path: Path) -> dict[str, dict[str, Any]]:
    """The three parts of the file, those that are not there empty."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for number, key in enumerate(keys) if key in keys[:number])
            raise PixmakeError([Problem(f"the key {twice!r} stands twice in one place", str(path))])
        return made

    try:
        content = json.loads(read_text(path), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise PixmakeError([Problem(f"cannot be read as JSON: {error}", str(path))]) from None
    hint = 'it should hold "images": {"a/b.png": {"camera": "VIS", …}, …}'
    if not isinstance(content, dict) or not content.get("images"):
        raise PixmakeError([Problem("holds no images", str(path), hint)])
    parts = {key: content.get(key) or {} for key in ("dataset", "environment", "images")}
    problems = [
        Problem(f"{key!r} is no mapping", str(path), hint)
        for key, part in parts.items()
        if not isinstance(part, dict)
    ]
    problems += [
        Problem(f"{key}: {name!r} has no terms", str(path), hint)
        for key in ("environment", "images")
        if isinstance(parts[key], dict)
        for name, record in parts[key].items()
        if not isinstance(record, dict)
    ]
    if problems:
        raise PixmakeError(problems)
    return parts


def _oddities(
    records: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]], path: str
) -> Iterator[Note]:
    used = set()
    for name, record in records.items():
        where = f"{path}, {name}"
        if PATH in record:
            yield Note(f"has a term {PATH!r}, which is left out", where=where)
        snapshot = record.get(SNAPSHOT)
        if snapshot is None or not environments:
            continue
        used.add(str(snapshot))
        if str(snapshot) not in environments:
            yield Note("is of a snapshot that `environment` does not have", where=where, detail=str(snapshot))
            continue
        for term, value in environments[str(snapshot)].items():
            own = record.get(term)
            if own is not None and own != value and typed_cell(own) != typed_cell(value):
                what = f"the environment has another {term!r}, the image's own counts"
                yield Note(what, where=where, detail=f"{value!r}, not {own!r}")
    for snapshot in environments:
        if snapshot not in used:
            yield Note("a snapshot without images", where=f"{path}, {snapshot}")
