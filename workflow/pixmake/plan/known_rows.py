"""The rows of a table of images, selected and grouped, from run to run: those of a file that is as it was.

Typing the cells of a hundred thousand rows and grouping them takes longer than all that a run with nothing
to do asks of the disk. What is kept counts for the same bytes of the table, the same `images`, and the same
files of pixmake; whether the images are there is looked at each time. So the file can be removed, or be an
old one.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.base.installed import code_stamp
from pixmake.config.images import Images
from pixmake.images.remote.uris import is_remote
from pixmake.job.task import one_line
from pixmake.plan.image_versions import Images as SeenImages
from pixmake.table.arrivals import ENVIRONMENT
from pixmake.table.groups import Group
from pixmake.table.row_sum import RowSum
from pixmake.table.table import Note, Table

FOLDER = ".snakemake/pixmake/rows"

_HEAD = f"pixmake rows 2 {sys.implementation.cache_tag}\n".encode()
_KEY = 32


@dataclass(frozen=True)
class Rows:
    """What is known of a table that nothing is wrong with."""

    columns: Sequence[str]
    groups: tuple[Group, ...]
    notes: tuple[Note, ...]
    rows: RowSum
    alike: tuple[Note, ...]
    """What is told of values that look alike."""


def rows_key(images: Images, source: str, terms: Sequence[str]) -> bytes:
    """What stands for all that decides the rows; empty if more does than the table's own bytes.

    Parameters
    ----------
    images
        Which images.
    source
        The config, for messages.
    terms
        The columns by which steps group images.
    """
    file = images.table
    if file is None or is_remote(file.path) or images.join or images.exif or images.missing != "error":
        return b""
    if os.environ.get(ENVIRONMENT):
        return b""  # files are still arriving
    try:
        content = Path(file.path).read_bytes()
    except (OSError, ValueError):
        return b""
    said = [images.model_dump(mode="json"), source, list(terms), os.environ.get("TZ"), sys.version]
    digest = hashlib.blake2b(content, digest_size=_KEY)
    digest.update(one_line(said).encode("utf-8", "surrogatepass"))
    digest.update(code_stamp("base", "config", "images", "plan", "table").encode())
    return digest.digest()


def known_rows(key: bytes, path: str, seen: SeenImages) -> Rows | None:
    """The rows as they were read the last time, if they are known and each image is there.

    Parameters
    ----------
    key
        See `rows_key`.
    path
        The table.
    seen
        The image files as they are.
    """
    try:
        content = _file(path).read_bytes() if key else b""
        start = len(_HEAD) + _KEY + 4
        if content[: start - 4] != _HEAD + key:
            return None
        if zlib.crc32(memoryview(content)[start:]) != int.from_bytes(content[start - 4 : start], "little"):
            return None
        columns, groups, notes, (read, kept, left_out), alike = marshal.loads(memoryview(content)[start:])
    except (OSError, ValueError, EOFError, TypeError):
        return None
    del content
    make = Group._make
    for place, plain in enumerate(groups):
        groups[place] = make(plain)  # a million of them would be held twice
        if plain[_WHEN] is not None:
            groups[place] = groups[place]._replace(when=datetime.fromisoformat(plain[_WHEN]))
    if not seen.are_files(path for group in groups for path in group.paths):
        return None  # which of them is not is told by who reads the table
    of_table, of_alike = (tuple(Note(*note) for note in told) for told in (notes, alike))
    return Rows(columns, tuple(groups), of_table, RowSum(read, kept, left_out), of_alike)


def keep_rows(key: bytes, path: str, table: Table, rows: Rows) -> None:
    """Keep what was read of a table that nothing is wrong with, if it can be told in plain values."""
    if not key or not table.is_plain or table.parts is not None or table.files != table.located:
        return
    try:
        of_rows = (rows.rows.read, rows.rows.kept, rows.rows.left_out)
        told = [
            [tuple(getattr(note, name) for name in _NOTE) for note in each]
            for each in (rows.notes, rows.alike)
        ]
        content = marshal.dumps(
            (list(rows.columns), list(map(_plain, rows.groups)), told[0], of_rows, told[1])
        )
        with written_whole(_file(path)) as temporary:
            temporary.write_bytes(_HEAD + key + zlib.crc32(content).to_bytes(4, "little") + content)
    except (OSError, ValueError):
        return  # a project that may not be written to; a value of another library's type


_NOTE = tuple(Note.__dataclass_fields__)


def _file(path: str) -> Path:
    return Path(FOLDER) / hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _plain(group: Group) -> tuple[Any, ...]:
    """A group as plain values.

    Raises
    ------
    ValueError
        It is of more than these.
    """
    if group.members or group.parts or group.broken or group.name:
        raise ValueError("a group of other values")
    when = group.when
    if when is not None and when.tzinfo is not None and type(when.tzinfo) is not timezone:
        raise ValueError("a time zone with a name")
    of_when = None if when is None else when.isoformat()
    plain = {"metadata": _dict(group.metadata), "written": _dict(group.written), "when": of_when}
    return tuple((group._asdict() | plain).values())


def _dict(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values) if values else _NONE


_WHEN = Group._fields.index("when")

_NONE: dict[str, Any] = {}
"""One for all groups that have none, also in the file and in what is read of it."""
