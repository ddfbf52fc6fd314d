"""What pixmake needs of the operating system: locks of files and processes as Linux and macOS have them."""

from __future__ import annotations

import importlib.util

ANYWHERE = ("check", "inspect", "status", "diff", "export")
"""Commands that work without."""


def unfit() -> str:
    """Why no image can run on this operating system, or nothing."""
    if importlib.util.find_spec("fcntl") is not None:
        return ""
    return (
        f"images run on Linux and macOS; here work {', '.join(ANYWHERE[:-1])} and {ANYWHERE[-1]} "
        "(on Windows, install pixmake in WSL2: docs/windows.md)"
    )
