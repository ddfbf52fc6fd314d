"""Pictures that a script writes and no file of its step names: a folder of each image's, beside its record.

Snakemake knows nothing of them, so they are removed here where it removes a job's own files.
Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pixmake.base.counted import counted
from pixmake.base.files import remove, rename

SUFFIX = ".images"


def folder_of(record: str | Path) -> Path:
    """Where the pictures of a record's image are.

    Examples
    --------
    >>> folder_of("results/traits/p7.json").as_posix()
    'results/traits/p7.images'
    """
    return Path(record).with_suffix(SUFFIX)


def forget(record: str | Path) -> None:
    """Remove those of an earlier attempt."""
    remove(folder_of(record))


def keep(folder: Path, record: str | Path) -> list[str]:
    """Give a folder of pictures its place, in which no others are then; none is made for no picture.

    Returns
    -------
    list of str
        Their paths.
    """
    place = folder_of(record)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    if names:
        rename(folder, place)
    return [str(place / name) for name in names]


def told(results: str, steps: Iterable[str]) -> list[str]:
    """Where the pictures of steps are, and how many, a line a step that has some."""
    lines = []
    for step in steps:
        below = Path(results) / step
        folders = [path for path in below.glob(f"*{SUFFIX}") if path.is_dir()]
        count = sum(len(names) for folder in folders for _, _, names in os.walk(folder))
        if count:
            told = f"{counted(count, 'picture')} of {counted(len(folders), 'image')}"
            lines.append(f"{below}/*{SUFFIX}/ ({told})")
    return lines
