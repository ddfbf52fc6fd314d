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
from typing import Any

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

_FOLDERS: set[str] = set()
"""Real paths of folders with a user's files, for where no list says which these are."""


def begin(listed: str) -> None:
    """Have this process run a step's program as it was when the run began.

    Parameters
    ----------
    listed
        The file that says what it was; empty if none does, and the files are taken as they are.
    """
    _PROGRAM.clear()
    _PROGRAM.update(read_program(listed) if listed else {})
    if _PROGRAM:
        _find_first()


def look_in(folder: str) -> None:
    """Have a user's file import what lies beside it."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if not _PROGRAM:  # else each image's process would look for what the list says
        _FOLDERS.add(os.path.realpath(folder))
        _find_first()


def _find_first() -> None:
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
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
    """Loads a file as it was when the run began.

    What is compiled of it is known by the file's content. Python goes by its date in seconds and its size,
    and would run old code of a file that was edited in that second, or is of an archive without dates.
    """

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of a module; tracebacks show the lines that it was made of."""
        kept = self._kept(self.path)
        if kept is not None and not kept.is_unchanged():
            text = Path(kept.copy).read_bytes()
            lines = text.decode("utf-8", "replace").splitlines(keepends=True)
            linecache.cache[str(self.path)] = (len(text), None, lines, str(self.path))
        return super().get_code(fullname)

    def path_stats(self, path: Any) -> Mapping[str, Any]:
        """What must be the same in a compiled file for it to be taken."""
        kept = self._kept(path)
        if kept is not None:
            return {"mtime": int(kept.sha256[:8], 16), "size": kept.size}
        found = self.get_data(path)
        return {"mtime": int(hashlib.sha256(found).hexdigest()[:8], 16), "size": len(found)}

    def get_data(self, path: Any) -> bytes:
        """What a file holds; of the user's, what it held."""
        kept = self._kept(path)
        return super().get_data(kept.copy if kept else path)

    def _kept(self, path: Any) -> Kept | None:
        return _PROGRAM.get(os.path.realpath(path))


class _Finder:
    """Finds the project's own modules where Python does, and has them loaded by our loader."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        last = name.rpartition(".")[2]
        if _PROGRAM and not any(_module_name(kept.path) == last for kept in _PROGRAM.values()):
            return None
        found = PathFinder.find_spec(name, path, target)
        if found is None or not isinstance(found.loader, SourceFileLoader) or found.origin is None:
            return None
        if not _is_own(found.origin):
            return None
        found.loader = Loader(name, found.origin)
        return found


def _is_own(origin: str) -> bool:
    """Whether a module is of the user's files: of those that are listed, or else of what lies beside one."""
    path = os.path.realpath(origin)
    if _PROGRAM:
        return path in _PROGRAM
    beside = any(path.startswith(f"{folder}{os.sep}") for folder in _FOLDERS)
    return beside and "site-packages" not in path.split(os.sep)


def _module_name(path: str) -> str:
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.basename(folder) if name == "__init__.py" else name.removesuffix(".py")
