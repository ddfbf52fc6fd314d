"""What Snakemake tells of a run, as lines of a file, and read back: how far a `pixmake.Run` is."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVENTS = "PIXMAKE_EVENTS"
"""The environment variable that holds the file's path."""


@dataclass(frozen=True)
class Told:
    """The last that was told."""

    done: int = 0
    total: int = 0
    failed_rules: tuple[str, ...] = ()
    """Rules of which an attempt failed, in time's order."""


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

    def emit(self, record: logging.LogRecord) -> None:
        """Write a log record of Snakemake's, if it is about the run as a whole."""
        event = str(getattr(record, "event", None) or "")
        if event == "run_info" and hasattr(record, "stats"):
            self._write({"done": 0, "total": int(record.stats.get("total", 0))})
        elif event == "progress" and hasattr(record, "done") and hasattr(record, "total"):
            self._write({"done": record.done, "total": record.total})
        elif event == "job_error":
            self._write({"failed": str(getattr(record, "rule_name", ""))})

    def _write(self, content: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(content) + "\n")


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
        elif event["done"] or not told.done:
            told = Told(event["done"], event["total"])
    return Told(told.done, told.total, tuple(failed))
