"""What it would cost to have each record on the disk before it gets its place: `fsync` before the rename."""

from __future__ import annotations

import functools
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from environments import REPOSITORY
from frame import Benchmark, Contestant, main
from measured import OURS, Case, Results

FILE, FOLDER = "fsync of the record", "fsync of the record and its folder"


def _synced(path: str | os.PathLike[str]) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def contestants(case: Case, scratch: Path) -> Sequence[Contestant]:
    """Each writes as many records, one after the other, by pixmake's own function; not into memory."""
    from pixmake.base import files
    from pixmake.job.record import Record, write_record

    place = files.rename
    measured = {f"trait {number}": {"value": number / 7, "unit": "pixels"} for number in range(20)}

    def file(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
        _synced(source)
        place(source, target)

    def folder(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
        file(source, target)
        _synced(Path(target).parent)

    def write(rename: Callable[..., None]) -> Mapping[str, float]:
        count = int(case["records"])
        files.rename = rename
        try:
            with tempfile.TemporaryDirectory(prefix=".power_cut-", dir=REPOSITORY) as disk:
                begun, cpu = time.perf_counter(), time.process_time()
                for number in range(count):
                    record = Record(f"p{number}", "measure", "ok", measurements=measured)
                    write_record(record, Path(disk) / f"p{number}.json")
                seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        finally:
            files.rename = place
        return {"seconds": seconds, "cpu_seconds": cpu, "ms_each": 1000 * seconds / count}

    ways = {OURS: place, FILE: file, FOLDER: folder}
    return [Contestant(name, functools.partial(write, way)) for name, way in ways.items()]


def text(results: Results) -> str:
    """Milliseconds a record."""
    lines = ["| records, one after the other | ms each |", "| --- | --- |"]
    for each in results.measured:
        shown = sorted(run["ms_each"] for run in each.runs)
        lines.append(f"| {each.contestant} | {shown[len(shown) // 2]:.2g} |")
    return "\n".join(lines)


BENCHMARK = Benchmark(
    name="power_cut",
    title="Records on the disk before the rename",
    about="""
A power cut may leave a record empty that was renamed into its place some seconds before: the file system
writes the name before the content. `fsync` before the rename prevents that, and waits for the disk each time.
They are written into a folder of the repository, on whatever disk that is. pixmake does without it, and makes
an image again whose record it finds damaged (`docs/failures.md`).
""",
    cases=[{"records": 500}],
    quick=[{"records": 100}],
    contestants=contestants,
    text=text,
)


if __name__ == "__main__":
    main(BENCHMARK)
