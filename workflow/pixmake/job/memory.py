"""What the processes of one job have of memory together, where Linux tells it.

A limit of the operating system holds for each process by itself, so a job that starts ten could have ten
times as much. What a fork shares with the warm process is not counted, since no image can do without it.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def exceeds(leader: int, mem_mb: int) -> bool:
    """Whether a process and all that it has started have more than so many MB, as far as can be known."""
    limit = mem_mb * 1_000_000
    processes = list(tree(leader))
    # what is resident is at least as much as what counts, and costs nothing to ask for
    if sum(map(_resident, processes)) <= limit:
        return False
    return used(processes) > limit


def tree(leader: int) -> Iterator[int]:
    """A process and all that it has started; what lost its parent is the leader's, who adopts it."""
    yield leader
    for thread in _listed(f"/proc/{leader}/task"):
        for child in _read(f"/proc/{leader}/task/{thread}/children").split():
            yield from tree(int(child))


def used(processes: list[int]) -> int:
    """Bytes of their own that processes have: on the heap, in shared memory, swapped out.

    A page of several processes is a share of each, so what workers share is counted once.
    """
    own = _read("/proc/self/cmdline")
    forks = sum(_read(f"/proc/{each}/cmdline") == own for each in processes)
    here = _counts("self")
    with_parent = max(0, here.get("Pss_Anon", 0) - here.get("Private_Dirty", 0))
    return sum(map(_counted, processes)) - forks * with_parent


def _counted(process: int) -> int:
    counts = _counts(process)
    # an older Linux does not tell what of a share is no file's
    anonymous = counts.get("Pss_Anon", counts.get("Private_Dirty", 0))
    return anonymous + counts.get("Pss_Shmem", 0) + counts.get("SwapPss", 0)


def _counts(process: int | str) -> dict[str, int]:
    rows = (line.split() for line in _read(f"/proc/{process}/smaps_rollup").splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3 and row[2] == "kB"}


def _resident(process: int) -> int:
    fields = _read(f"/proc/{process}/statm").split()
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # it has ended meanwhile, or there is no /proc
        return []


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
