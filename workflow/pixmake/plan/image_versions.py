"""Whether an image has changed: decided here, and nowhere else.

An image is the one that a job saw if its size and its date are the same, or, where only the date has
moved, if its SHA-256 is that of the record. Whether a date is older or newer, or ahead of the clock, means
nothing. Of a Zarr its metadata file is looked at, and a new date is a change: its pixels have no checksum.

The answer is a text, the image's version, which stands in the task: empty for an image that has not changed
since it was first seen, and else what it has become. So Snakemake, which compares the tasks, runs again what
has changed.
"""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta

from pixmake.images.axes import is_zarr
from pixmake.images.checksums import Checksums
from pixmake.images.fingerprint import looked_at
from pixmake.images.remote.uris import is_remote
from pixmake.plan.record_index import LOOK_SIZE, Records, Seen
from pixmake.table.table import Note

GONE = "gone"
"""The version of an image that is not there any more."""

AHEAD = 2.0
"""Seconds that a date may be ahead of the clock: file systems round, and clocks differ a little."""

Versions = Mapping[str, dict[str, str]]
"""By a job's id, the versions of those of its images that have one, by path."""


class Images:
    """The image files as they are now, each looked at once."""

    def __init__(self) -> None:
        self._looks: dict[str, bytes] = {}
        self._newest = 0.0
        self._checksums = Checksums()

    def are_files(self, paths: Iterable[str]) -> bool:
        """Whether each of some images, of which none is a Zarr or at a URI, is a file that is there."""
        if self._look(paths) <= {stat.S_IFREG}:
            return True
        self._looks.clear()  # who tells of it looks again
        return False

    def versions(self, records: Records) -> Versions:
        """The versions of a step's images, of those that have one.

        Parameters
        ----------
        records
            What its records say of what was seen. Where an image is what was seen, it is noted there.
        """
        found: dict[str, dict[str, str]] = {}
        for job_id in records.unlike(self._looks):
            images = records[job_id].images
            for seen in images:
                version = self._version(seen)
                if version:
                    found.setdefault(job_id, {})[seen.path] = version
                elif len(images) == 1 and self._looks.get(seen.path):
                    records.seen_as(job_id, self._looks[seen.path])
        self._checksums.keep()
        return found

    def ahead(self, paths: Iterable[str]) -> list[Note]:
        """A note for each image whose date is ahead of the clock."""
        paths = list(paths)
        self._look([path for path in paths if path not in self._looks])
        now = time.time()
        if self._newest <= now + AHEAD:
            return []
        late = {path: mtime - now for path in paths if (mtime := self._state(path)[1] or 0.0) > now + AHEAD}
        if not late:
            return []
        most = timedelta(seconds=round(max(late.values())))
        why = f"dated ahead of the clock, up to {most} (h:mm:ss): the date means nothing, the content counts"
        return [Note(why, path) for path in late]

    def _version(self, seen: Seen) -> str:
        if seen.size is None and is_remote(seen.path):
            return ""  # the plan asks for those of objects
        now = self._state(seen.path)
        if now == (seen.size, seen.mtime):
            return seen.version
        if now == (None, None):
            return GONE
        if now[0] == seen.size and self._is_same_content(seen, now):
            return seen.version
        return "-".join(str(each) for each in now if each is not None)

    def _is_same_content(self, seen: Seen, now: tuple[int | None, float | None]) -> bool:
        if is_zarr(seen.path):
            return False  # what is looked at is its metadata, not its pixels
        was = seen.sha256 or self._checksums.known(seen.path, seen.size, seen.mtime)
        return was is not None and self._checksums.of(seen.path, *now) == was

    def _state(self, path: str) -> tuple[int | None, float | None]:
        """As `pixmake.images.fingerprint.state` has it."""
        if path not in self._looks:
            self._look((path,))
        if not (look := self._looks[path]):
            return None, None
        size, mtime = _SIZE_AND_TIME.unpack(look)
        return None if size == _FOLDER else size, round(mtime, 3)

    def _look(self, paths: Iterable[str]) -> set[int]:
        """Look at images; the kinds of files that they are, 0 for those that are not there.

        There may be a million, so nothing is called for each that need not be.
        """
        looks, dates, kinds = self._looks, [self._newest], set[int]()
        pack = _SIZE_AND_TIME.pack
        for path in paths:
            try:
                found = os.stat(_looked_at(path) if ".zarr" in path or "://" in path else path)
            except OSError:
                looks[path] = b""
                kinds.add(0)
                continue
            kind, mtime = found.st_mode & _KIND, found.st_mtime
            kinds.add(kind)
            looks[path] = pack(_FOLDER if kind == stat.S_IFDIR else found.st_size, mtime)
            dates.append(mtime)
        self._newest = max(dates)
        return kinds


def _looked_at(path: str) -> str:
    """The file that tells whether an image has changed; no file of an image at a URI."""
    return "" if is_remote(path) else looked_at(path)


_KIND = stat.S_IFMT(0xFFFF)

_SIZE_AND_TIME = struct.Struct("<qd")
assert _SIZE_AND_TIME.size == LOOK_SIZE

_FOLDER = -1
"""In the place of a folder's size: that is the one of its list of names, and differs from disk to disk."""
