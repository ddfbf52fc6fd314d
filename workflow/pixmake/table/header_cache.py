"""What was read of files when rules were made before, for as long as they stay the same."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole

FOLDER = ".snakemake/pixmake/headers"

Stamp = list[int]
"""A file's size and time of change; together with its path they say that it is the same."""


def remembered(
    what: str, paths: Iterable[str], read: Callable[[Sequence[str]], Sequence[Any]]
) -> Mapping[str, Any]:
    """What ``read`` gives of files, which is asked only of those that are new or have changed.

    Parameters
    ----------
    what
        What is read, as a file's name: ``exif.timestamp.camera``.
    paths
        Files; those that are not there are left out.
    read
        Gives a value for each of some paths, one that JSON can hold. A text is an error, which is asked
        for again the next time.

    Returns
    -------
    Mapping of str to Any
        Path: value.
    """
    file = Path(FOLDER) / f"{what}.json"
    known = _known(file)
    stamps = {path: stamp for path in dict.fromkeys(paths) if (stamp := _stamp(path)) is not None}
    values = {path: known[path][1] for path in stamps if path in known and known[path][0] == stamps[path]}
    new = [path for path in stamps if path not in values]
    values.update(zip(new, read(new), strict=True))
    if new:
        kept = {path: [stamps[path], value] for path, value in values.items() if not isinstance(value, str)}
        with contextlib.suppress(OSError), written_whole(file) as temporary:
            temporary.write_text(json.dumps({**known, **kept}, ensure_ascii=False), encoding="utf-8")
    return values


def _known(file: Path) -> dict[str, tuple[Stamp, Any]]:
    try:
        known = json.loads(file.read_bytes())
        return {path: (stamp, value) for path, (stamp, value) in known.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
