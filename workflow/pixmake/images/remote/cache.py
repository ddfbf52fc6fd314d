"""Local copies of remote files: one folder, of a limited size, used by many processes at once.

Each copy has a folder of its own, named by the hash of URI and version, with a lock file beside the file.
Who writes or removes it holds the lock alone; who reads it shares it, so that what is read stays. The
kernel gives a lock back when its process ends, in whatever way.

Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from pixmake.base.own_folder import OTHERS_WRITE, own_folder
from pixmake.images.remote.omero import plane_name
from pixmake.images.remote.uris import is_plane

LOCK = ".lock"
USED = ".used"
"""The file that says how many bytes there are, roughly; each removal counts again."""

LEFT = 0.8
"""What share of the limit is left when copies are removed."""

_UNSAFE = re.compile(r"[^\w.+=,@ -]")


@dataclass(frozen=True)
class Copy:
    """A local copy that is not removed until it is released, or its process ends."""

    path: str
    lock: int | None = None

    def release(self) -> None:
        """Let it go."""
        if self.lock is not None:
            os.close(self.lock)


def folder_of(given: str) -> Path:
    """The folder that a config names, with ``~`` and variables, or one beside it if that is somebody else's.

    What lies there is believed to be what a server has sent.

    Raises
    ------
    OSError
        It names a variable that is not set, or there is no place.
    """
    return own_folder(_places(given), OTHERS_WRITE)


def displaced(given: str) -> str:
    """A line that says where copies lie, if the place that is named is somebody else's; else nothing."""
    named, found = _places(given)[0], folder_of(given)
    return "" if found == named else f"{named} is not a folder of this user's alone: copies are in {found}"


def _places(given: str) -> list[Path]:
    path = os.path.expanduser(os.path.expandvars(given))
    if "$" in path:
        raise OSError(errno.EINVAL, "it names a variable that is not set here")
    import tempfile

    own = f"pixmake-{os.geteuid()}"
    last = Path(tempfile.gettempdir()) / f"{own}-copies"
    if given.startswith("~") and not path.startswith("/"):  # a user without a home
        return [last]
    named = Path(os.path.realpath(path))  # a link of one's own leads to where the room is
    return [named, named / own, last]


def obtain(uri: str, version: str, fetch: Callable[[str], None], folder: Path, limit: int) -> Copy:
    """The copy of a version of a file; the first one that asks fetches it, the others wait for that.

    Parameters
    ----------
    uri, version
        What the copy is of.
    fetch
        Writes the file to a path.
    folder
        Where the copies lie.
    limit
        How many bytes they may have together. What was used last stays, and what is in use.

    Raises
    ------
    OSError
        The folder cannot be used.
    """
    path = _place(uri, version, folder)
    home = path.parent
    while True:
        shared = _locked(home, alone=False)
        if path.exists():
            _touch(path)
            return Copy(str(path), shared)
        _close(shared)
        lock = _locked(home, alone=True)
        try:
            if path.exists():
                continue
            for leftover in home.glob("*.part"):
                leftover.unlink(missing_ok=True)
            temporary = home / f"{secrets.token_hex(4)}.part"
            try:
                fetch(str(temporary))
                temporary.chmod(0o444)  # a program that writes into its input would change it for all
                size = temporary.stat().st_size
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        finally:
            _close(lock)
        copy = Copy(str(path), _locked(home, alone=False))
        if path.exists():
            if count(folder, size) > limit:
                trim(folder, limit)
            return copy
        copy.release()


def find(uri: str, version: str, folder: Path) -> str | None:
    """The path of the copy of a version, if it is there."""
    path = _place(uri, version, folder)
    return str(path) if path.exists() else None


def _place(uri: str, version: str, folder: Path) -> Path:
    digest = hashlib.sha256(f"{uri}\0{version}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return folder / digest[:2] / digest / _name(uri)


def trim(folder: Path, limit: int) -> None:
    """Remove the copies that were not used for longest, until there is room; none that is in use."""
    known = []
    for home in _homes(folder):
        with contextlib.suppress(OSError):
            inside = [entry for entry in os.scandir(home) if entry.name != LOCK]
            states = [entry.stat() for entry in inside]
            size = sum(state.st_size for state in states)
            known.append((max((state.st_atime for state in states), default=0.0), size, home))
    total = sum(size for _, size, _ in known)
    for _, size, home in sorted(known):
        if total <= LEFT * limit:
            break
        if _remove(home):
            total -= size
    count(folder, total, anew=True)


def _homes(folder: Path) -> Iterator[str]:
    for few in os.scandir(folder):
        if few.is_dir():
            yield from (entry.path for entry in os.scandir(few.path) if entry.is_dir())


def _remove(home: str) -> bool:
    """Remove one copy, unless it is in use."""
    lock = _locked(Path(home), alone=True, wait=False)
    if lock is None:
        return False
    try:
        for entry in os.scandir(home):
            if entry.name != LOCK:
                os.unlink(entry.path)
        # last, since others wait for it: they look whether it is still there
        os.unlink(os.path.join(home, LOCK))
        os.rmdir(home)
    except OSError:
        return False
    finally:
        _close(lock)
    return True


def _locked(home: Path, *, alone: bool, wait: bool = True) -> int | None:
    """Lock a copy; None where that cannot be done: files are renamed into their place in any case."""
    try:
        import fcntl
    except ImportError:
        home.mkdir(parents=True, exist_ok=True)
        return None
    how = (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB)
    while True:
        lock = None
        try:
            home.mkdir(parents=True, exist_ok=True)
            lock = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(lock, how)
            if os.path.samestat(os.fstat(lock), os.stat(home / LOCK)):
                return lock
        except FileNotFoundError:
            pass  # another process has just removed the copy
        except OSError as error:
            _close(lock)
            # too many files open, or a file system without locks
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOLCK, errno.ENOTSUP, errno.EWOULDBLOCK):
                return None
            raise
        _close(lock)


def _close(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _touch(path: Path) -> None:
    """Note that a copy was used, by its time of access; the other time stays."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def count(folder: Path, size: int, *, anew: bool = False) -> int:
    """Add to the bytes that there are, or set them; their number."""
    try:
        import fcntl

        with open(folder / USED, "a+", encoding="utf-8") as used:
            fcntl.flock(used, fcntl.LOCK_EX)
            used.seek(0)
            text = used.read().strip()
            total = size if anew else max(0, size + (int(text) if text.isdigit() else 0))
            used.truncate(0)
            used.write(str(total))
        return total
    except (ImportError, OSError):
        return size


def _name(uri: str) -> str:
    """The name of a copy: that of the object, so that programs see its suffix."""
    if is_plane(uri):
        return f"{plane_name(uri)}.jpg"
    if uri.startswith("http"):
        uri = unquote(uri.partition("?")[0])
    name = uri.rpartition("/")[2]
    return _UNSAFE.sub("_", name).lstrip(".")[-120:] or "file"
