"""Working on a made-up image in the warm process, before the first fork.

Since 3.11 Python rewrites a function's code for the types it meets once it has been called some times
(PEP 659, the specializing adaptive interpreter). The process of one image calls each function of pixmake's
once, so it would never come to that; and what a fork need not rewrite, it shares with the warm process.
OpenCV, too, does some things at its first call only: it counts processors, lists its decoders.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixmake.job.record import write_record
from pixmake.job.run import Job, begin, finished
from pixmake.job.task import Limits, Task

TIMES = 20
"""Python 3.11 rewrites a function at its eighth call, and what is called by it after some more."""

_NAME = "pixmake_rehearsal"
_FUNCTION = "def measure(image, meta):\n    return {'mean': 0.5}\n"


@functools.cache
def rehearse() -> None:
    """Read an image, call a function with it and write its record, all in a folder that is then removed."""
    with tempfile.TemporaryDirectory(prefix=f"{_NAME}-") as folder, _as_before():
        job, begun = _made_up(Path(folder)), begin(warm=True)
        for _ in range(TIMES):
            write_record(finished(job, begun, threads=1), job.record)
            Path(job.limits.pictures, f"{_NAME}.jpg").unlink(missing_ok=True)  # each makes its own


def _made_up(folder: Path) -> Job:
    import numpy as np

    from pixmake.images.read import write_image

    image, analysis = folder / "image.png", folder / f"{_NAME}.py"
    write_image(np.arange(4 * 320, dtype=np.uint8).reshape(4, 320), image)
    analysis.write_text(_FUNCTION, encoding="utf-8")
    work = {"function": f"{analysis}:measure"}
    task = Task(step=_NAME, id=_NAME, kind="function", work=work, source="", metadata={})
    limits = Limits(pictures=str(folder), quality=True)
    return Job(task, limits, str(folder / "log"), str(folder / "record.json"), {}, (str(image),), {}, {})


@contextmanager
def _as_before() -> Iterator[None]:
    """Leave no trace of the made-up function."""
    path = sys.path[:]
    try:
        yield
    finally:
        sys.path[:] = path
        sys.modules.pop(_NAME, None)
