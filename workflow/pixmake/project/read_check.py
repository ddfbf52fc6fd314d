"""Opens every image before a run, in processes of their own, and says what each is or why it is none."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from pixmake.base.errors import PixmakeError, Problem
from pixmake.images.axes import WHOLE, Part

MOST_KINDS = 20
"""Kinds of images that are listed; the rest is counted."""

_PROGRAM = "pixmake.project.image_reader"

_Asked = tuple[str, Part]


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of opening one image, as an analysis would get it."""

    path: str
    width: int = 0
    height: int = 0
    dtype: str = ""
    """NumPy's name of the type of a channel, e.g. ``uint8``."""
    channels: int = 0
    error: str = ""
    """Why it does not decode; empty if it does."""
    part: Part = field(default_factory=dict)
    """Which part of the image was read."""
    is_multiplied: bool = False
    """Whether its colours are multiplied by its alpha (associated alpha); they are handed on as stored."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Images of one size, depth and number of channels."""

    count: int
    width: int
    height: int
    dtype: str
    channels: int
    first: str
    """The first such image, for a kind that nobody expected."""


def read_all(paths: Sequence[str], processes: int, parts: Sequence[Part] = ()) -> Iterator[Reading]:
    """Decode images in parallel, in the order in which they are done.

    Each process decodes one image after the other. One that a file brings down is replaced, so that a
    file which crashes its decoder costs itself alone.

    Parameters
    ----------
    paths
        The files, from the working directory.
    processes
        How many are opened at a time.
    parts
        Which part of each is read; default: all of it.

    Raises
    ------
    PixmakeError
        The processes cannot be started.
    """
    waiting: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[Reading | PixmakeError] = queue.SimpleQueue()
    readers = [_Reader(waiting, done) for _ in range(max(1, min(processes, len(paths))))]
    for asked in [*zip(paths, parts or [WHOLE] * len(paths), strict=True), *[None] * len(readers)]:
        waiting.put(asked)
    for reader in readers:
        reader.start()
    try:
        for _ in paths:
            result = done.get()
            if isinstance(result, PixmakeError):
                raise result
            yield result
    finally:
        for reader in readers:
            reader.end()


def kinds(readings: Iterable[Reading]) -> list[Kind]:
    """How many of those that decode have which size, depth and channels; the most frequent first."""
    counts: dict[tuple[int, int, str, int], tuple[int, str]] = {}
    for reading in readings:
        if not reading.error:
            key = (reading.width, reading.height, reading.dtype, reading.channels)
            count, first = counts.get(key, (0, reading.path))
            counts[key] = (count + 1, min(first, reading.path))
    found = [Kind(count, *key, first) for key, (count, first) in counts.items()]
    return sorted(found, key=lambda kind: (-kind.count, kind.first))


def described(found: Sequence[Kind]) -> list[str]:
    """The kinds as lines of text, a column each for count, size, depth and channels."""
    channels = {1: "1 (greyscale)", 3: "3 (colour)", 4: "4 (colour and alpha)"}
    rows = [("images", "width × height", "depth", "channels", "for example")]
    rows += [
        (
            f"{kind.count}",
            f"{kind.width} × {kind.height}",
            _depth(kind.dtype),
            channels.get(kind.channels, str(kind.channels)),
            kind.first,
        )
        for kind in found[:MOST_KINDS]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{row[0]:>{widths[0]}}  " + "  ".join(f"{row[i]:<{widths[i]}}" for i in (1, 2, 3)) + f"  {row[4]}"
        for row in rows
    ]
    if len(found) > MOST_KINDS:
        rest = found[MOST_KINDS:]
        lines.append(f"… and {len(rest)} more kinds, of {sum(kind.count for kind in rest)} images")
    return lines


def with_progress(
    readings: Iterable[Reading],
    total: int,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Reading]:
    """The same readings, with a line of progress: over itself in a terminal, else a line now and then."""
    out = sys.stderr if stream is None else stream
    terminal = out.isatty()
    pause = 0.1 if terminal else 10.0
    begun = shown = clock()
    bad = 0
    for count, reading in enumerate(readings, 1):
        bad += bool(reading.error)
        now = clock()
        if now - shown >= pause or (terminal and count == total):
            shown = now
            left = round((now - begun) / count * (total - count))
            line = f"opened {count} of {total} images, {bad} do not decode, about {left} s left"
            out.write(f"\r\033[K{line}" if terminal else f"{line}\n")
            out.flush()
        yield reading
    if terminal:
        out.write("\r\033[K")
        out.flush()


class _Reader(threading.Thread):
    """Hands paths to one process and takes its answers; starts another one if that ends."""

    def __init__(
        self,
        waiting: queue.SimpleQueue[_Asked | None],
        done: queue.SimpleQueue[Reading | PixmakeError],
    ) -> None:
        super().__init__(daemon=True)
        self.waiting = waiting
        self.done = done
        self.process: subprocess.Popen[str] | None = None
        self.ended = False

    def run(self) -> None:
        """Read until the queue says that there is no more."""
        try:
            while (asked := self.waiting.get()) is not None and not self.ended:
                self.done.put(self._read(*asked))
        except (PixmakeError, OSError, ValueError) as error:
            if not self.ended:
                problem = error if isinstance(error, PixmakeError) else PixmakeError([Problem(str(error))])
                self.done.put(problem)
        finally:
            self.end()

    def end(self) -> None:
        """End the process."""
        self.ended = True
        process = self.process
        if process is not None:
            process.kill()
            process.wait()

    def _read(self, path: str, part: Part) -> Reading:
        if self.process is None or self.process.poll() is not None:
            self.process = _start()
        answer = _asked(self.process, json.dumps([path, dict(part)]))
        if answer:
            return Reading(path, **json.loads(answer), part=part)
        code = self.process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return Reading(path, error=f"brings down the process that decodes it ({how})", part=part)


def _start() -> subprocess.Popen[str]:
    """A process that is ready to decode.

    Raises
    ------
    PixmakeError
        It does not start.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # decoders complain there; what matters comes as the answer
        env={**os.environ, "OPENCV_LOG_LEVEL": "OFF", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        text=True,
    )
    if not _asked(process, ""):
        process.kill()
        what = "images cannot be opened: Python does not start"
        raise PixmakeError([Problem(f"{what} ({sys.executable} -m {_PROGRAM})")])
    return process


def _asked(process: subprocess.Popen[str], question: str) -> str:
    """The answer to one line; empty if the process has ended."""
    if process.stdin is None or process.stdout is None:
        return ""
    try:
        process.stdin.write(f"{question}\n")
        process.stdin.flush()
        return process.stdout.readline()
    except OSError:
        return ""


def _depth(dtype: str) -> str:
    names = {"uint8": "8 bits", "uint16": "16 bits", "float32": "32 bits, float", "float64": "64 bits, float"}
    return names.get(dtype, dtype)
