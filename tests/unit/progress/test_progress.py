"""Progress: counts that hold whatever happens, and what is made of Snakemake's log records."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from snakemake.settings.enums import Quietness

from pixmake.job.record import Failure, Record, write_record
from pixmake.progress import display
from pixmake.progress import log_handler as progress
from pixmake.progress import run_state as runstate
from pixmake.progress.display import PlainLines, one_line
from pixmake.progress.follow import run_progress
from pixmake.progress.log_handler import BEGIN, Reporter, failure_in
from pixmake.progress.run_state import RunPlan, forget_run, note_now, note_plan, read_now, read_plan
from pixmake.progress.tally import Tally, Work

EVENTS = st.tuples(
    st.sampled_from(["started", "finished", "lost", "left out", "failed"]),
    st.integers(min_value=0, max_value=14),
)


def work(number: int) -> Work:
    """Job number N: one of two steps of one of some images."""
    step = ("find", "share")[number % 2]
    return Work(step, f"i{number // 2}", f"results/{step}/i{number // 2}.json")


@examples(deadline=None)
@given(st.lists(EVENTS, max_size=60))
def test_never_more_done_than_there_is(events: list[tuple[str, int]]) -> None:
    """Whatever Snakemake says, in whatever order: no count exceeds its total, and none is negative."""
    tally = Tally()
    tally.plan([(number, work(number)) for number in range(10)], [work(20), work(21)], ["find", "share"])
    for event, number in events:
        if event == "started":
            tally.started(number, f"job {number}", work(number))
        elif event == "failed":
            tally.failed(number, f"job {number}", "its log")
        else:
            tally.finished(number, "why" if event == "lost" else None, skipped=event == "left out")
        now = tally.progress()
        for step in now.steps:
            assert min(step.done, step.failed, step.skipped) >= 0
            assert step.done + step.failed + step.skipped <= step.total
        assert now.before == 1 <= now.done <= now.images - now.failed
        assert now.left is None or now.left >= 0


def test_what_was_done_before_counts() -> None:
    """Right after a resume, before anything has run, the counts say what is there already."""
    tally = Tally()
    tally.plan([(1, work(1)), (2, work(2))], [work(0), work(3), work(4), work(5)], ["find", "share"])
    now = tally.progress()
    assert (now.images, now.done, now.before) == (3, 1, 1)
    assert [(step.done, step.total) for step in now.steps] == [(2, 3), (2, 3)]
    assert one_line(now).startswith("1 of 3 images done")
    tally.started(1, "share of i0", work(1))
    tally.finished(1)
    tally.started(2, "find of i1", work(2))
    tally.finished(2, "ValueError: blurred")
    now = tally.progress()
    assert (now.done, now.failed, now.last_failure) == (2, 1, "find of i1: ValueError: blurred")


def test_time_left_knows_slow_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred quick jobs first do not promise an early end: the slow ones weigh more."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("pixmake.progress.tally.time", SimpleNamespace(time=lambda: clock.now))
    tally = Tally(begun=clock.now)
    tally.plan([(number, work(number)) for number in range(200)], [], ["find", "share"])
    for number in range(0, 200, 2):  # every `find`, a tenth of a second each
        tally.started(number, "find", work(number))
        clock.now += 0.1
        tally.finished(number)
    tally.started(1, "share", work(1))
    clock.now += 10  # the first `share`
    tally.finished(1)
    left = tally.progress().left
    assert left is not None
    assert left == pytest.approx(99 * 10, rel=0.1)


def test_found_images_are_told_as_such() -> None:
    """Nothing is said of the time left before they are found; then it is of all of them."""
    tally = Tally(over_several=frozenset({"split"}), finds=True)
    splitting = [(number, Work("split", f"f{number}", f"results/split/f{number}.json")) for number in (1, 2)]
    tally.plan(splitting, [], ["split", "find"], jobs=2)
    tally.started(1, "split of f1", None)
    tally.finished(1)
    now = tally.progress()
    assert (now.images, now.rate, now.left) == (0, None, None)
    assert one_line(now).startswith("looking for images; ")
    tally.finished(2)
    tally.found([(number, work(2 * number)) for number in range(10, 14)], [work(40)], jobs=6)
    tally.started(10, "find of i10", work(20))
    tally.finished(10)
    now = tally.progress()
    assert (now.images, now.done, now.before, now.unknown) == (5, 2, 1, 0)
    assert one_line(now).startswith("5 found, 2 done; ")
    assert now.left is not None


def test_no_time_left_before_the_first_cluster_job_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs here ends at once, and says nothing of jobs that wait in a queue."""
    monkeypatch.chdir(tmp_path)
    tally = Tally(submitted=frozenset({"find"}))
    tally.plan([(number, work(number)) for number in range(4)], [], ["find", "share"])
    to_run = {"find": ["i0", "i1"], "share": ["i0", "i1"]}
    note_plan(tally.begun - 1, "results", to_run, {}, submits=True)
    plan = read_plan()
    assert plan is not None
    for number, left in ((1, False), (0, True)):
        tally.started(number, "a job", work(number))
        tally.finished(number)
        write_record(Record(work(number).id, work(number).step, "ok"), work(number).record)
        note_now(tally.progress())
        for now in (tally.progress(), run_progress(plan)):
            assert (now.left is not None, now.rate is not None) == (left, left)
    forget_run()


