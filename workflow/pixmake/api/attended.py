"""Runs Snakemake for as long as the Python that asked for it is there.

As ``python -m pixmake.api.attended WORD…``.

The standard input is a pipe from that Python. A byte in it, or its end, whatever way it ends, ends the run.
Standard library only, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from pixmake.rules import attached
from pixmake.rules.lock import left_locked

GRACE = 30.0
"""Seconds that Snakemake has to end its jobs."""


def main(words: Sequence[str]) -> int:
    """Run ``snakemake`` with these words; its exit status."""
    command = [sys.executable, "-m", "snakemake"]
    if left_locked():
        subprocess.run([*command, "--unlock", "--quiet", "all"], stdin=subprocess.DEVNULL, check=False)
    # a shell script's background command ignores interrupts, and so would Snakemake, which is ended by one
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # a session of its own: an interrupt reaches all that it has started, and nothing else
    process = subprocess.Popen(attached.command(*words), stdin=subprocess.DEVNULL, start_new_session=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: threading.Thread(target=end, args=(process,), daemon=True).start())

    def watch() -> None:
        with contextlib.suppress(OSError):
            os.read(0, 1)
        end(process)

    threading.Thread(target=watch, daemon=True).start()
    return process.wait()


def end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt Snakemake as Ctrl-C does; kill it if that does not help."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
        return
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
