"""Checksums of files that no job takes: kept by size and time of change, so that each is read once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.images.fingerprint import fingerprint, state

CHECKSUMS = ".snakemake/pixmake/checksums.json"

STATES = 4
"""How many states of a file are kept: what a record saw, and what has come since."""


class Checksums:
    """The SHA-256 of files, by path, size and time of change."""

    def __init__(self) -> None:
        self._known: dict[str, list[list[Any]]] | None = None
        self._changed = False

    def known(self, path: str, size: int | None, mtime: float | None) -> str | None:
        """The checksum that a file had, if it was taken."""
        if self._known is None:
            self._known = _read()
        return next((sha for *when, sha in self._known.get(path, ()) if when == [size, mtime]), None)

    def of(self, path: str, size: int | None, mtime: float | None) -> str | None:
        """The checksum of a file as it was, which is read if it is still so; None if it is another by now."""
        known = self.known(path, size, mtime)
        if known is None and state(path) == (size, mtime):
            told = fingerprint(path, most=None)
            if (told.get("size"), told.get("mtime")) == (size, mtime) and "sha256" in told:
                known = str(told["sha256"])
                self._note(path, [size, mtime, known])
        return known

    def keep(self) -> None:
        """Write them for the next run."""
        if self._changed:
            with written_whole(CHECKSUMS) as temporary:
                temporary.write_text(json.dumps(self._known), encoding="utf-8")

    def _note(self, path: str, entry: list[Any]) -> None:
        assert self._known is not None
        self._known[path] = [*self._known.get(path, []), entry][-STATES:]
        self._changed = True


def _read() -> dict[str, list[list[Any]]]:
    try:
        known = json.loads(Path(CHECKSUMS).read_bytes())
        return {
            str(path): [[size, mtime, sha] for size, mtime, sha in states] for path, states in known.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
