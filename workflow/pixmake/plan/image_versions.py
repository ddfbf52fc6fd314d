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
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta

from pixmake.images.axes import is_zarr
from pixmake.images.checksums import Checksums
from pixmake.images.fingerprint import looked_at, state
from pixmake.images.remote.uris import is_remote
from pixmake.plan.record_index import Known, Seen
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
        self._states: dict[str, tuple[int | None, float | None]] = {}
        self._checksums = Checksums()

    def versions(self, records: Mapping[str, Known]) -> Versions:
        """The versions of a step's images, of those that have one.

        Parameters
        ----------
        records
            What its records say of what was seen.
        """
        found: dict[str, dict[str, str]] = {}
        for job_id, known in records.items():
            for seen in known.images:
                version = self._version(seen)
                if version:
                    found.setdefault(job_id, {})[seen.path] = version
        self._checksums.keep()
        return found

    def ahead(self, paths: Iterable[str]) -> list[Note]:
        """A note for each image whose date is ahead of the clock."""
        now = time.time()
        late = {path: mtime - now for path in paths if (mtime := self._time(path)) > now + AHEAD}
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

    def _time(self, path: str) -> float:
        """When an image has changed; of most that is all that is asked for, so little is done for each."""
        known = self._states.get(path)
        if known is not None:
            return known[1] or 0.0
        try:
            return 0.0 if is_remote(path) else os.stat(looked_at(path)).st_mtime
        except OSError:
            return 0.0

    def _state(self, path: str) -> tuple[int | None, float | None]:
        known = self._states.get(path)
        if known is None:
            known = self._states[path] = (None, None) if is_remote(path) else state(path)
        return known
