"""From Snakemake's log records to a run's progress, and counts in place of lists of ten thousand rules.

There is one way in: `Reporter.take` gets each record. It is called by the logger plugin, which
``profiles/default`` asks for, or, where a user's own profile does not, by a handler of Snakemake's logger.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmake.base.files import NO_ROOM
from pixmake.base.ids import rule_name
from pixmake.job.record import FAILURES, PREREQUISITE, Failure, read_record
from pixmake.plan.broken import CHANGED, FORGOTTEN, MISSING
from pixmake.progress.display import LiveDisplay, PlainLines
from pixmake.progress.run_state import forget_run, note_now
from pixmake.progress.tally import BEGIN, FOUND, Tally, Work
from pixmake.table.arrivals import ASKED

END = "pixmake_end"
"""An event of our own among Snakemake's, so that it comes in order; another one is `BEGIN`."""

MADE = "made_"
"""How the names of rules begin that only say that a step is done: they are not counted for people."""

CLUSTER_LOGS = "logs/cluster"
"""The folder with what cluster jobs print."""

MOST_ERRORS = 10
"""Failed attempts that are told one by one."""

NOTE_SECONDS = 2.0
"""Between two notes for ``pixmake status --watch``."""

PATIENCE = 10.0
"""Seconds that the end of a run waits for the last records to be shown."""

LONGEST_REASON = 200
"""Letters of a failure's reason that are shown."""

made_again: dict[str, str] = {}
"""What Snakemake is told to make again, and why; see `pixmake.plan.broken`."""

_HEAD = 1024
"""Bytes of a record in which its status stands."""


