"""What a run could have saved whose images take some milliseconds, each in a process of its own.

One process for many images is nothing that could be done unasked: what installed libraries remember of one
image is there for the next (`pixmake.job.process_reuse`). So it is told what it would be worth.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from pixmake.job.record import Record, read_record

PROCESS_SECONDS = 0.005
"""CPU-seconds that a process of its own costs an image beyond its share of one; see RESULTS.md."""

SHORT_SECONDS = 0.02
"""Of an image that takes longer, a process of its own is a small part."""

LEAST_IMAGES, LOOKED_AT = 200, 21
"""Of fewer images a second is all that could be saved; of how many the records are read."""

MANY = 100
"""Images for a process, as one would ask for."""


def advice(records: Sequence[str], steps: Iterable[str], begun: float) -> list[str]:
    """A line for each step whose images were so short that a process for many of them is worth a thought.

    Parameters
    ----------
    records
        All records of the run.
    steps
        Those that have a process for each image, and could have one for many.
    begun
        When the run began: what was done before it cost it nothing.
    """
    found = []
    for step in steps:
        of_step = [path for path in records if Path(path).parent.name == step]
        if len(of_step) < LEAST_IMAGES:
            continue
        some = [_read(path) for path in of_step[:: max(1, len(of_step) // LOOKED_AT)]]
        fresh = [record for record in some if record and _started(record) >= begun]
        images = round(len(of_step) * len(fresh) / len(some))
        if images < LEAST_IMAGES:
            continue
        seconds = statistics.median(float(record.run.get("seconds", 1.0)) for record in fresh)
        if seconds <= SHORT_SECONDS:
            saved = f"save some {images * PROCESS_SECONDS:.0f} s of computing"
            found.append(
                f"{step}: {images:,} images of some {1000 * seconds:.0f} ms; `images_per_process: {MANY}` "
                f"would {saved}, if its libraries remember nothing of an image (docs/analysis.md)"
            )
    return found


def _read(path: str) -> Record | None:
    try:
        return read_record(path)
    except (OSError, ValueError):
        return None


def _started(record: Record) -> float:
    try:
        return datetime.fromisoformat(str(record.run["started"])).timestamp()
    except (KeyError, ValueError):
        return 0.0