def settings(*quiet: Quietness, dryrun: bool = False) -> Any:
    """Snakemake's settings of its output."""
    return SimpleNamespace(
        quiet=set(quiet),
        dryrun=dryrun,
        nocolor=True,
        debug_dag=False,
        verbose=False,
        printshellcmds=False,
        show_failed_logs=False,
    )


def said(event: str | None, msg: str = "", **extra: Any) -> logging.LogRecord:
    """A log record of Snakemake's."""
    level = logging.ERROR if event == "job_error" else logging.INFO
    record = logging.LogRecord("snakemake", level, "", 0, msg, (), None)
    vars(record).update(event=event, **extra)
    return record


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a run writes to stderr and stdout, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    text = io.StringIO()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=text, stdout=text))
    return text


def test_plain_lines(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no terminal: lines without control characters, failures with their reason."""
    monkeypatch.setattr(display, "SECONDS", 0.0)
    monkeypatch.setattr(display, "LONGEST", 0.0)
    reporter = Reporter(settings(Quietness.RULES))
    tally = Tally()
    tally.plan([(number, work(number)) for number in range(4)], [], ["find", "share"])
    reporter.take(said(None, "Select jobs to execute..."))
    reporter.take(said(BEGIN, tally=tally, message_to_user="to run: 2 × find, 2 × share"))
    assert isinstance(reporter.display, PlainLines)
    for number in range(4):
        failure = Failure("ValueError", "too\ndark") if number == 2 else None
        each = work(number)
        write_record(Record(each.id, each.step, "failed" if failure else "ok", error=failure), each.record)
        name = f"{each.step}_{each.id}"
        reporter.take(said("job_info", jobid=number, rule_name=name, output=[each.record], reason=""))
        reporter.take(said("job_finished", job_id=number))
        reporter.take(said("progress", done=number + 1, total=5))
    reporter.take(
        said(
            None,
            "Error: the disk is full",
        )
    )
    lines = stream.getvalue().splitlines()
    assert lines[0] == "to run: 2 × find, 2 × share"
    assert re.match(
        r"1 of 2 images done; 1 failed; .*last failure: find of i1: ValueError: too dark", lines[-2]
    )
    assert lines[-1] == "Error: the disk is full"
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", stream.getvalue())


def test_dry_run_counts_by_step_and_reason(stream: io.StringIO) -> None:
    """Ten thousand rules are a line for each step and reason."""
    reporter = Reporter(settings(Quietness.RULES, dryrun=True))
    reporter.take(said("run_info", "Job stats:\n…", stats={"total": 10_001}))
    for number in range(10_000):
        each = work(number)
        reason = f"Missing output files: {each.record}; Updated input files: x.png"
        name = f"{each.step}_{each.id}"
        reporter.take(said("job_info", jobid=number, rule_name=name, output=[each.record], reason=reason))
    reporter.take(said("job_info", jobid=10_000, rule_name="all", output=[], reason=""))
    reporter.take(said("run_info", "Job stats:\n…", stats={"total": 10_001}))
    reporter.take(said(None, "Reasons:\n    (check individual jobs above for details)\n    …"))
    reporter.take(said(None, f"2 {WITHOUT_METADATA} made_find made_share"))
    reporter.close()
    assert stream.getvalue().splitlines() == [
        "would run: 5000 × find, 5000 × share",
        "  5000 × find: no result yet",
        "  5000 × share: no result yet",
    ]


def test_rules_without_metadata_are_told(stream: io.StringIO) -> None:
    """But not of those alone that only say that a step is done: their file is gone by then."""
    reporter = Reporter(settings(Quietness.RULES, dryrun=True))
    reporter.take(said(None, f"2 {WITHOUT_METADATA} made_find mine"))
    reporter.take(said(None, f"1 {WITHOUT_METADATA} made_find"))
    reporter.close()
    (_, named) = stream.getvalue().splitlines()
    assert named.endswith("made_find mine")


WITHOUT_METADATA = (
    "jobs have missing provenance/metadata so that it in part cannot be used to trigger re-runs.\n"
    "Rules with missing metadata:"
)


def test_other_words_of_quiet_leave_snakemake_as_it_is(stream: io.StringIO) -> None:
    """Without `rules` in `quiet` there is a block for each job; with `all` there is nothing."""
    block = said(
        "job_info",
        jobid=1,
        rule_name="find_i0",
        rule_msg=None,
        local=False,
        is_checkpoint=False,
        input=["i0.png"],
        output=["results/find/i0.json"],
        log=[],
        benchmark=None,
        reason="new",
        wildcards={},
        priority=0,
        threads=1,
        resources={},
    )
    Reporter(settings()).take(block)
    assert "rule find_i0:" in stream.getvalue()
    stream.truncate(0)
    Reporter(settings(Quietness.ALL)).take(block)
    assert stream.getvalue() == ""


def test_failure_of_a_record(tmp_path: Path) -> None:
    """Why a job failed is read from its record, however long the record is; a lost one is no failure."""
    path = tmp_path / "i.json"
    assert failure_in(str(path)) is None
    measurements = {"name": {"value": ['"status": "failed"'] * 5000}}
    write_record(Record("i" * 120, "s", "ok", {"term": "x"}, measurements), path)
    assert failure_in(str(path)) is None
    write_record(Record("i", "s", "failed", {}, measurements, error=Failure("E", "m")), path)
    assert failure_in(str(path)) == Failure("E", "m")
    path.write_text('{"status": "failed"')
    assert failure_in(str(path)) is None


def test_a_run_is_followed_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another terminal: of what a run is to make, only records newer than the run count."""
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        write_record(Record(work(number).id, work(number).step, "ok"), work(number).record)
    begun = Path(work(5).record).stat().st_mtime + 10
    note_plan(
        begun, "results", {"find": ["i1", "i2"], "share": ["i1", "i2"]}, {"find": ["i0"], "share": ["i0"]}
    )
    plan = read_plan()
    assert plan is not None
    assert [step.done for step in run_progress(plan).steps] == [1, 1]
    earlier = RunPlan(**{**vars(plan), "begun": 0.0})
    now = run_progress(earlier)
    assert (now.images, now.done, now.before, now.failed) == (3, 3, 1, 0)
    tally = Tally()
    tally.plan([(1, work(1))], [], [])
    tally.started(1, "share of i0", work(1))
    note_now(tally.progress())
    assert read_now() is not None
    assert run_progress(plan).running[0].name == "share of i0"
    forget_run()
    assert read_plan() is None


def test_a_killed_run_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes of a run whose process has gone are not taken for a run."""
    monkeypatch.chdir(tmp_path)
    note_plan(0.0, "results", {}, {})
    assert read_plan() is not None
    monkeypatch.setattr(runstate, "started", lambda pid: "another time")
    assert read_plan() is None
    Path(runstate.PLAN).write_text("{")
    assert read_plan() is None
