"""Folders that are known to be this user's, in places where others may make folders of that name first.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

OTHERS_READ = stat.S_IRWXG | stat.S_IRWXO
"""Permissions that others must not have where something secret lies."""

OTHERS_WRITE = stat.S_IWOTH
"""Permissions that others must not have where something lies that is believed later."""


def own_folder(places: Iterable[str | Path], refused: int) -> Path:
    """The first of some places that is this user's, made if it is not there.

    Parameters
    ----------
    places
        Folders, the best one first.
    refused
        Permissions that others must not have in it.

    Raises
    ------
    PermissionError
        All of them are somebody else's, or cannot be made.
    """
    tried = []
    for place in map(Path, places):
        if is_own(place, refused):
            return place
        tried.append(str(place))
    raise PermissionError(13, f"none is a folder of this user's own: {', '.join(tried)}")


def is_own(place: Path, refused: int) -> bool:
    """Whether a folder, which is made if it is not there, is this user's and no link to another one."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & refused
