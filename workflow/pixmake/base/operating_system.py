"""What pixmake needs of the operating system: locks of files and processes as Linux and macOS have them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

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


def boot() -> str:
    """Which start of this machine it is, where that can be known: a power cut loses what was written last."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
