"""The program of a step as it was when the run began: what is edited meanwhile is for the next run.

When a run begins, it leaves a copy of each of the user's files that a step runs (see
`pixmake.plan.program_copy`). Where a file is another one by now, Python and notebooks are read from the copy,
under the file's own name. What another program reads by itself (an R or shell script) cannot be: such a job
fails.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import hashlib
import json
import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

COPIED = (".py", ".ipynb")
"""Suffixes of files that are read here, and so can be read from a copy."""


class ProgramChangedError(Exception):
    """A program was edited while a run goes on, and the copy cannot take its place."""


@dataclass(frozen=True)
class Kept:
    """A file of the user's when the run began."""

    path: str
    """As the config names it."""
    size: int
    mtime_ns: int
    sha256: str
    copy: str

    def is_unchanged(self) -> bool:
        """Whether the file is still the same."""
        try:
            found = os.stat(self.path)
            if (found.st_size, found.st_mtime_ns) == (self.size, self.mtime_ns):
                return True
            return hashlib.sha256(Path(self.path).read_bytes()).hexdigest() == self.sha256
        except OSError:
            return False


Program = Mapping[str, Kept]
"""The files of a step by their real paths."""

_PROGRAM: dict[str, Kept] = {}


def begin(listed: str) -> None:
    """Have this process run a step's program as it was when the run began.

    Parameters
    ----------
    listed
        The file that says what it was; empty if none does, and the files are taken as they are.
    """
    _PROGRAM.clear()
    _PROGRAM.update(read_program(listed) if listed else {})
    if _PROGRAM and not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


@lru_cache
def read_program(listed: str) -> Program:
    """The files of a program; the list is named by its content, and so read once."""
    return {os.path.realpath(each["path"]): Kept(**each) for each in json.loads(Path(listed).read_bytes())}


@lru_cache(maxsize=4096)
def _real(path: str, folder: str) -> str:
    """A file's real path, which each image's process would look for anew."""
    return os.path.realpath(os.path.join(folder, path))


def see_unchanged() -> None:
    """See that what is run under its own name is what the run began with.

    Raises
    ------
    ProgramChangedError
        It is not.
    """
    for kept in _PROGRAM.values():
        if not kept.path.endswith(COPIED) and not kept.is_unchanged():
            what = "was edited while the run went on; the next run works with it as it is then"
            raise ProgramChangedError(f"{kept.path} {what}")


def version_of(path: str) -> str:
    """What changes with a file: of one that was copied, nothing."""
    kept = _PROGRAM.get(_real(path, os.getcwd()))
    return kept.sha256 if kept else str(os.stat(path).st_mtime_ns)


def content(path: str) -> bytes:
    """A file as it was when the run began."""
    kept = _PROGRAM.get(os.path.realpath(path))
    return Path(kept.copy if kept else path).read_bytes()


def code(path: str) -> CodeType:
    """A Python file, compiled; tracebacks name the file itself."""
    return Loader("__main__", path).source_to_code(content(path), path)


class Loader(SourceFileLoader):
    """Loads a file as it was when the run began."""

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of a module: of an unchanged file as Python loads it, else from the copy."""
        kept = _PROGRAM.get(os.path.realpath(self.path))
        found = super().get_code(fullname) if kept is None or kept.is_unchanged() else None
        if kept is None or (found is not None and kept.is_unchanged()):
            return found
        text = Path(kept.copy).read_bytes()
        lines = text.decode("utf-8", "replace").splitlines(keepends=True)
        linecache.cache[str(self.path)] = (len(text), None, lines, str(self.path))
        return self.source_to_code(text, self.path)


class _Finder:
    """Finds the project's own modules where Python does, and has them loaded by our loader."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        last = name.rpartition(".")[2]
        if not any(_module_name(kept.path) == last for kept in _PROGRAM.values()):
            return None
        found = PathFinder.find_spec(name, path, target)
        if found is None or found.origin is None or os.path.realpath(found.origin) not in _PROGRAM:
            return None
        found.loader = Loader(name, found.origin)
        return found


def _module_name(path: str) -> str:
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.basename(folder) if name == "__init__.py" else name.removesuffix(".py")
