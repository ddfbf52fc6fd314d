"""The results of all jobs of a step in one file, for the jobs that need all of them.

What it says of records that are as they were is copied; see `pixmake.results.kept_parts`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from pixmake.base.operating_system import boot
from pixmake.job.record import STORED, read_record
from pixmake.results.kept_parts import Memory, Parts, state_keys, write_parts

RECORDS = "records"
"""What the file is called among what is kept of it."""


def write_gathered(records: Iterable[str], output: str | Path) -> None:
    """Write the rows and files of all jobs of a step to one file, so that any job can have them all.

    Parameters
    ----------
    records
        The records, in their order.
    output
        Where to write; its name is the step's, and its folder lies in that of the results.
    """
    paths, path = list(records), Path(output)
    memory = Memory(str(path.parent.parent), f"gathered.{path.name}", boot())
    if os.environ.get(STORED):
        memory.forget()
    numbers = memory.before.numbers()
    parts = Parts(state_keys(paths))
    for number in range(len(paths)):
        known = numbers.get(parts.key(number))
        parts.known.append(None if known is None else memory.before.known[known])

    def part(number: int) -> dict[str, bytes]:
        record = read_record(paths[number])
        if record.status == "failed":
            parts.known[number] = (record.id, None)
            return {}
        parts.known[number] = (record.id, dict(record.files))
        row = {"id": record.id, "metadata": record.metadata, "measurements": record.measurements}
        return {RECORDS: f"{json.dumps(row, ensure_ascii=False)},\n".encode()}

    def end() -> dict[str, bytes]:
        files: dict[str, list[str]] = {}
        for _, of_record in parts.known:
            for name, file in (of_record or {}).items():
                files.setdefault(name, []).append(file)
        missing = [job_id for job_id, of_record in parts.known if of_record is None]
        tail = json.dumps({"files": files, "missing": missing}, ensure_ascii=False)
        # no comma may stand behind the last one, whichever that is
        return {RECORDS: f"null],\n{tail[1:]}\n".encode()}

    write_parts(memory, parts, {RECORDS: (path, b'{"records": [\n')}, part, end)
