"""The records of all jobs in one file, a line each: the one thing that opens every record.

All that comes after the images reads that file, some in processes of their own; so it imports little.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.job.record import STORED, Record, failure_counts, note_failure, parse_record, read_content
from pixmake.job.run import PREREQUISITE
from pixmake.job.whole_records import UNREADABLE, Stamp, note_read, records_read, stamp
from pixmake.results.history import Noted, note_made, noted
from pixmake.results.image_counts import Counting, write_counts


def gather(records: Iterable[str], path: str | Path) -> int:
    """Write records into one file, a line each, in the order given, and beside it which of them are empty.

    Returns
    -------
    int
        Their number.

    Raises
    ------
    FileNotFoundError, ValueError
        A record is missing, or is none; the next run finds out which.
    """
    counting = Counting()
    results = str(Path(path).parent)
    stored = bool(os.environ.get(STORED))
    before = {} if stored else records_read(results)
    stamps: dict[str, Stamp] = {}
    made: list[Noted] = []
    with written_whole(path) as temporary, open(temporary, "w", encoding="utf-8") as lines:
        for record in records:
            stamps[record] = stamp(record)
            try:
                content = read_content(record)
            except ValueError:
                note_made(results, made)
                note_read(results, {**records_read(results), **stamps, record: UNREADABLE})
                raise
            if not stored and tuple(before.get(record, ())) != stamps[record]:
                made.append(noted(content))
            if content["error"] is not None and stored:
                _note_failure(content, record)
            lines.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
            counting.take(parse_record(content))
    write_counts(counting.counts(), results)
    if not stored:
        note_made(results, made)
        note_read(results, stamps)
    return len(stamps)


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
