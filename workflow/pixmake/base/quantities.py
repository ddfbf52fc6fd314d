"""Times and sizes as people write them, in the units that a cluster is asked in: minutes and megabytes."""

from __future__ import annotations

import math
import re

_MINUTES = {"s": 1 / 60, "m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}
_TIME = re.compile(
    r"(\d+(?:\.\d+)?)\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)\s*", re.IGNORECASE
)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgtp]?)(i?)b?|bytes?)", re.IGNORECASE)
_PREFIXES = "kmgtp"


def minutes(text: str) -> int | None:
    """A time in whole minutes, at least one; a bare number is minutes, and nothing is what is no time.

    Examples
    --------
    >>> minutes("1h30m"), minutes("2 hours"), minutes("90"), minutes("1d 12h"), minutes("soon")
    (90, 120, 90, 2160, None)
    """
    text = text.strip()
    if text.isdecimal():
        return max(int(text), 1)
    parts = list(_TIME.finditer(text))
    if not parts or "".join(match[0] for match in parts) != text:
        return None
    return max(math.ceil(sum(float(match[1]) * _MINUTES[match[2][0].lower()] for match in parts)), 1)


def megabytes(text: str) -> int | None:
    """A size in whole megabytes, at least one; a bare number is megabytes, and nothing is what is no size.

    Examples
    --------
    >>> megabytes("300MB"), megabytes("2 GB"), megabytes("1GiB"), megabytes("500"), megabytes("lots")
    (300, 2000, 1074, 500, None)
    """
    text = text.strip()
    if text.isdecimal():
        return max(int(text), 1)
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    power = _PREFIXES.find((match[2] or " ").lower()) + 1
    size = float(match[1]) * float(1024 if match[3] else 1000) ** power
    return max(math.ceil(size / 1_000_000), 1)
