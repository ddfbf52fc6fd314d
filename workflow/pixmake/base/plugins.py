"""What other packages add to pixmake, by entry points: see `GROUPS`.

What is installed is looked up once and remembered, as long as no folder on Python's path has changed; the
package of an entry is imported when it is asked for. In a job's own interpreter that package need not be
installed: the plan leaves a copy of it (`leave_copies`), which the job is told of (`use`).

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pixmake.base.errors import PixmakeError, Problem, nearest
from pixmake.base.files import written_whole
from pixmake.base.own_folder import OTHERS_WRITE, is_own

GROUPS = {
    "kinds": "kind of step",
    "sources": "source",
    "formats": "format",
    "exports": "export",
    "page": "view of the page",
}
"""What a package can add, by the entry points ``pixmake.<group>``, and what one is called."""

ELSEWHERE: Mapping[tuple[str, str], str] = {
    ("kinds", "cellprofiler"): "pixmake-cellprofiler",
}
"""Packages that add something under a name, for who uses the name without the package."""

COPIES = ".snakemake/pixmake/plugins"
"""Below a project's folder: copies of the packages whose code runs in jobs."""

_LISTED = "plugins.json"
_IN_JOBS = ("kinds", "formats")


@dataclass(frozen=True)
class Entry:
    """An entry point: something that an installed package adds."""

    group: str
    name: str
    value: str
    """The module, or ``module:name`` of what is in it."""
    package: str
    version: str

    def __str__(self) -> str:
        """As it is told: ``pixmake-cellprofiler 0.1.0 (kind of step cellprofiler)``."""
        return f"{self.package} {self.version} ({GROUPS[self.group]} {self.name})"


class PluginError(PixmakeError):
    """An installed package adds something that cannot be used."""


@lru_cache
def entries() -> tuple[Entry, ...]:
    """All that packages add, usable or not."""
    if _USED is not None:
        return _copied(_USED) if _USED else ()
    return tuple(_looked_up(_folders()))


def installed(group: str) -> dict[str, Entry]:
    """What packages add to a group, by name, as far as it can have that name.

    Two packages with one name: neither is taken, since nobody can say which one is meant.
    """
    found: dict[str, Entry] = {}
    twice = set()
    for entry in entries():
        if entry.group == group:
            if not entry.name.isidentifier():
                refuse(entry, f"{entry.name!r} is no name: letters, digits and _, not a digit first")
            elif entry.name in found:
                twice.add(entry.name)
                for one, other in ((entry, found[entry.name]), (found[entry.name], entry)):
                    refuse(one, f"{other.package} adds one of that name, too")
            else:
                found[entry.name] = entry
    return {name: entry for name, entry in found.items() if name not in twice}


def free(group: str, taken: Iterable[str]) -> dict[str, Entry]:
    """As `installed`, without those whose name pixmake has given to something else."""
    found = installed(group)
    for name in found.keys() & set(taken):
        refuse(found.pop(name), f"{name!r} is a name of pixmake's own")
    return found


def usable(group: str, taken: Iterable[str], needed: Sequence[str]) -> dict[str, Any]:
    """What packages add to a group, imported; what cannot be used is refused and left out.

    Parameters
    ----------
    taken
        The names that pixmake's own have.
    needed
        The names that each has to have in it.
    """
    found = {}
    for name, entry in free(group, taken).items():
        with suppress(PluginError):
            found[name] = load(entry, needed)
    return found