class Reporter:
    """Shows a run by its log records, or leaves Snakemake's output as it is where that was asked for."""

    def __init__(self, settings: Any) -> None:
        self.dryrun = bool(settings.dryrun)
        self.stream = sys.stdout if self.dryrun else sys.stderr
        self.shows = is_wanted(settings)
        self.prints_commands = bool(settings.printshellcmds)
        self.plain = not self.stream.isatty() or settings.nocolor
        self.snakemakes = _snakemakes_handler(settings, self.stream)
        self.tally: Tally | None = None
        self.display: LiveDisplay | PlainLines | None = None
        self.reasons: dict[str, Counter[str]] = {}
        self.others: set[str] = set()
        self.jobs = 0
        self.errors = 0
        self.idle = False
        self.noted = 0.0

    def take(self, record: logging.LogRecord) -> None:
        """Show what a record says."""
        event = str(getattr(record, "event", None) or "")
        if event == BEGIN:
            self._begin(record)
        elif event == FOUND:
            self._found(record)
        elif event == END:
            self._end(record)
        elif not self.shows:
            self._pass_on(record)
        elif event in _EVENTS:
            _EVENTS[event](self, record)
        elif event == "error" and (found := _NO_ROOM.search(str(record.msg or ""))):
            self._say(f"nothing can be written: {found[1]}")
        elif is_of_use(record):
            self._pass_on(record)

    def close(self) -> None:
        """Leave the terminal as it was, and say what was not said yet."""
        if self.dryrun:
            self._tell_dry_run()
        if self.display is not None:
            self.display.stop()
            self.display = None

    def _begin(self, record: Any) -> None:
        if self.tally is not None:
            return  # of another project in the same workflow
        self.tally = record.tally
        self._note()
        if self.shows:
            if record.message_to_user:
                self._say(record.message_to_user)
            kind = PlainLines if self.plain else LiveDisplay
            self.display = kind(self.tally.progress, self.stream)

    def _found(self, record: Any) -> None:
        if self.tally is record.tally:
            self.tally.found(record.to_run, record.done, record.jobs)
            self._update()

    def _end(self, record: Any) -> None:
        self.tally = None
        self.close()
        record.shown.set()

    def _job_info(self, record: Any) -> None:
        work = _work(record)
        if self.prints_commands and getattr(record, "shellcmd", None):
            self._say(record.shellcmd)
        if work is None and not record.output:
            return  # a target
        if self.dryrun:
            step = work.step if work else record.rule_name
            reason = _REASON_END.split(str(record.reason), maxsplit=1)[0]
            if reason == _PARAMS and work is not None and failure_in(work.record) is not None:
                reason = _FAILED
            elif reason == _PARAMS and work is not None and _was_asked_for(work):
                reason = "`pixmake retry` asked for it"
            elif reason == _FORCED:
                whys = [made_again[path] for path in record.output if path in made_again]
                reason = _AGAIN.get(whys[0], "its result is damaged") if whys else reason
            self.reasons.setdefault(step, Counter())[reason] += 1
            if work is None:
                self.others.add(step)
        elif self.tally is not None:
            name = f"{work.step} of {work.id}" if work else record.rule_name
            self.tally.started(record.jobid, name, work)
            self._update()

    def _job_finished(self, record: Any) -> None:
        if self.tally is None:
            return
        work = self.tally.work(record.job_id)
        error = failure_in(work.record) if work else None
        skipped = error is not None and error.type == PREREQUISITE
        self.tally.finished(record.job_id, _reason(error) if error else None, skipped=skipped)
        self._update()

    def _group_error(self, record: Any) -> None:
        """A cluster job of several images; Snakemake tells of each of them next."""
        job_id = getattr(record, "external_jobid", None)
        if job_id is not None:
            jobs = len(getattr(record, "job_error_info", None) or ())
            self._error(f"the cluster job {job_id} of {jobs} jobs failed", _cluster_log(record.groupid))

    def _job_error(self, record: Any) -> None:
        # one that was lost with its cluster job, or was never sent, has written none
        logs = [log for log in getattr(record, "log", None) or [] if _has_text(log)]
        if not logs and getattr(record, "external_jobid", None) is not None:
            logs = _cluster_log(record.rule_name)
        where = f"its log: {', '.join(logs)}" if logs else "it has no log"
        if self.tally is not None:
            self.tally.failed(record.jobid, record.rule_name, where)
        if logs or not getattr(record, "indent", False):
            self._error(f"{record.rule_name} failed", logs)
        self._update()

    def _error(self, what: str, logs: Sequence[str]) -> None:
        self.errors += 1
        if self.errors <= MOST_ERRORS:
            self._say(f"{what}; its log: {', '.join(logs)}" if logs else what)
        elif self.errors == MOST_ERRORS + 1:
            self._say("more jobs failed; the logs of all are under logs/")

    def _progress(self, record: Any) -> None:
        """Snakemake's own count, which knows of jobs that a checkpoint has added."""
        if self.tally is not None:
            self.tally.expect(int(record.total))

    def _run_info(self, record: Any) -> None:
        """Snakemake's table of rules, from which only a dry run's totals are of use."""
        self.jobs = int(getattr(record, "stats", {}).get("total", 0))
        if self.reasons:
            self._tell_dry_run()
        elif self.dryrun and self.shows and not self.jobs and not self.idle:
            self.idle = True  # of a step that is a target Snakemake itself says nothing
            self._say("Nothing to be done (all requested files are present and up to date).")

    def _tell_dry_run(self) -> None:
        if not self.shows or not self.jobs:
            return
        for name in [name for name in self.others if name.startswith(MADE)]:
            self.jobs -= self.reasons.pop(name, Counter()).total()
            self.others.discard(name)
        names = [name for name in self.reasons if name not in self.others] + sorted(self.others - {"all"})
        counted = {name: self.reasons[name].total() for name in names}
        listed = ", ".join(f"{number} × {step}" for step, number in counted.items())
        self._say(f"would run: {listed or f'{self.jobs} jobs'}")
        for step in counted:
            for reason, number in self.reasons[step].most_common():
                self._say(f"  {number} × {step}: {_REASONS.get(reason, reason)}")
        self.jobs, self.reasons = 0, {}

    def _update(self) -> None:
        if self.display is not None:
            self.display.update()
        if time.monotonic() - self.noted >= NOTE_SECONDS:
            self._note()

    def _note(self) -> None:
        if self.tally is not None:
            self.noted = time.monotonic()
            note_now(self.tally.progress())

    def _say(self, line: str) -> None:
        if self.display is not None:
            self.display.say(line)
        else:
            print(line, file=self.stream, flush=True)

    def _pass_on(self, record: logging.LogRecord) -> None:
        """Have Snakemake's own handler write a record."""
        if not self.snakemakes.filter(record):
            return
        if isinstance(self.display, LiveDisplay):
            text = self.snakemakes.format(record)
            if text and text != "None":
                self.display.say(text)
        else:
            self.snakemakes.emit(record)


