"""What a project's own functions of tables add to the page: figures, and the first rows of tables."""

from __future__ import annotations

import base64
import csv
import os
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

MOST_ROWS = 500
"""Rows of a table that the page shows; it links to the whole."""

MOST_BYTES = 3_000_000
"""Size of a figure that stands in the page; a larger one is linked to."""

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}


def parts(functions: Iterable[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The parts of the page, one a file, in the order of the functions.

    Parameters
    ----------
    functions
        ``name``, ``about`` and ``files`` (name and path) of each.
    folder
        The page's folder.
    """
    found = []
    for function in functions:
        for name, path in function["files"].items():
            part = {"function": function["name"], "name": name, "about": function["about"]}
            for file in sorted(Path(path).iterdir()) if Path(path).is_dir() else [Path(path)]:
                value = file.stem if Path(path).is_dir() else ""
                found.append({**part, "value": value, **_shown(file), "path": os.path.relpath(file, folder)})
    return found


def _shown(file: Path) -> dict[str, Any]:
    suffix = file.suffix.lower()
    try:
        if suffix in (".csv", ".tsv"):
            with file.open(newline="", encoding="utf-8-sig") as lines:
                rows = list(
                    islice(csv.reader(lines, delimiter="\t" if suffix == ".tsv" else ","), MOST_ROWS + 2)
                )
            return {"kind": "table", "rows": rows[: MOST_ROWS + 1], "more": len(rows) > MOST_ROWS + 1}
        if suffix in TYPES and file.stat().st_size <= MOST_BYTES:
            content = base64.b64encode(file.read_bytes()).decode("ascii")
            return {"kind": "figure", "url": f"data:{TYPES[suffix]};base64,{content}"}
        if suffix == ".html":
            return {"kind": "frame"}
    except OSError:
        pass
    return {"kind": "link"}
