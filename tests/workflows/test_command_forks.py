"""Records, tables, page and provenance are made in forks of one process; what fails there, commands do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import Project
from tests.workflows.test_interruption import wait_until_gone

LAST = ("records", "aggregate", "page", "provenance")

WATCH = """\
import os
import signal
import sys
import time

if sys.orig_argv[1:3] == ["-m", "pixmake"]:
    with open(os.environ["STARTED"], "a") as started:
        started.write(f"{sys.orig_argv[3]}\\n")


def strike(event, arguments):
    forked = "warm_server.py" in str(sys.orig_argv) and sys.argv[1:2] == [os.environ.get("VICTIM")]
    if not forked or event != "open" or ".records" not in str(arguments[0]):
        return
    if os.environ["FAULT"] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ["FAULT"] == "looked at":
        with open("/proc/self/cmdline") as words, open(os.environ["STRUCK"], "w") as struck:
            struck.write(words.read())
        return
    if not os.path.exists(os.environ["STRUCK"]):
        open(os.environ["STRUCK"], "w").close()
        time.sleep(300)


if "VICTIM" in os.environ:
    sys.addaudithook(strike)
"""
"""What Python runs at its start: it notes each command of a rule that has a Python of its own."""


@pytest.fixture
def watched(small: Project, tmp_path: Path) -> tuple[Project, Path, dict[str, str]]:
    """A project, the file that says which commands had a Python of their own, and what sees to that."""
    small.write("scripts/analysis.py", "def measure(image):\n    return {'mean': float(image.mean())}\n")
    small.write("watch/sitecustomize.py", WATCH)
    started = tmp_path / "started"
    environment = {"STARTED": str(started), "STRUCK": str(tmp_path / "struck")}
    return small, started, {**environment, "PYTHONPATH": str(small.folder / "watch")}


def commands(started: Path) -> list[str]:
    """Those that had a Python of their own."""
    return started.read_text().split() if started.exists() else []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_fork_is_named_as_its_command(watched: tuple[Project, Path, dict[str, str]]) -> None:
    """Whoever looks for what uses the machine finds the command, as if it had a Python of its own."""
    project, started, environment = watched
    ended = project.snakemake(environment={**environment, "VICTIM": "records", "FAULT": "looked at"})
    assert ended.code == 0, ended.err
    assert commands(started) == []
    words = Path(environment["STRUCK"]).read_text().split("\0")
    assert words[1:4] == ["-m", "pixmake", "records"]


def test_no_python_is_started_for_the_last_rules(watched: tuple[Project, Path, dict[str, str]]) -> None:
    """What they make is what their commands make, byte for byte, and their logs are there."""
    project, started, environment = watched
    ended = project.snakemake(environment=environment)
    assert ended.code == 0, ended.err
    assert commands(started) == []
    tables, page = project.tables(), (project.folder / "results/report.html").stat().st_size
    assert all((project.folder / f"logs/{rule}.log").read_text() == "" for rule in ("aggregate", "report"))
    again = project.snakemake(
        "--forcerun", *LAST[:2], "report", environment={**environment, "PIXMAKE_WARM": "0"}
    )
    assert again.code == 0, again.err
    assert sorted(commands(started)) == sorted(LAST)
    assert project.tables() == tables
    assert (project.folder / "results/report.html").stat().st_size == page


@pytest.mark.parametrize("victim", LAST)
def test_a_fork_that_is_killed(watched: tuple[Project, Path, dict[str, str]], victim: str) -> None:
    """Its command does the work."""
    project, started, environment = watched
    ended = project.snakemake(environment={**environment, "VICTIM": victim, "FAULT": "killed"})
    assert ended.code == 0, ended.err
    assert commands(started) == [victim]
    assert len(project.rows()) == 4


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_ends_while_tables_are_made(
    watched: tuple[Project, Path, dict[str, str]], how: signal.Signals
) -> None:
    """The fork ends with it; the next run makes what is missing."""
    project, started, environment = watched
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=project.folder,
        env={**os.environ, **environment, "VICTIM": "aggregate", "FAULT": "hangs"},
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while not Path(environment["STRUCK"]).exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(how)
    assert process.wait(timeout=30) != 0
    assert wait_until_gone(project, process.pid) == []
    assert commands(started) == []
    ended = project.snakemake(*(["--unlock"] if how == signal.SIGKILL else []))
    assert ended.code == 0, ended.err
    ended = project.snakemake()
    assert ended.code == 0, ended.err
    assert len(project.rows()) == 4


def test_a_dry_run_starts_nothing(small: Project) -> None:
    """No warm process is there for what runs no job."""
    small.write("Snakefile", (small.folder / "Snakefile").read_text() + TELL)
    for options in (("-n",), ("--touch",), ("--summary",), ("--list-rules",), ("--unlock",)):
        assert "a warm process: False" in small.snakemake(*options).out
    assert "a warm process: True" in small.snakemake().out


TELL = """

from pixmake.rules.command_forks import FORKS as pixmake_forks

with pixmake_forks.lock:
    print("a warm process:", pixmake_forks.asked, flush=True)
"""