_EVENTS: dict[str, Callable[[Reporter, Any], None]] = {
    "job_info": Reporter._job_info,
    "job_finished": Reporter._job_finished,
    "job_error": Reporter._job_error,
    "group_error": Reporter._group_error,
    "progress": Reporter._progress,
    "run_info": Reporter._run_info,
}
_HIDDEN = {"job_started", "group_info", "resources_info", "shellcmd"}
_CHATTER = (
    "Conda environments: ignored",
    "Trying to restart",
    "Select jobs to execute",
    "Submitted job",
    "Submitted group job",
    "Using shell",
    "Assuming unrestricted",
    "Reasons:",
    "DAG of jobs will be updated",
    "Updating checkpoint",
    "Rules with provenance triggered jobs",
    "Some jobs were triggered by provenance information",
    "Using workflow specific profile",
    "Complete log(s):",
    "Elapsed time:",
)
_COMMAND = re.compile(
    r"""(RuleException:\n)?(CalledProcessError in .*\n)?Command (\[.*\]|'.*'|".*") (returned|died)""",
    re.DOTALL,
)
"""That a command failed, which would be shown as a whole: `_job_error` says whose it was."""
_NO_ROOM = re.compile(
    r"^(?:OSError|PermissionError): \[Errno (?:" + "|".join(map(str, NO_ROOM)) + r")\] (.*)\s*\Z",
    re.MULTILINE,
)
"""The end of a traceback of Snakemake's on a full disk."""
_WITHOUT_METADATA = re.compile(
    rf"\d+ jobs have missing provenance/metadata .*\nRules with missing metadata:( {MADE}\w+)+\s*"
    r"|Missing metadata for file \S*/\.made/.*",
    re.DOTALL,
)
"""Of files that are `temp()`, and gone: nothing is known of them, and nothing needs to be."""
_SUBMITTED = re.compile(r"(Group job|Job) \S+ (with jobid \S+ )?has been submitted")
_REASON_END = re.compile(r":|; ")
_PARAMS = "Params have changed since last execution"
_MISSING = "Missing output files"
_FAILED = "failed before"
_FORCED = "Forced execution"
_REASONS = {
    _MISSING: "no result yet",
    "Incomplete output files": "was interrupted",
    "Updated input files": "its image has changed",
    "Input files updated by another job": "a step that it needs runs",
    "Set of input files has changed since last execution": "has other images or other needed steps",
    _PARAMS: "its function, params, row, model or corrected files have changed",
    "Code has changed since last execution": "pixmake or its rule has changed",
    _FORCED: "asked for",
}
_AGAIN = {MISSING: _MISSING, CHANGED: CHANGED, FORGOTTEN: _FAILED}
_STATUS = re.compile(rb'"status": ?"(ok|failed)"')


@dataclass(frozen=True)
class Run:
    """A run as it begins."""

    records: tuple[str, ...]
    """What it is to make."""
    before: int
    """Images that were done before."""
    begun: float
    """Seconds since the epoch."""
    lost: Callable[[], set[str]] = set
    """The images of which a job has failed by now and left nothing."""
    over_several: tuple[str, ...] = ()
    """Steps whose jobs are not one for each image: those that failed are counted by themselves."""


def end_run() -> None:
    """Wait until all that Snakemake has said is shown, and leave the terminal as it was."""
    from snakemake.logging import logger

    from snakemake_logger_plugin_pixmake import LogHandler

    shown = threading.Event()
    ours = (Direct, LogHandler, logging.handlers.QueueHandler)
    if any(isinstance(handler, ours) for handler in logger.handlers):
        logger.info("", extra={"event": END, "shown": shown})
        shown.wait(PATIENCE)
    forget_run()


