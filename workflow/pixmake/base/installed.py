"""What is installed as pixmake: its version, and where the files are that came with it."""

from __future__ import annotations

from pathlib import Path

VERSION = "0.1.0"

HERE = Path(__file__).resolve().parent.parent
WORKFLOW = HERE / "_workflow" if (HERE / "_workflow").is_dir() else HERE.parent
"""The folder with ``rules``, ``schemas`` and ``report``: inside the package where that is installed."""
