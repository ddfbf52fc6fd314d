"""Which points were made of fewer images than the others, such as a well without one of its sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def lacking(
    members: Sequence[Collection[int]], own: Sequence[int], lost: Collection[int], plates: Sequence[Any]
) -> dict[int, tuple[int, int]]:
    """By row how many images a point was made of, and of how many it should have been.

    Parameters
    ----------
    members
        The rows of each point's images; empty where images are no points.
    own
        How many images each point was made of, where images are no points.
    lost
        The images that failed in a step that the points need.
    plates
        What each point is on: as many images as most others there have are expected of it.

    Returns
    -------
    dict
        Only of points that lack some. Where no number of images is that of more than half of the points,
        none is expected, and only those that failed are missing.
    """
    given = [len(images) or count for images, count in zip(members, own, strict=True)]
    counts: dict[Any, list[int]] = {}
    for count, plate in zip(given, plates, strict=True):
        counts.setdefault(plate, []).append(count)
    usual = {plate: _usual(of_plate) for plate, of_plate in counts.items()}
    found = {}
    for row, (images, count) in enumerate(zip(members, given, strict=True)):
        here, expected = count - sum(image in lost for image in images), max(count, usual[plates[row]])
        if here < expected:
            found[row] = here, expected
    return found


def _usual(counts: Sequence[int]) -> int:
    """The number that more than half of the points have; 0 if there is none."""
    number, times = Counter(counts).most_common(1)[0]
    return number if times * 2 > len(counts) else 0


def needed_by(steps: Collection[str], settings: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The steps that these need, and what those need in turn."""
    found: set[str] = set()
    ahead = list(steps)
    while ahead:
        step = settings.get(ahead.pop(), {})
        more = {*step.get("needs", ()), *step.get("needs_all", ())} - found
        found |= more
        ahead += more
    return found
