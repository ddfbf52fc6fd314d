"""Each image of a plan is measured, empty, failed or not run, and is in a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.job.record import Failure, Record
from pixmake.results.image_counts import Counting, declares_measurements, image_sum
from pixmake.results.tables import survey

STEPS = ("files", "one", "two", "per_plant")
ENDS = ("measured", "nothing", "failed", "skipped", "no record")
CASES = st.lists(st.fixed_dictionaries({step: st.sampled_from(ENDS) for step in STEPS[:3]}), max_size=8)


def record(step: str, job_id: str, end: str, kind: str = "function", files: bool = False) -> Record:
    """What a job leaves that ends in some way."""
    task: dict[str, Any] = {"kind": kind, "files": ["mask"] if files else []}
    if end in ("failed", "skipped"):
        error = Failure("ValueError" if end == "failed" else "PrerequisiteFailed", "no")
        return Record(job_id, step, "failed", error=error, origin={"task": task})
    measurements = {"x": {"value": 1}} if end == "measured" else {}
    return Record(job_id, step, "ok", {"plant": job_id}, measurements, origin={"task": task})


@settings(deadline=None)
@given(images=CASES, declared=st.booleans(), more=st.sampled_from(ENDS))
def test_the_sum_and_the_tables(images: list[Mapping[str, str]], declared: bool, more: str) -> None:
    """Whatever became of each step: four counts make all images, and the tables' rows are the same images."""
    ids = {f"i{number}": ends for number, ends in enumerate(images)}
    # a function of files may measure, too; a step over several images is none of them
    records = [
        record(step, job_id, "nothing" if step == "files" and end == "measured" else end, files=not declared)
        for job_id, ends in ids.items()
        for step, end in ends.items()
        if end != "no record"
    ]
    records += [record("per_plant", "P1", more)] if more != "no record" else []
    counting = Counting()
    for each in records:
        counting.take(each)
    failed = {job_id for job_id, ends in ids.items() if "failed" in ends.values()}
    not_run = {job_id for job_id, ends in ids.items() if "no record" in ends.values()}
    found = image_sum(ids, counting.counts(), failed=failed, not_run=not_run, over_several=["per_plant"])
    assert found.measured + found.empty + found.failed + found.not_run == found.images == len(ids)

    tables = survey(records, ["plant"])
    rows: dict[str, list[Any]] = {name: [] for name in ("measurements", "failures")}
    for each in records:
        for name, row in tables.rows(each):
            if name in rows:
                rows[name].append(row)
    assert {row[0] for row in rows["failures"]} - {"P1"} == failed
    whole = {job_id for job_id, ends in ids.items() if set(ends.values()) <= {"measured", "nothing"}}
    assert found.measured + found.empty == len(whole)
    if found.measures:
        with_row = {row[0] for row in rows["measurements"]}
        assert whole <= with_row
        filled = {row[0] for row in rows["measurements"] if row[-1] is not None and len(row) > 3}
        assert found.measured == len(whole & filled)


@pytest.mark.parametrize(
    ("kind", "task", "expected"),
    [
        ("plantcv", {"files": ["mask"]}, True),
        ("function", {}, True),
        ("function", {"files": ["mask"]}, False),
        ("notebook", {}, True),
        ("script", {}, False),
        ("script", {"work": {"measurements": "json"}}, True),
        ("shell", {"work": {"shell": "cp {image} {files.copy}"}}, False),
        ("stitch", {}, False),
    ],
)
def test_which_steps_declare_measurements(kind: str, task: dict[str, Any], expected: bool) -> None:
    """PlantCV, what prints or writes results by a format, and what returns and writes no files."""
    assert declares_measurements(Record("a", "s", "ok", origin={"task": {"kind": kind, **task}})) is expected


def test_a_step_that_only_writes_files_is_not_counted() -> None:
    """Without a step that measures images are done, and none is empty."""
    counting = Counting()
    for job_id in "ab":
        counting.take(record("files", job_id, "nothing", files=True))
    assert str(image_sum("ab", counting.counts(), failed=[])) == "2 images = 2 done"
    counting.take(record("one", "a", "measured"))
    counting.take(record("one", "b", "nothing"))
    assert str(image_sum("ab", counting.counts(), failed=[])) == "2 images = 1 measured + 1 empty"
