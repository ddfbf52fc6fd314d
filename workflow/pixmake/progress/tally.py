"""How far a run is: counts by step and by image, kept up to date job by job.

Nothing here knows of Snakemake or of a terminal. A job costs some dictionary look-ups.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple

MOST_RUNNING = 8
"""Running jobs that are named; the others are counted."""

RECENT = 1000
"""The jobs that ended last, by which speed and time left are told."""

NEWEST = 0.05
"""The weight of the newest job in the mean of a step's seconds."""


BEGIN = "pixmake_begin"
"""The event, among Snakemake's, that hands over the tally of a run that begins."""

FOUND = "pixmake_found"
"""The event that hands over the jobs of images that a run has found."""

Outcome = Literal["done", "failed", "skipped"]


class Work(NamedTuple):
    """One step for one image."""

    step: str
    id: str
    record: str


@dataclass(frozen=True)
class StepProgress:
    """How far one step is. Never are ``done``, ``failed`` and ``skipped`` together more than ``total``."""

    name: str
    total: int
    done: int
    """With a result, from this run or from one before."""
    failed: int
    skipped: int
    """Not run, since a step that they need failed."""


@dataclass(frozen=True)
class Running:
    """A job that runs, or on a cluster is submitted."""

    name: str
    since: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Progress:
    """How far a run is, at one moment."""

    images: int
    done: int
    """Images with all of their steps done, from this run or from one before."""
    failed: int
    before: int
    """Images that were done before this run."""
    steps: tuple[StepProgress, ...]
    running: tuple[Running, ...]
    running_jobs: int
    seconds: float
    """Since the run began."""
    rate: float | None
    """Images a second; nothing before the first job has ended."""
    left: float | None
    """Seconds until the end, as far as one can tell."""
    last_failure: str | None
    unknown: int = 0
    """Jobs that a checkpoint has added and of which nothing is known until they start."""
    finds: bool = False
    """Whether the images are those that the run has found so far."""


@dataclass
class _Step:
    total: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float | None = None

    @property
    def open(self) -> int:
        return self.total - self.done - self.failed - self.skipped


