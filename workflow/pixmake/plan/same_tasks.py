"""Which tasks were found to be those of their records: ten thousand are not written out again to be compared.

What is kept is a digest of all that a job's task is made of, and of what its record says of it. Where that is
the same again, the comparison would have the same result. So the file can be removed, or be an old one.
"""

from __future__ import annotations

import hashlib
import marshal
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixmake.base.files import written_whole
from pixmake.base.ids import memory_of
from pixmake.base.installed import code_stamp
from pixmake.job.task import one_line
from pixmake.plan.corrected import corrected_files
from pixmake.plan.plan import Plan, PlannedStep
from pixmake.plan.record_index import Known
from pixmake.table.groups import Group

_HEAD = b"pixmake tasks 1\n"
_SIZE = 16


class SameTasks:
    """The tasks of a step that are those of their records.

    Parameters
    ----------
    plan, planned
        The step, whose jobs are for one image, or one group of images, each.
    """

    def __init__(self, plan: Plan, planned: PlannedStep) -> None:
        self._plan, self._step = plan, planned.step
        self._path = Path(memory_of(plan.config.results)) / f"tasks.{planned.name}"
        self._key = _key(plan, planned)
        self._changed = plan.changed.get(planned.name, {})
        self._before, self._now = _read(self._path), set[bytes]()

    def token(self, group: Group, known: Known) -> bytes | None:
        """What stands for a job and its record; nothing if its task is made of more than its row and step."""
        versions = self._plan.versions
        if group.id in self._changed or (versions and any(path in versions for path in group.paths)):
            return None
        row: Any = (
            group.id,
            group.paths,
            group.names,
            group.metadata,
            group.written,
            group.broken,
            group.parts,
            corrected_files(self._step, group.id),
        )
        try:
            content = marshal.dumps((row, known.task), _PLAIN)
        except ValueError:
            return None  # a value of another library's type
        return hashlib.blake2b(content, digest_size=_SIZE, key=self._key).digest()

    def holds(self, token: bytes | None) -> bool:
        """Whether such a task was that of its record before."""
        if token is None or token not in self._before:
            return False
        self._now.add(token)
        return True

    def note(self, token: bytes | None) -> None:
        """A task is that of its record."""
        if token is not None:
            self._now.add(token)

    def keep(self) -> None:
        """Write them for the next run."""
        if self._now == self._before:
            return
        content = b"".join(sorted(self._now))
        try:
            with written_whole(self._path) as temporary:
                temporary.write_bytes(_HEAD + zlib.crc32(content).to_bytes(4, "little") + content)
        except OSError:
            return  # a project that may not be written to


_PLAIN = 2
"""The version of marshal's format in which the same values are always the same bytes."""


def _key(plan: Plan, planned: PlannedStep) -> bytes:
    """What is the same for all jobs of a step and has a say in their tasks."""
    shared: Mapping[str, Any] = {
        "config": plan.config.model_dump(mode="json"),
        "step": planned.name,
        "source": planned.source,
        "work": planned.work,
        "rule": planned.rule,
    }
    text = f"{one_line(shared)}\0{code_stamp('base', 'job', 'plan', 'table')}\0{sys.version}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest()


def _read(path: Path) -> set[bytes]:
    """What was kept; nothing if it is missing or damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return set()
    start = len(_HEAD) + 4
    body = content[start:]
    if not content.startswith(_HEAD) or zlib.crc32(body) != int.from_bytes(
        content[len(_HEAD) : start], "little"
    ):
        return set()
    return {body[place : place + _SIZE] for place in range(0, len(body), _SIZE)}
