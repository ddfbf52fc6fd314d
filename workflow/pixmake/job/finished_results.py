"""What is finished stays finished: results of a cluster job that is lost later, and who may write them.

When a node dies under a cluster job, Snakemake runs all of its images again, and removes what they had
written. So each finished result is linked to a second name, from which the next attempt takes it. And a
cluster job that was given up, but goes on somewhere, must not write over the one that replaces it.

Standard library only: it runs in whatever interpreter a step names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pixmake.base.files import duplicate, rename

FOLDER = ".snakemake/pixmake/kept"

SUBMISSION = "PIXMAKE_SUBMISSION"
"""In the environment of a cluster job's processes: the file that names the cluster job which works on
its images now, and, behind a line break, this one's own line."""

LOST = "PIXMAKE_LOST"
"""In the environment of a cluster job whose predecessor was lost: why, as JSON."""


def on_node() -> bool:
    """Whether this process belongs to a cluster job."""
    return SUBMISSION in os.environ


def replaced() -> bool:
    """Whether this cluster job was given up: another one works on its images, or has done so."""
    path, _, own = os.environ.get(SUBMISSION, "").partition("\n")
    if not path:
        return False
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return True  # a run that has ended well removes them all
    except OSError:
        return False
    return bool(lines) and lines[-1] != own


def result_key(task: str, images: Sequence[str], needed: Mapping[str, Sequence[str]]) -> str:
    """A hash of all that decides a result: the task, the images, and the records that it builds on."""
    parts = [task]
    for path in images:
        with contextlib.suppress(OSError):
            found = os.stat(path)
            path = f"{path} {found.st_size} {found.st_mtime_ns}"
        parts.append(path)
    for paths in needed.values():
        with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
            parts.append(json.loads(Path(paths[0]).read_bytes())["run"]["started"])
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def keep(key: str, step: str, job_id: str, paths: Sequence[str]) -> None:
    """Give the files of a finished job a second name; on a file system without links they have one."""
    folder = Path(FOLDER) / step
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        for number, path in enumerate(paths):
            _link(Path(path), folder / f"{job_id}.{number}")
        # the last one, since it says that the others are there
        key_file = folder / f".{job_id}.{os.urandom(4).hex()}"
        key_file.write_text(key, encoding="utf-8")
        key_file.replace(folder / f"{job_id}.key")


def restore(key: str, step: str, job_id: str, paths: Sequence[str]) -> bool:
    """Take the files of a job from an earlier attempt, if that finished it."""
    folder = Path(FOLDER) / step
    try:
        if (folder / f"{job_id}.key").read_text(encoding="utf-8") != key:
            return False
        # the record is the first one, and so the last to come back
        for number, path in reversed(list(enumerate(paths))):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            _link(folder / f"{job_id}.{number}", Path(path))
    except OSError:
        return False
    return True


def lost_reason() -> tuple[str, str]:
    """The type, and the text, of what ended the cluster job before this one."""
    try:
        kind, message = json.loads(os.environ[LOST])
    except (KeyError, ValueError):
        return "LostError", "its process was lost; nothing says why"
    return str(kind), str(message)


def _link(source: Path, target: Path) -> None:
    temporary = target.parent / f".{target.name}.{os.urandom(4).hex()}"
    duplicate(source, temporary, os.link)
    rename(temporary, target)
