"""Names of files and folders that a system, or a program of it, keeps among those of a user."""

from __future__ import annotations

from collections.abc import Sequence

_FOLDERS = {"$recycle.bin", "system volume information", "__macosx", "lost+found", "#recycle", "#snapshot"}
_FILES = {"thumbs.db", "desktop.ini"}


def is_of_system(name: str, *, folder: bool) -> bool:
    """Whether a file or a folder is hidden, or a system's own, such as Synology's ``@eaDir``.

    Examples
    --------
    >>> is_of_system("@eaDir", folder=True), is_of_system("._a.png", folder=False)
    (True, True)
    """
    if name.startswith("."):
        return True
    return (name.startswith("@") or name.lower() in _FOLDERS) if folder else name.lower() in _FILES


def is_below_system(parts: Sequence[str]) -> bool:
    """The same of a file by the folders that it is in, and its own name."""
    *folders, name = parts
    return is_of_system(name, folder=False) or any(is_of_system(each, folder=True) for each in folders)
