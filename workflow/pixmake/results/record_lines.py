"""The records of all jobs in one file, a line each: the one thing that opens every record.

All that comes after the images reads that file, some in processes of their own; so it imports little.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pixmake.base.operating_system import boot
from pixmake.job.record import (
    PREREQUISITE,
    STORED,
    Record,
    failure_counts,
    note_failure,
    parse_record,
    read_content,
)
from pixmake.job.whole_records import UNREADABLE, Stamp, note_read, records_read, stamp
from pixmake.results.history import Noted, note_made, noted
from pixmake.results.image_counts import Counting, counted_as, write_counts
from pixmake.results.kept_parts import KEY, Memory, Parts, write_parts

LINES = "lines"
"""What the one file is called among what is kept of it."""


def gather(records: Iterable[str], path: str | Path) -> int:
    """Write records into one file, a line each, in the order given, and beside it which of them are empty.

    Those that are as they were the last time, by size and date, are not opened: their lines are copied. After
    a start of the machine all are: a power cut may have left zeros under the old date.

    Returns
    -------
    int
        Their number.

    Raises
    ------
    FileNotFoundError, ValueError
        A record is missing, or is none; the next run finds out which.
    """
    paths = list(records)
    results = str(Path(path).parent)
    stamps: dict[str, Stamp] = {}
    stored = os.environ.get(STORED)
    memory = Memory(results, "records", boot())
    numbers = {} if stored else memory.before.numbers()
    parts = Parts()
    keys = bytearray()
    for record in paths:
        size, date = stamps[record] = stamp(record)
        key = hashlib.blake2b(f"{record}\0{size} {date}".encode("utf-8", "surrogateescape"), digest_size=KEY)
        keys += key.digest()
        known = numbers.get(key.digest())
        parts.known.append(None if known is None else memory.before.known[known])
    parts.keys = bytes(keys)
    before = cache(lambda: records_read(results))  # where no record is new, it takes no time
    made: list[Noted] = []

    def line(number: int) -> dict[str, bytes]:
        record = paths[number]
        try:
            content = read_content(record)
        except ValueError:
            read = {each: stamps[each] for each in paths[:number]}
            note_made(results, made)
            note_read(results, {**records_read(results), **read, record: UNREADABLE})
            raise
        if not stored and tuple(before().get(record, ())) != stamps[record]:
            made.append(noted(content))
        if content["error"] is not None and stored:
            _note_failure(content, record)
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
        parts.known[number] = counted_as(parse_record(content))
        return {LINES: text.encode()}

    if stored:
        memory.forget()
    write_parts(memory, parts, {LINES: (path, b"")}, line)
    counting = Counting()
    for record, kind in zip(paths, parts.known, strict=True):
        folder, _, name = record.rpartition("/")
        counting.add(folder.rpartition("/")[2], name.removesuffix(".json"), kind)
    write_counts(counting.counts(), results)
    if not stored:
        note_made(results, made)
        note_read(results, stamps)
    return len(paths)


def _note_failure(content: Mapping[str, Any], record: str) -> None:
    """Note a failure that another machine has noted: its notes are not among what it stores."""
    results, before = Path(record).parent.parent, content["origin"].get("task", {}).get("failures", 0)
    if content["error"]["type"] == PREREQUISITE:
        return
    if failure_counts(results, content["step"]).get(content["id"], 0) <= before:
        note_failure(results, content["step"], content["id"], content["error"]["message"])


def gathered(path: str | Path) -> Iterator[Record]:
    """The records of a file that `gather` wrote, one at a time."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield parse_record(json.loads(line))
