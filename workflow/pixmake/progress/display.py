"""A run's progress for people: one live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from pixmake.progress.tally import Progress, Running

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SECONDS = 10.0
"""Between two plain lines at first; a twentieth of the run's time later on."""

LONGEST = 300.0
"""Seconds between two plain lines at the most."""


class PlainLines:
    """A line now and then, for logs and pipes: no control characters."""

    def __init__(self, progress: Callable[[], Progress], stream: TextIO) -> None:
        self.progress = progress
        self.stream = stream
        self.told = time.monotonic()

    def update(self) -> None:
        """Write a line if the last one is old enough."""
        now = time.monotonic()
        if now - self.told < SECONDS:
            return
        progress = self.progress()
        if now - self.told >= min(progress.seconds / 20, LONGEST):
            self.told = now
            self.say(one_line(progress))

    def say(self, line: str) -> None:
        """Write a line."""
        print(line, file=self.stream, flush=True)

    def stop(self) -> None:
        """Nothing stays open."""


class LiveDisplay:
    """A table of the steps that stays at the bottom of a terminal; what is said goes above it."""

    def __init__(self, progress: Callable[[], Progress], stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self.console: Console = Console(file=stream, highlight=False)
        self.live = Live(
            get_renderable=lambda: panel(progress()),
            console=self.console,
            refresh_per_second=4,
            transient=True,
        )
        self.live.start()
        # a killed run would leave the terminal without its cursor
        self.console.show_cursor(True)

    def update(self) -> None:
        """The display refreshes by itself."""

    def say(self, line: str) -> None:
        """Write a line above the display."""
        self.console.print(line, markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the display away."""
        self.live.stop()


def one_line(progress: Progress) -> str:
    """A run's progress as a line of text."""
    parts = [images_said(progress)]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    parts += _pace(progress)
    if progress.unknown:
        parts.append(f"{progress.unknown} more jobs to come")
    if len(progress.steps) > 1:
        parts.append(
            ", ".join(
                f"{step.name} {step.done + step.failed + step.skipped}/{step.total}"
                for step in progress.steps
            )
        )
    if progress.last_failure:
        parts.append(f"last failure: {progress.last_failure}")
    return "; ".join(parts)


def panel(progress: Progress, now: float | None = None) -> RenderableType:
    """A run's progress as a table with a bar for each step."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for step in progress.steps:
        ended = step.done + step.failed + step.skipped
        notes = Text()
        if step.failed:
            notes.append(f"{step.failed} failed ", "red")
        if step.skipped:
            notes.append(f"{step.skipped} left out", "yellow")
        bar = ProgressBar(total=max(step.total, 1), completed=ended, width=24)
        table.add_row(step.name, bar, f"{step.done} of {step.total}", notes)
    said = [Text("; ".join([images_said(progress), *_pace(progress)]))]
    if progress.unknown:
        said.append(Text(f"{progress.unknown} more jobs to come, for what was found in files"))
    if progress.running_jobs:
        said.append(
            Text(now_running(progress, time.time() if now is None else now), "dim", overflow="ellipsis")
        )
    if progress.last_failure:
        said.append(Text(f"last failure: {progress.last_failure}", "red", overflow="ellipsis"))
    for line in said:
        line.no_wrap = True
    return Group(table, *said)


def images_said(progress: Progress) -> str:
    """How many images are done; where a run finds them, of those that it has found."""
    if not progress.finds:
        return f"{progress.done} of {progress.images} images done"
    return f"{progress.images} found, {progress.done} done" if progress.images else "looking for images"


def now_running(progress: Progress, now: float) -> str:
    """What runs now, the longest-running job first."""
    shown = ", ".join(_running(job, now) for job in progress.running)
    more = progress.running_jobs - len(progress.running)
    return f"now: {shown}" + (f" and {more} more" if more else "")


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Examples
    --------
    >>> duration(3725)
    '1 h 2 min'
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def speed(rate: float) -> str:
    """Images a second as people say them.

    Examples
    --------
    >>> speed(31.42), speed(1234.5), speed(0.011)
    ('31.4 images/s', '1234 images/s', '39.6 images/h')
    """
    if rate < 0.1:
        return f"{rate * 3600:.3g} images/h"
    return f"{rate:.0f} images/s" if rate >= 100 else f"{rate:.3g} images/s"


def _pace(progress: Progress) -> list[str]:
    parts = []
    if progress.rate is not None:
        parts.append(speed(progress.rate))
    if progress.left is not None and progress.seconds > 3:
        parts.append(f"about {duration(progress.left)} left")
    return parts or [duration(progress.seconds)]


def _running(job: Running, now: float) -> str:
    seconds = now - job.since
    return f"{job.name} ({duration(seconds)})" if seconds >= 2 else job.name