def load(entry: Entry, needed: Sequence[str] = ()) -> Any:
    """The module, or object, that an entry point names.

    Raises
    ------
    PluginError
        It cannot be imported, or lacks something that it needs; the message names its package.
    """
    try:
        found = _imported(entry.value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a package does at its import, the rest goes on
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        raise PluginError([refuse(entry, f"importing {entry.value} failed: {told}")]) from None
    lacking = [name for name in needed if not hasattr(found, name)]
    if lacking:
        raise PluginError([refuse(entry, f"{entry.value} has no {' and no '.join(lacking)}")])
    return found


def refuse(entry: Entry, why: str) -> Problem:
    """Note that an entry cannot be used, and why; see `refused`."""
    hint = f"mend or uninstall it: pip uninstall {entry.package}"
    _REFUSED[entry] = Problem(f"cannot be used: {why}", str(entry), hint)
    return _REFUSED[entry]


def refused() -> Mapping[Entry, Problem]:
    """What is known by now not to be usable of what is installed, and why."""
    return dict(_REFUSED)


def unknown_hint(group: str, name: str, known: Iterable[str]) -> str:
    """What to do about a name that nothing here has: what is alike, or the package to install."""
    if (group, name) in ELSEWHERE:
        return f"install it with: pip install {ELSEWHERE[group, name]}"
    return nearest(name, known)


def use(folder: str) -> None:
    """Have this process, a job's, use the packages that `leave_copies` left; none are looked up here."""
    global _USED
    if folder == _USED:
        return
    sys.path[:] = [entry for entry in sys.path if not _USED or entry != os.path.abspath(_USED)]
    _USED = folder
    if folder:
        sys.path.insert(0, os.path.abspath(folder))
    forget()


def forget() -> None:
    """Look up anew what is installed."""
    entries.cache_clear()
    _REFUSED.clear()
    for clear in _FORGETS:
        clear()


def when_forgotten(clear: Callable[[], None]) -> None:
    """Have something be called that forgets what was made of `installed`."""
    _FORGETS.append(clear)


def leave_copies(names: Iterable[str]) -> str:
    """Copy the packages whose code runs in jobs to where every job sees them, below the working directory.

    Parameters
    ----------
    names
        The kinds of step that are used. Formats are copied all.

    Returns
    -------
    str
        The folder, named by its content; empty if there is nothing to copy.
    """
    kinds, formats = installed("kinds"), installed("formats")
    listed = []
    for entry in (*(kinds[name] for name in sorted(set(names) & kinds.keys())), *formats.values()):
        with suppress(PluginError):
            listed.append(_in_jobs(entry))
    if not listed:
        return ""
    files = dict(sorted(_package_files(entry.value for entry in listed)))
    files[_LISTED] = json.dumps([asdict(entry) for entry in listed], indent=1).encode()
    import hashlib  # starts OpenSSL

    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    folder = Path(COPIES) / digest.hexdigest()[:16]
    for name, content in files.items():
        target = folder / name
        if not target.is_file() or target.stat().st_size != len(content):
            with written_whole(target) as temporary:
                temporary.write_bytes(content)
    return str(folder)


_USED: str | None = None
_REFUSED: dict[Entry, Problem] = {}
_FORGETS: list[Callable[[], None]] = []


def _in_jobs(entry: Entry) -> Entry:
    """An entry as a job has it: of a kind the module that does its work."""
    return replace(entry, value=load(entry, ["RUNNER"]).RUNNER) if entry.group == "kinds" else entry


def _package_files(values: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The files of the packages that modules are in, by their names below a folder on the path."""
    for package in dict.fromkeys(value.partition(":")[0].partition(".")[0] for value in values):
        found = importlib.util.find_spec(package)
        folders = list(found.submodule_search_locations or ()) if found else []
        if not folders and found and found.origin:
            yield f"{package}.py", Path(found.origin).read_bytes()
        for folder in map(Path, folders[:1]):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    yield str(Path(package) / path.relative_to(folder)), path.read_bytes()


def _imported(value: str) -> Any:
    module, _, names = value.partition(":")
    found: Any = importlib.import_module(module.strip())
    for name in filter(None, names.strip().split(".")):
        found = getattr(found, name)
    return found


def _copied(folder: str) -> tuple[Entry, ...]:
    listed = json.loads((Path(folder) / _LISTED).read_bytes())
    return tuple(Entry(**each) for each in listed)


def _folders() -> list[str]:
    """Where packages are installed: the folders on Python's path, but for the one that somebody works in."""
    here = os.getcwd()
    return [entry for entry in sys.path if entry and entry != here and os.path.isdir(entry)]


def _looked_up(folders: Sequence[str]) -> list[Entry]:
    """The entry points in some folders; as they were, if none of the folders has changed since."""
    state = [[folder, os.stat(folder).st_mtime_ns] for folder in folders]
    memory = _memory(folders)
    if memory is not None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            known = json.loads(memory.read_bytes())
            if known["folders"] == state:
                return [Entry(**each) for each in known["entries"]]
    found = list(_read(folders))
    if memory is not None:
        with suppress(OSError), written_whole(memory) as temporary:
            content = {"folders": state, "entries": [asdict(entry) for entry in found]}
            temporary.write_text(json.dumps(content), encoding="utf-8")
    return found


def _memory(folders: Sequence[str]) -> Path | None:
    """The file that remembers what is in some folders; none where it could be somebody else's."""
    home = os.environ.get("XDG_CACHE_HOME", "") or os.path.expanduser("~/.cache")
    if not os.path.isabs(home):
        return None
    place = Path(home) / "pixmake-plugins"
    name = "\0".join([sys.version, *folders]).encode("utf-8", "surrogateescape")
    return place / f"{zlib.crc32(name):08x}.json" if is_own(place, OTHERS_WRITE) else None


def _read(folders: Sequence[str]) -> Iterator[Entry]:
    from importlib.metadata import distributions  # takes longer to import than all else here

    seen = set()
    for distribution in distributions(path=list(folders)):
        for point in distribution.entry_points:
            owner, _, group = point.group.partition(".")
            if owner == "pixmake" and group in GROUPS:
                package = distribution.metadata["Name"]
                if (group, point.name, package) not in seen:
                    seen.add((group, point.name, package))
                    yield Entry(group, point.name, point.value, package, distribution.version)
