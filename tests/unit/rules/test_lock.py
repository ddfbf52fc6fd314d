"""A lock is told with the run that holds it."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pixmake.rules import lock

HOLDS = """\
import sys
sys.argv[:] = sys.argv[1:]
from pixmake.rules.lock import hold_run_lock
hold_run_lock()
print("held", flush=True)
input()
"""


def holder(*words: str) -> subprocess.Popen[str]:
    """A process that holds the lock as Snakemake with these words would."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, "snakemake", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_owners_are_those_that_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its process and host; dry runs hold nothing, and those that were killed are not named."""
    monkeypatch.chdir(tmp_path)
    assert lock.owners() == []
    first, second, dry = holder("--cores", "2"), holder("--cores", "1"), holder("-n")
    named = [f"process {each.pid} on this machine ({platform.node()})" for each in (first, second)]
    assert lock.owners() == named
    first.kill()
    first.wait()
    assert lock.owners() == named[1:]
    record = logging.LogRecord("", logging.ERROR, "", 0, "LockException:\nError: …", (), None)
    assert lock._named(record)
    assert record.getMessage().startswith(f"Another run is at work on the same results: {named[1]}.")
    for process in (second, dry):
        process.communicate("\n")
    assert lock.owners() == []
    left = logging.LogRecord("", logging.ERROR, "", 0, "LockException:\nError: …", (), None)
    assert lock._named(left)
    assert left.getMessage() == "LockException:\nError: …", "nobody holds it: Snakemake says how to remove it"


def test_a_lock_of_another_host_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()
    (tmp_path / lock.LOCK).parent.mkdir()
    (tmp_path / lock.LOCK).write_text(f"{platform.node()} {os.getpid()}\n")
    assert lock.left_locked()
    (tmp_path / lock.LOCK).write_text(f"{platform.node()} {os.getpid()}\nelsewhere 12\n")
    assert not lock.left_locked()
