"""What Snakemake tells of a run, as lines of a file, and read back: how far a `pixmake.Run` is."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pixmake.progress.tally import BEGIN, FOUND, Tally, Work

EVENTS = "PIXMAKE_EVENTS"
"""The environment variable that holds the file's path."""


@dataclass(frozen=True)
class Told:
    """The last that was told."""

    done: int = 0
    """Images of this run of which all jobs have ended; jobs, as long as the images are not known."""
    total: int = 0
    failed_rules: tuple[str, ...] = ()
    """Rules of which an attempt failed, in time's order."""
    unit: str = "jobs"
    """What is counted: ``images``, or ``jobs``."""


def write_events(workflow: Any) -> None:
    """Write the events of a run where the environment says, if it does."""
    path = os.environ.get(EVENTS)
    if not path or not workflow.is_main_process:
        return
    from snakemake.logging import logger

    if not any(isinstance(handler, EventFile) for handler in logger.handlers):
        logger.addHandler(EventFile(Path(path)))


class EventFile(logging.Handler):
    """Writes counts and failed attempts as lines of JSON."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self.path = path
        self.images: OpenImages | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a log record of Snakemake's, if it is about the run as a whole."""
        event = str(getattr(record, "event", None) or "")
        if event == BEGIN:
            self.images = OpenImages.of(record.tally)  # type: ignore[attr-defined]
            self._count()
        elif event == FOUND:
            self.images = self.images or OpenImages({}, Counter(), 0)
            self.images.add(record.tally, record.to_run)  # type: ignore[attr-defined]
            self._count()
        elif event == "job_finished" and self.images is not None:
            if self.images.ended(record.job_id):  # type: ignore[attr-defined]
                self._count()
        elif self.images is not None and event in ("run_info", "progress"):
            return
        elif event == "run_info" and hasattr(record, "stats"):
            self._write({"done": 0, "total": int(record.stats.get("total", 0))})
        elif event == "progress" and hasattr(record, "done") and hasattr(record, "total"):
            self._write({"done": record.done, "total": record.total})
        elif event == "job_error":
            self._write({"failed": str(getattr(record, "rule_name", ""))})

    def _count(self) -> None:
        if self.images is not None:
            self._write({"done": self.images.done, "total": self.images.total, "unit": "images"})

    def _write(self, content: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(content) + "\n")


@dataclass
class OpenImages:
    """The images of a run by the jobs of theirs that have not ended."""

    works: dict[int, Work]
    open: Counter[str]
    total: int
    done: int = 0

    @classmethod
    def of(cls, tally: Tally) -> OpenImages | None:
        """Those of a run that begins; nothing where it has none, or finds them only now."""
        works = tally.to_run()
        counted = Counter(work.id for work in works.values())
        return cls(works, counted, len(counted)) if works else None

    def add(self, tally: Tally, to_run: Iterable[tuple[int, Work]]) -> None:
        """Count the images that a run has found."""
        new = {number: work for number, work in to_run if work.step not in tally.over_several}
        self.total += len({work.id for work in new.values()} - self.open.keys())
        self.works.update(new)
        self.open.update(work.id for work in new.values())

    def ended(self, number: int) -> bool:
        """Whether the end of a job is the end of its image."""
        work = self.works.pop(number, None)
        if work is None:
            return False
        self.open[work.id] -= 1
        if self.open[work.id]:
            return False
        self.done += 1
        return True


def read_events(path: Path) -> Told:
    """The state that the events of a file lead to; a line that is still being written does not count."""
    told = Told()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return told
    failed = []
    for line in text.splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        event = json.loads(line)
        if "failed" in event:
            failed.append(event["failed"])
        elif event["done"] or not told.done or event.get("unit", "jobs") != told.unit:
            told = Told(event["done"], event["total"], unit=event.get("unit", "jobs"))
    return replace(told, failed_rules=tuple(failed))
