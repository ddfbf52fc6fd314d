"""What a run shows of itself: on a terminal, in a log, from another terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from tests.conftest import Project

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")

TWO_STEPS = """\
import time


def find(image, meta):
    time.sleep(0.4)
    if meta["plant"] == "P2":
        raise ValueError("blurred")
    return {"mask": image[..., 0] > 90}


def share(mask):
    return {"share": float((mask > 0).mean())}
"""


@pytest.fixture
def two_steps(small: Project) -> Project:
    """Four images, of which one fails in the first of two steps."""
    small.write("scripts/analysis.py", TWO_STEPS)
    file = "scripts/analysis.py"
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={
            "find": {"function": f"{file}:find", "files": {"mask": "png"}},
            "share": {"function": f"{file}:share", "needs": ["find"]},
        },
    )
    return small


def on_a_terminal(project: Project, *words: str, columns: int = 100) -> tuple[int, str]:
    """Run a command with a terminal as its output; its exit status and all that it wrote there."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(project.folder)
        os.environ.update(TERM="xterm-256color")
        os.execv(sys.executable, [sys.executable, "-m", *words])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    written = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not part:
            break
        written += part
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), written.decode()


def test_live_display(two_steps: Project) -> None:
    """On a terminal one display stays below; it counts by step, tells the last failure, and then goes."""
    code, written = on_a_terminal(two_steps, "snakemake", "--cores", "2")
    assert code == 1
    frames = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    assert "0 of 4 images done" in frames
    assert re.search(r"find +\S+ +[1-3] of 4", frames)
    assert re.search(r"now: find of p\d", frames)
    assert "last failure: find of p2: ValueError: blurred" in frames
    assert "\x1b[1A" in written  # it is drawn over itself
    assert "rule find_p0" not in frames
    for done, total in re.findall(r"(\d+) of (\d+)", frames):
        assert int(done) <= int(total)
    last = frames.replace("\r", "").splitlines()[-6:]
    assert last[0].endswith("3 of 4 images done")
    assert last[1:4] == [
        "Sum: 4 rows = 4 in images; 4 images = 3 measured + 1 failed",
        "1 of 4 images failed: see results/failures.csv. The next run tries them again.",
        "Tables: results/measurements.csv, results/failures.csv",
    ]
    assert last[4] == "Page: results/report.html"
    assert last[5].startswith("Time: ")
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")  # the cursor is back


@pytest.mark.slow
def test_lines_in_a_log(two_steps: Project) -> None:
    """Without a terminal: plain lines, at the end six; a resumed run counts what was done before."""
    ended = two_steps.snakemake()
    assert ended.code == 1
    assert not CONTROL.search(ended.err)
    assert "to run: 4 × find, 4 × share, 1 × aggregate" in ended.err
    assert re.search(
        r"""^3 of 4 images done
Sum: 4 rows = 4 in images; 4 images = 3 measured \+ 1 failed
1 of 4 images failed: see results/failures.csv\. The next run tries them again\.
Tables: results/measurements.csv, results/failures.csv
Page: results/report.html
Time: \d+ s, [\d.]+ images/s$""",
        ended.err,
        re.MULTILINE,
    )
    dry = two_steps.snakemake("-n")
    told = dry.out.splitlines()
    first = next(number for number, line in enumerate(told) if line.startswith("would run"))
    assert told[first : first + 4] == [
        "would run: 1 × find, 1 × share, 1 × aggregate, 1 × provenance, 1 × records, 1 × report",
        "  1 × find: failed before",
        "  1 × share: a step that it needs runs",
        "  1 × aggregate: a step that it needs runs",
    ]
    again = two_steps.snakemake()
    assert "3 of 4 images were done before; to run: 1 × find, 1 × share, 1 × aggregate" in again.err
    assert "3 of 4 images done" in again.err
    assert again.err.rstrip().endswith("; 3 were done before")


def test_on_error_stop_says_how_far_it_came(small: Project) -> None:
    """A run that its first failure ends says so, and keeps what was done."""
    small.write(
        "scripts/analysis.py",
        "def measure(image, meta):\n"
        "    if meta['plant'] == 'P3':\n        raise ValueError('no')\n"
        "    return {'mean': float(image.mean())}\n",
    )
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"measure": {"function": "scripts/analysis.py:measure"}},
        on_error="stop",
    )
    small.snakemake("measure_p0", "measure_p1", "measure_p2")
    ended = small.snakemake()
    assert ended.code == 1
    assert "3 of 4 images were done before; to run: 1 × measure, 1 × aggregate" in ended.err
    assert "measure_p3 failed; its log: logs/measure/p3.log" in ended.err
    assert "3 of 4 images done; the run ended early" in ended.err


def test_profile_of_ones_own(two_steps: Project) -> None:
    """A profile that is quiet about rules, but names no logger, gets the same lines."""
    (two_steps.folder / "profiles/default/config.yaml").write_text("quiet: [rules]\n")
    ended = two_steps.snakemake()
    assert "rule find_p0" not in ended.err
    assert "to run: 4 × find, 4 × share, 1 × aggregate" in ended.err
    assert "3 of 4 images done" in ended.err


def test_status_from_another_terminal(two_steps: Project) -> None:
    """`pixmake status --watch` follows a run until it ends; `--json` says the same to a program."""
    before = json.loads(two_steps.pixmake("status", "--json").out)
    assert before == {
        "steps": {step: {"done": 0, "failed": 0, "to_do": 4, "empty": 0} for step in ("find", "share")},
        "run": None,
    }
    two_steps.write("scripts/analysis.py", TWO_STEPS.replace("0.4", "3"))
    with subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=two_steps.folder,
        stderr=subprocess.DEVNULL,
    ) as run:
        notes = two_steps.folder / ".snakemake/pixmake/run.json"
        end = time.monotonic() + 60
        while not notes.exists() and time.monotonic() < end:
            time.sleep(0.05)
        during = json.loads(two_steps.pixmake("status", "--json").out)["run"]
        watched = two_steps.pixmake("status", "--watch")
        assert run.wait(timeout=60) == 1
    assert during["images"] == 4
    assert watched.code == 0
    assert re.match(r"\d of 4 images done", watched.out)
    assert watched.out.splitlines()[-3:] == [
        "step       done    failed     to do",
        "find          3         1         0",
        "share         3         1         0",
    ]
    assert not notes.exists()
    assert not CONTROL.search(watched.out)


def test_plugin_is_light() -> None:
    """Snakemake imports every logger plugin at each start: this one brings nothing along."""
    code = (
        "import sys; import snakemake_interface_logger_plugins.base; before = set(sys.modules)\n"
        "import snakemake_logger_plugin_pixmake\n"
        "print(sorted(set(sys.modules) - before - {'__future__'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['snakemake_logger_plugin_pixmake']\n"


def test_the_interface_is_kept() -> None:
    """The plugin passes the checks that Snakemake's interface brings for plugins."""
    from snakemake.settings.types import OutputSettings
    from snakemake_interface_logger_plugins.tests import TestLogHandlerBase

    import snakemake_logger_plugin_pixmake as plugin

    class Checks(TestLogHandlerBase):
        def get_log_handler_cls(self):  # type: ignore[no-untyped-def]
            return plugin.LogHandler

        def get_log_handler_settings(self):  # type: ignore[no-untyped-def]
            return None

    checks = Checks()
    for name in dir(checks):
        if name.startswith("test_"):
            getattr(checks, name)()
    assert OutputSettings().skip_plugin_handlers is False
    assert Path(plugin.__file__).parent.name == "snakemake_logger_plugin_pixmake"
