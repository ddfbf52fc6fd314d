"""Ends a command that a rule runs when the Snakemake that runs the rule has gone.

Between the two is a shell, which outlives its parent.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time

OWNER = "PIXMAKE_OWNER"
"""In the environment of a rule's command: the process number of its Snakemake."""

POLL_SECONDS = 0.5


def end_with_owner() -> None:
    """Have this process end with the one that the environment names, if it names one."""
    owner = os.environ.pop(OWNER, "")
    if owner.isdigit():
        threading.Thread(target=_wait_for, args=(int(owner),), daemon=True).start()


def _wait_for(owner: int) -> None:
    with contextlib.suppress(AttributeError):  # Linux alone tells when another process ends
        try:
            select.select([os.pidfd_open(owner)], [], [])
        except OSError:
            _poll(owner)
        os._exit(1)
    _poll(owner)
    os._exit(1)


def _poll(owner: int) -> None:
    while True:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            return
        except OSError:
            pass
        time.sleep(POLL_SECONDS)
