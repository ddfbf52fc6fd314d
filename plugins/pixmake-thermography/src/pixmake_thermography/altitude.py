"""View ``altitude`` of the page: what was measured by how high the camera was."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from pixmake.results.report.content import Content
from pixmake.results.report.views import View

BAND = 5
"""Metres of altitude that are one line."""


def bands(content: Content) -> list[dict[str, Any]] | None:
    """Of each measurement the median in each band of altitude; none where there is no altitude.

    Returns
    -------
    list of dict, or None
        ``measurement``, ``unit``, and ``lines`` of metres, pictures and median.
    """
    columns = {column.key: column for column in content.levels[0].columns}
    altitude = columns.get("altitude")
    if altitude is None:
        return None
    found = []
    for column in columns.values():
        if column.kind == "measurement" and column.type == "number":
            by_band: dict[int, list[float]] = {}
            for metres, value in zip(altitude.values, column.values, strict=True):
                if isinstance(metres, (int, float)) and isinstance(value, (int, float)):
                    by_band.setdefault(int(metres // BAND) * BAND, []).append(value)
            lines = [[metres, len(some), statistics.median(some)] for metres, some in sorted(by_band.items())]
            found.append({"measurement": column.key, "unit": column.unit, "lines": lines})
    return found or None


VIEW = View("Altitude", Path(__file__).with_name("altitude.js"), filtered=False, data=bands)
