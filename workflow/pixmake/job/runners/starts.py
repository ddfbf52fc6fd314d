"""Programs that take long to start: the job of one image has one start work on those of many.

The plan parts the jobs of a step into batches (``images_per_start``). A job whose result is not there yet has
its program work on its whole batch, and stores what is made of each by what that depends on; the jobs of the
others find it there. So all that run side by side have work, until there is none that nobody is at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pixmake.job.runners import Call

FOLDER = ".starts"
"""The folder below ``results`` with what a program made for each job, by step."""


class Keyed(Protocol):
    """What a program is to work on for one job."""

    @property
    def key(self) -> str:
        """A hash of all that its result depends on."""


_Item = TypeVar("_Item", bound=Keyed)


@dataclass(frozen=True)
class Store:
    """What a program made for each job, or why it made nothing."""

    folder: Path
    suffix: str
    """Of the results: a file, or with no suffix a folder."""

    def result(self, key: str) -> Path:
        """Where the result of a job is, or is to be."""
        return self.folder / f"{key}{self.suffix}"

    def reason(self, key: str) -> Path:
        """Where it stands why there is none."""
        return self.folder / f"{key}.failed"

    def is_settled(self, key: str) -> bool:
        """Whether a program has worked on a job, well or in vain."""
        return self.result(key).exists() or self.reason(key).exists()

    def note(self, key: str, why: str) -> None:
        """Note that there is no result."""
        self.reason(key).write_text(why, encoding="utf-8")

    def taken_reason(self, key: str) -> str:
        """Why there is no result. It is said once: the next attempt has the program try again."""
        why = self.reason(key).read_text(encoding="utf-8")
        self.reason(key).unlink()
        return why


def store_of(call: Call, suffix: str) -> Store:
    """Where the results of a step's starts are kept; made if need be."""
    folder = Path(call.record).parent.parent / FOLDER / call.task.step
    folder.mkdir(parents=True, exist_ok=True)
    return Store(folder, suffix)


def share(
    call: Call,
    store: Store,
    own: _Item,
    item: Callable[[Mapping[str, Any]], _Item],
    work_on: Callable[[Sequence[_Item]], int],
) -> int:
    """Have a program work on the batch of a job, unless another job is at it; then on another batch.

    Parameters
    ----------
    own
        What is to be done for this job.
    item
        Makes the same of a job as the list of batches has it: ``id``, ``names``, ``metadata``, and
        ``images``, of each its path, its part and the version of an object.
    work_on
        Has the program work on some, and stores their results; says how often it was started.

    Returns
    -------
    int
        How often this job has started the program.
    """
    batches = json.loads(Path(call.limits.batches).read_bytes())
    number_of = {job["id"]: number for number, batch in enumerate(batches) for job in batch}
    first = number_of.get(call.task.id)
    if first is None:
        return work_on([own])
    starts, name = 0, Path(call.limits.batches).stem
    while not store.is_settled(own.key):
        others = (*range(first + 1, len(batches)), *range(first))
        for number, wait in ((first, False), *((other, False) for other in others), (first, True)):
            over = store.folder / f"{name}.{number}.over"
            if number != first and over.exists():
                continue  # without a look at all of its images
            with _alone(store.folder / f"{name}.{number}.lock", wait=wait) as at_it:
                known = [item(each) for each in (batches[number] if at_it else ())]
                left = {each.key: each for each in known if not store.is_settled(each.key)}
                if left:
                    starts += work_on(list(left.values()))
                if known:
                    over.touch()
                if left:
                    break
    return starts


@contextmanager
def _alone(path: Path, *, wait: bool) -> Iterator[bool]:
    """Whether no other job is at something; it stays so as long as the block lasts, or this process."""
    import fcntl

    with open(path, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
