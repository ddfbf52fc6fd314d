"""Snakemake's logger ``pixmake``: a run's progress in place of a block of text for each image.

Snakemake imports every logger plugin at each of its starts, those on cluster nodes included. So
nothing is imported here that a start without it does not need.
"""

from __future__ import annotations

import contextlib
from logging import LogRecord
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase

if TYPE_CHECKING:
    from pixmake.progress.log_handler import Reporter as ReporterType


class LogHandler(LogHandlerBase):
    """Hands Snakemake's log records to `pixmake.progress.log_handler`, which decides what is shown."""

    def __post_init__(self) -> None:
        """Wait for the first record: by then it is known how Snakemake was started."""
        self.reporter: ReporterType | None = None
        with contextlib.suppress(ImportError):  # the Snakefile says what is missing
            from pixmake.base.garbage import search_cycles_less
            from pixmake.rules.command_forks import FORKS
            from pixmake.rules.snakemake_internals.fewer_imports import import_less

            # no Snakefile is read before there is a logger
            search_cycles_less()
            import_less()
            FORKS.begin_early()

    def emit(self, record: LogRecord) -> None:
        """Show what a record says; an error of the display's own never ends a run."""
        try:
            if self.reporter is None:
                from pixmake.progress.log_handler import Reporter

                self.reporter = Reporter(self.common_settings)
            self.reporter.take(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self.reporter is not None:
            self.reporter.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """It replaces Snakemake's own handler."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake goes on to write its log file."""
        return False

    @property
    def has_filter(self) -> bool:
        """What ``quiet`` hides is counted here."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Lines are made here."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """The display has no graph."""
        return False
