"""One line of progress, and counts in place of lists of ten thousand rules."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pixmake.events import write_events

SECONDS = 10.0
"""Between two lines of progress where the output is no terminal."""

MOST_ERRORS = 10
"""Failed attempts that are told one by one."""


def show_progress(workflow: Any, steps: Iterable[str]) -> None:
    """Show a run in one line of progress, where ``quiet`` holds ``rules`` but not ``progress``.

    So it is with ``profiles/default``. Any other ``quiet`` leaves Snakemake's output as it is.
    """
    from snakemake.logging import logger
    from snakemake.settings.enums import Quietness

    write_events(workflow)
    quiet = set(workflow.output_settings.quiet or ())
    if Quietness.RULES not in quiet or quiet & {Quietness.PROGRESS, Quietness.ALL}:
        return
    if any(isinstance(handler, ProgressLine) for handler in logger.handlers):
        return
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(_is_no_list)
    logger.addHandler(ProgressLine(workflow, list(steps)))


class ProgressLine(logging.Handler):
    """Writes how many jobs are done, over itself in a terminal, else a line now and then."""

    def __init__(self, workflow: Any, steps: list[str]) -> None:
        super().__init__(logging.INFO)
        self.workflow = workflow
        self.steps = sorted(steps, key=len, reverse=True)
        self.terminal = sys.stderr.isatty()
        self.begun = time.monotonic()
        self.shown = -SECONDS
        self.open_line = False
        self.counted = False
        self.errors = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Show what a log record of Snakemake says about the run as a whole."""
        event = str(getattr(record, "event", None) or "")
        if event == "run_info" and hasattr(record, "stats"):
            self._counts(record.stats)
        elif event == "progress" and hasattr(record, "done") and hasattr(record, "total"):
            self._progress(record.done, record.total)
        elif event == "job_error":
            self._error(record)

    def _counts(self, stats: Mapping[str, Any]) -> None:
        counts: Counter[str] = Counter()
        for rule, number in stats.items():
            if rule not in ("total", "all"):
                counts[self._step(rule)] += int(number)
        listed = ", ".join(f"{number} × {step}" for step, number in counts.items())
        if listed and not self.counted:
            self._say(f"would run: {listed}" if self.workflow.dryrun else f"to run: {listed}")
            self.counted = True

    def _step(self, rule: str) -> str:
        return next((step for step in self.steps if rule.startswith(f"{step}_")), rule)

    def _progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        last = done == total
        if not last and now - self.shown < (0.1 if self.terminal else SECONDS):
            return
        self.shown = now
        seconds = now - self.begun
        left = (
            ""
            if last or seconds < SECONDS / 3
            else f", about {_duration(seconds / done * (total - done))} left"
        )
        line = f"{done} of {total} jobs done in {_duration(seconds)}{left}"
        if self.terminal:
            sys.stderr.write(f"\r\033[K{line}" + ("\n" if last else ""))
            sys.stderr.flush()
            self.open_line = not last
        else:
            self._say(line)

    def _error(self, record: logging.LogRecord) -> None:
        self.errors += 1
        if self.errors > MOST_ERRORS:
            if self.errors == MOST_ERRORS + 1:
                self._say("more jobs failed; the logs of all are under logs/")
            return
        rule = getattr(record, "rule_name", "a job")
        logs = ", ".join(getattr(record, "log", None) or [])
        self._say(f"{rule} failed{f'; its log: {logs}' if logs else ''}")

    def _say(self, line: str) -> None:
        end = "\r\033[K" if self.open_line else ""
        self.open_line = False
        print(f"{end}{line}", file=sys.stderr, flush=True)


_PER_JOB = ("run_info", "progress", "job_finished", "resources_info", "job_error", "shellcmd")
_CHATTER = re.compile(
    r"(Conda environments: ignored|Trying to restart|"
    r"Select jobs to execute|Execute \d+ jobs|Using shell|Assuming unrestricted|Reasons:|"
    r"DAG of jobs will be updated|Updating checkpoint|"
    r"Using workflow specific profile|Provided cores|Rules claiming|\(check individual jobs)|"
    r"    \w[\w /-]*:$|        \w+(, \w+)*$|$"
)


def _is_no_list(record: logging.LogRecord) -> bool:
    """Whether a line of Snakemake's says more than one job's name or that it goes on."""
    if str(getattr(record, "event", None) or "") in _PER_JOB:
        return False
    if str(record.msg or "").startswith("RuleException:\nCalledProcessError"):
        return False  # the command of one image; `ProgressLine` says whose job it was
    return record.levelno > logging.INFO or not _CHATTER.match(str(record.msg or ""))


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
