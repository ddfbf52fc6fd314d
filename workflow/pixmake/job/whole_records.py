"""Which records can be used: a power cut, a full disk or an edit may have left one that cannot.

Which ones were read whole the last time is kept, by size and date: so a look at ten thousand opens none.
Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pixmake.base.files import written_whole
from pixmake.job.record import read_content

READ = ".snakemake/pixmake/read"
"""The folder with a file for each folder of results: the records that the last tables were made of."""

Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""

UNREADABLE: Stamp = (-1, -1)
"""Of no file: the next look opens it."""


def broken_records(results: str, records: Iterable[str]) -> dict[str, str]:
    """Of records those that are there and cannot be used, with the reason of each."""
    known = records_read(results)
    return {record: why for record in records if (why := why_broken(record, known.get(record)))}


def why_broken(record: str, known: Stamp | None = None) -> str:
    """Why a record that is there cannot be used; nothing if it can be, or is missing.

    Parameters
    ----------
    record
        Its path.
    known
        What it was when it was read whole.
    """
    try:
        if known is not None and stamp(record) == tuple(known):
            return ""
        read_content(record)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return str(error).removeprefix(f"{record} is not a record of pixmake: ")
    return ""


def stamp(path: str) -> Stamp:
    """What a file is, to tell later whether it is still the same."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def records_read(results: str) -> dict[str, Stamp]:
    """The records that the last tables were made of, as they were then."""
    try:
        known = json.loads(_read_file(results).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def note_read(results: str, stamps: Mapping[str, Stamp]) -> None:
    """Keep which records were read whole, and what they were then."""
    with written_whole(_read_file(results)) as temporary:
        temporary.write_text(json.dumps(stamps, ensure_ascii=False), encoding="utf-8")


def _read_file(results: str) -> Path:
    return Path(READ) / f"{hashlib.sha256(results.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.json"
