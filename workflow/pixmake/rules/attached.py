"""Snakemake as the child of a Python that it ends with: ``python -m pixmake.rules.attached PARENT WORD…``.

If its parent is killed, it gets Ctrl-C's signal from the kernel: it ends its jobs and gives its lock back.
Where there is no Linux, it goes on.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator, Sequence

_SET_PDEATHSIG = 1


def command(*words: str) -> list[str]:
    """The command that runs Snakemake with these words for as long as this process is there."""
    return [sys.executable, "-m", "pixmake.rules.attached", str(os.getpid()), *words]


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back in what is started meanwhile, until `main` there can take it without a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def main(words: Sequence[str]) -> None:
    """Be Snakemake."""
    parent, *rest = words
    interrupts = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    if interrupts:
        # as long as nothing has begun, Ctrl-C just ends it: no traceback of what is being imported
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with(int(parent), signal.SIGINT if interrupts else signal.SIGTERM)
    sys.argv[:] = ["snakemake", *rest]
    from snakemake.cli import main as snakemake

    snakemake()


def _end_with(parent: int, by: signal.Signals) -> None:
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it was killed in this moment
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
