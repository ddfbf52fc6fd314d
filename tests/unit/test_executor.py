"""The executor `pixmake`, where what it does depends on the moment."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from snakemake.executors import local

import pixmake.rules.snakemake_internals as internals
from snakemake_executor_plugin_pixmake import Executor


def test_two_jobs_learn_at_one_time_that_nothing_was_loaded(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The one says why and ends the run, and the other is not told of as a failed image meanwhile."""
    executor: Executor = object.__new__(Executor)
    executor.workflow = None
    executor.connections = set()
    executor.not_begun = set()
    executor.ends = False
    executor.unloaded = threading.Lock()
    told: list[str] = []

    def other_job(_: object) -> None:
        executor._end_unloaded("no weights")
        executor.print_job_error(SimpleNamespace(job="b"))

    monkeypatch.setattr(internals, "begin_no_more", other_job)
    monkeypatch.setattr(
        local.Executor, "print_job_error", lambda _, info, *more, **named: told.append(info.job)
    )
    executor._end_unloaded("no weights")
    assert told == []
    assert capfd.readouterr().err == "pixmake: no weights\n"