@dataclass
class Tally:
    """Counts of a run that change with each job; `Tally.progress` is what one can look at.

    All methods may be called from different threads.
    """

    begun: float = field(default_factory=time.time)
    over_several: frozenset[str] = frozenset()
    """Steps whose jobs are not one for each image: they count by step alone."""
    submitted: frozenset[str] = frozenset()
    """Steps whose jobs go to a cluster: how fast they are shows only when the first has ended."""
    finds: bool = False
    """Whether the run finds its images."""
    others: tuple[int, int] = (0, 0)
    """Of a run over a slice of the images, those of the runs before it and of those behind it."""
    _steps: dict[str, _Step] = field(default_factory=dict)
    _jobs: dict[int, Work] = field(default_factory=dict)
    _ended: dict[int, tuple[Work, Outcome]] = field(default_factory=dict)
    _open: dict[str, int] = field(default_factory=dict)
    """Of each image that is not done yet: its steps that are not."""
    _images: set[str] = field(default_factory=set)
    _failed_images: set[str] = field(default_factory=set)
    _failed_jobs: set[int] = field(default_factory=set)
    _before: int = 0
    _running: dict[int, Running] = field(default_factory=dict)
    _planned: int = 0
    _other: int = 0
    _expected: int = 0
    _recent: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=RECENT))
    """When the last jobs ended, and of which step they were."""
    _last_failure: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(
        self, to_run: Iterable[tuple[int, Work]], done: Iterable[Work], steps: Sequence[str], jobs: int = 0
    ) -> None:
        """Take in what a run is to do, and what was done before it.

        Parameters
        ----------
        to_run, done
            The jobs of steps.
        steps
            Their names, in the order in which they are shown.
        jobs
            All jobs of the run, those of no step included.
        """
        with self._lock:
            for step in steps:
                self._steps.setdefault(step, _Step())
            self._add_done(done)
            for number, work in to_run:
                self._add(number, work)
            self._other = jobs - self._planned
            self._before = len(self._images) - len(self._open)

    def found(self, to_run: Iterable[tuple[int, Work]], done: Iterable[Work], jobs: int) -> None:
        """Take in the images that a run has found.

        Parameters
        ----------
        to_run, done
            Their jobs, none of which is known yet.
        jobs
            All jobs of the run by now.
        """
        with self._lock:
            self._add_done(done)
            for number, work in to_run:
                if number not in self._jobs and number not in self._ended:
                    self._add(number, work)
            self._other = jobs - self._planned
            self._expected = jobs
            self._before = len(self._images - self._open.keys())

    def expect(self, jobs: int) -> None:
        """Snakemake has so many jobs in all by now."""
        with self._lock:
            self._expected = jobs

    def started(self, number: int, name: str, work: Work | None) -> None:
        """A job has started, perhaps not for the first time; one that was not planned counts from now on."""
        with self._lock:
            if number in self._ended:
                self._reopen(number)
            elif work is not None and number not in self._jobs:
                self._add(number, work)
            self._forgive(number)
            self._running[number] = Running(name, time.time())

    def finished(self, number: int, failure: str | None = None, *, skipped: bool = False) -> None:
        """A job has ended and left its record, perhaps one that says why it failed."""
        with self._lock:
            self._forgive(number)
            seconds = self._seconds(number)
            work = self._jobs.pop(number, None)
            if work is None:
                return
            step = self._steps[work.step]
            outcome: Outcome = "skipped" if skipped else "done" if failure is None else "failed"
            setattr(step, outcome, getattr(step, outcome) + 1)
            self._ended[number] = work, outcome
            if outcome != "done" and work.step not in self.over_several:
                self._failed_images.add(work.id)
            if outcome == "failed":
                self._last_failure = f"{work.step} of {work.id}: {failure}"
            if seconds is not None and not skipped:
                mean = seconds if step.seconds is None else step.seconds
                step.seconds = mean + NEWEST * (seconds - mean)
            self._recent.append((time.time(), work.step))
            if work.step not in self.over_several:
                self._open[work.id] -= 1
                if not self._open[work.id]:
                    del self._open[work.id]

    def failed(self, number: int, name: str, reason: str) -> None:
        """A job has failed and left nothing; if it starts again it does not count as failed."""
        with self._lock:
            self._running.pop(number, None)
            self._last_failure = f"{name}: {reason}"
            if number in self._jobs and number not in self._failed_jobs:
                self._failed_jobs.add(number)
                self._steps[self._jobs[number].step].failed += 1

    def work(self, number: int) -> Work | None:
        """What a job does that has not ended yet, if it is an image's."""
        with self._lock:
            return self._jobs.get(number)

    def to_run(self) -> dict[int, Work]:
        """The jobs of images that have not ended, by Snakemake's number."""
        with self._lock:
            return {n: work for n, work in self._jobs.items() if work.step not in self.over_several}

    def lost(self) -> set[str]:
        """The images of which a job has failed, whether it left a record or not."""
        with self._lock:
            stopped = {self._jobs[number] for number in self._failed_jobs}
            return {work.id for work in stopped if work.step not in self.over_several}

    def progress(self) -> Progress:
        """How far the run is."""
        with self._lock:
            now = time.time()
            stopped = (self._jobs[number] for number in self._failed_jobs)
            lost = {work.id for work in stopped if work.step not in self.over_several} | self._failed_images
            lost_and_ended = sum(1 for image in lost if image not in self._open)
            rate, left = self._pace(now)
            done_by_others, left_to_others = self.others
            if rate and left is not None:
                left += left_to_others / rate
            return Progress(
                images=len(self._images) + sum(self.others),
                done=len(self._images) - len(self._open) - lost_and_ended + done_by_others,
                failed=len(lost),
                before=self._before,
                steps=tuple(
                    StepProgress(name, step.total, step.done, step.failed, step.skipped)
                    for name, step in self._steps.items()
                    if step.total
                ),
                running=tuple(islice(self._running.values(), MOST_RUNNING)),
                running_jobs=len(self._running),
                seconds=now - self.begun,
                rate=rate,
                left=left,
                last_failure=self._last_failure,
                unknown=self._unknown,
                finds=self.finds,
            )

    @property
    def _unknown(self) -> int:
        return max(self._expected - self._planned - self._other, 0)

    def _add_done(self, done: Iterable[Work]) -> None:
        for work in done:
            step = self._steps.setdefault(work.step, _Step())
            step.total += 1
            step.done += 1
            if work.step not in self.over_several:
                self._images.add(work.id)

    def _add(self, number: int, work: Work) -> None:
        self._steps.setdefault(work.step, _Step()).total += 1
        self._jobs[number] = work
        self._planned += 1
        self._open_image(work)

    def _reopen(self, number: int) -> None:
        """A job that had ended starts again."""
        work, outcome = self._ended.pop(number)
        step = self._steps[work.step]
        setattr(step, outcome, getattr(step, outcome) - 1)
        self._failed_images.discard(work.id)
        self._jobs[number] = work
        self._open_image(work)

    def _open_image(self, work: Work) -> None:
        if work.step not in self.over_several:
            self._images.add(work.id)
            self._open[work.id] = self._open.get(work.id, 0) + 1

    def _forgive(self, number: int) -> None:
        """A job that failed without a record goes on."""
        if number in self._failed_jobs:
            self._failed_jobs.remove(number)
            self._steps[self._jobs[number].step].failed -= 1

    def _seconds(self, number: int) -> float | None:
        running = self._running.pop(number, None)
        return None if running is None else time.time() - running.since

    @property
    def _cannot_tell(self) -> bool:
        """Whether what has ended says nothing of what is to come."""
        if self.finds and not self._images:
            return True
        waiting = [step for name, step in self._steps.items() if name in self.submitted and step.total]
        return any(step.open for step in waiting) and all(step.seconds is None for step in waiting)

    def _pace(self, now: float) -> tuple[float | None, float | None]:
        """Images a second, and seconds left, from the jobs that ended last.

        A job of a step that takes long weighs more, so that many quick jobs at the start do not promise
        an early end.
        """
        known = [step.seconds for step in self._steps.values() if step.seconds is not None]
        if not self._recent or not known or self._cannot_tell:
            return None, None
        typical = sum(known) / len(known)
        weights = {
            name: (typical if step.seconds is None else step.seconds) + 1e-6
            for name, step in self._steps.items()
        }
        first = self._recent[0][0] if len(self._recent) == RECENT else self.begun
        seconds = max(now - first, 1e-3)
        rate = len(self._recent) / seconds * (len(self._images) - self._before) / self._planned
        ahead = sum(step.open * weights[name] for name, step in self._steps.items()) + self._unknown * typical
        behind = sum(weights[step] for _, step in self._recent)
        return rate, ahead * seconds / behind