def failure_in(record: str) -> Failure | None:
    """Why a job failed, from its record; of a record of success only the first bytes are read."""
    try:
        with open(record, "rb") as content:
            status = _STATUS.search(content.read(_HEAD))
        if status is not None and status[1] == b"ok":
            return None
        return read_record(record).error
    except (OSError, ValueError):
        return None  # not there any more, or not there yet on a network file system


def _was_asked_for(work: Work) -> bool:
    """Whether `pixmake retry` has asked for a job since it was done."""
    noted = Path(work.record).parent.parent / FAILURES / work.step / work.id
    try:
        since = noted.stat().st_mtime >= os.stat(work.record).st_mtime
        return since and noted.read_text(encoding="utf-8").splitlines()[-1:] == [ASKED]
    except OSError:
        return False


class Direct(logging.Handler):
    """A handler of Snakemake's logger, where no plugin was asked for."""

    def __init__(self, settings: Any) -> None:
        super().__init__()
        self.reporter = Reporter(settings)

    def emit(self, record: logging.LogRecord) -> None:
        """Show what a record says."""
        try:
            self.reporter.take(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self.reporter.close()
        super().close()


def is_wanted(settings: Any) -> bool:
    """Whether ``quiet`` hides the blocks of text but not the progress."""
    from snakemake.settings.enums import Quietness

    quiet = set(settings.quiet or ())
    return Quietness.RULES in quiet and not quiet & {Quietness.PROGRESS, Quietness.ALL}


def _snakemakes_handler(settings: Any, stream: Any) -> logging.Handler:
    """The handler that Snakemake would have without this module."""
    from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

    chosen = DefaultFilter(
        settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
    )
    formatter = DefaultFormatter(settings.quiet, settings.show_failed_logs)
    handler: logging.Handler = ColorizingTextHandler(settings.nocolor, stream, formatter, chosen)
    return handler


def _cluster_log(name: str) -> list[str]:
    """What a cluster job has printed, if that is there."""
    path = Path(CLUSTER_LOGS) / f"{name}.log"
    return [str(path)] if path.exists() else []


def _has_text(log: str) -> bool:
    """Whether a job has written something; Snakemake leaves an empty file where it has not."""
    try:
        return Path(log).stat().st_size > 0
    except OSError:
        return False


def work_of(record: str) -> Work:
    """What a job does, by the path of its record."""
    folder, name = os.path.split(record)
    return Work(os.path.basename(folder), name.removesuffix(".json"), record)


def _work(record: Any) -> Work | None:
    """What a job of Snakemake's does, if its first output is a record of its step."""
    if not record.output or not record.output[0].endswith(".json"):
        return None
    work = work_of(record.output[0])
    # as a module's, a rule has a name before its own
    rule = str(record.rule_name)
    return work if rule.endswith((rule_name(work.step, work.id), f"{work.step}_any")) else None


def _reason(error: Failure) -> str:
    line = " ".join(f"{error.type}: {error.message}".split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"


def is_no_chatter(record: logging.LogRecord) -> bool:
    """Whether a record is none of the two of each round that say that jobs begin: each says so itself."""
    event = getattr(record, "event", None)
    return record.msg != "Select jobs to execute..." if event is None else str(event) != "job_started"


def is_of_use(record: logging.LogRecord) -> bool:
    """Whether Snakemake says more than that it goes on, or a list of ten thousand rules."""
    event = str(getattr(record, "event", None) or "")
    if event in _EVENTS or event in (BEGIN, FOUND, END):
        return True
    if event in _HIDDEN:
        return False
    text = str(record.msg or "")
    if _COMMAND.match(text) or _WITHOUT_METADATA.fullmatch(text):
        return False
    return record.levelno > logging.INFO or not (
        not text.strip() or text.startswith(_CHATTER) or _SUBMITTED.match(text) is not None
    )
