"""Starts of a program that takes seconds to start, each for many images: which images belong to which.

A step of such a kind (`task.STARTS`) has, besides a job for each image, one for each start. That one does the
work and stores it; an image's job takes its part of it, and is as short as any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

FOLDER = ".starts"
"""The folder below ``results`` with what starts have made."""


def start_name(step: str) -> str:
    """What the starts of a step are called, in rules and as the folder of their logs."""
    return f"start_of_{step}"


def start_record(results: str, step: str, batch: str) -> str:
    """The record of a start; what it made lies beside it."""
    return f"{results}/{FOLDER}/{step}/{batch}.json"


def batches(ids: Sequence[str], most: int) -> Iterator[tuple[str, list[int]]]:
    """The images of each start: its name, and their places in ``ids``.

    They are parted by the bits of their ids' hashes, a batch in two where it would be too large. So a new
    image changes one batch, and no other one's name or content.
    """
    bits = [f"{int(hashlib.sha256(text.encode()).hexdigest(), 16):0256b}" for text in ids]

    def part(prefix: str, places: list[int]) -> Iterator[tuple[str, list[int]]]:
        if len(places) <= most or len(prefix) == 256:
            yield prefix or "all", places
            return
        for bit in "01":
            longer = prefix + bit
            yield from part(longer, [place for place in places if bits[place].startswith(longer)])

    yield from ((name, places) for name, places in part("", list(range(len(ids)))) if places)
