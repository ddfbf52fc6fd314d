"""What is installed as pixmake: its version, and where the files are that came with it."""

from __future__ import annotations

import functools
from pathlib import Path

VERSION = "0.1.0"

HERE = Path(__file__).resolve().parent.parent
WORKFLOW = HERE / "_workflow" if (HERE / "_workflow").is_dir() else HERE.parent
"""The folder with ``rules``, ``schemas`` and ``report``: inside the package where that is installed."""

PROFILE = "config.yaml"
"""What the one file of a profile is called."""


def project_template() -> Path:
    """The folder with what a new project is made of: inside the package where that is installed."""
    return WORKFLOW / "project" if (WORKFLOW / "project").is_dir() else WORKFLOW.parent


def known_profiles() -> list[str]:
    """The names of the profiles that come with pixmake."""
    return sorted(path.parent.name for path in (project_template() / "profiles").glob(f"*/{PROFILE}"))


@functools.cache
def code_stamp(*rooms: str) -> str:
    """What changes with any file of some rooms: what they have made before is not to be trusted then."""
    import hashlib  # starts OpenSSL

    digest = hashlib.blake2b(VERSION.encode(), digest_size=16)
    for room in rooms:
        for path in sorted((HERE / room).rglob("*.py")):
            found = path.stat()
            digest.update(f"{path.relative_to(HERE)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
