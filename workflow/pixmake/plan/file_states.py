"""The state of files: whether what a rule gathers is still what it was last made of.

Standard library only: what gathers is a process of its own, and starts fast.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pixmake.base.files import written_whole
from pixmake.base.ids import memory_of

MADE = ".made"
"""The folder below ``results`` with a file for each step that is newer than what was last made of it, and
one for each rule that gathers, with the state of what it was made of."""

OF_FOLDER = ".snakemake_timestamp"
"""What says in a folder when it was made, as Snakemake has it."""

Stamp = tuple[int, int]
"""A file's size in bytes and its date in nanoseconds."""


@dataclass
class Stamps:
    """The files as they are now, each looked at once."""

    known: dict[str, Stamp | None] = field(default_factory=dict)

    def of(self, path: str) -> Stamp | None:
        """Size and date of a file; nothing if it is not there."""
        if path not in self.known:
            try:
                found = os.stat(path)
                if stat.S_ISDIR(found.st_mode):
                    found = os.stat(f"{path}/{OF_FOLDER}")
                self.known[path] = (found.st_size, found.st_mtime_ns)
            except OSError:
                self.known[path] = None
        return self.known[path]


def state_of(paths: Iterable[str], stamps: Stamps) -> str:
    """A text that changes with any of some files: one that comes, goes, or is written anew."""
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        digest.update(f"{path}\0{stamps.of(path)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def remember(results: str, rule: str, made: str) -> None:
    """Note of what a rule has made its output: see `state_of`."""
    with written_whole(_memory(results, rule)) as temporary:
        temporary.write_text(made, encoding="utf-8")


def marker(results: str, step: str) -> str:
    """The file that stands for all results of a step."""
    return f"{results}/{MADE}/{step}"


def made_of(results: str, rule: str) -> str:
    """The state of what a rule last made its output of; empty if that is not known."""
    try:
        return _memory(results, rule).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _memory(results: str, rule: str) -> Path:
    return Path(memory_of(results)) / f"{rule}.state"
