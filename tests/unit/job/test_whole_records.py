"""Which records can be used, whatever has happened to them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixmake.job.record import Failure, Record, read_content, write_record
from pixmake.job.whole_records import broken_records, note_read, stamp
from pixmake.results.record_lines import gather

Change = Callable[[dict[str, Any]], Any]

DAMAGED: dict[str, tuple[Change, str]] = {
    "of another image": (lambda record: record | {"id": "p2"}, "it is of step 'find' and image 'p2'"),
    "of another step": (lambda record: record | {"step": "x"}, "it is of step 'x' and image 'p1'"),
    "an unknown status": (lambda record: record | {"status": "fine"}, "its status is 'fine'"),
    "no object": (lambda record: [record], "it holds no JSON object"),
    "a part is missing": (
        lambda record: {key: value for key, value in record.items() if key != "files"},
        "it has no files",
    ),
    "a part too many": (lambda record: record | {"note": 1}, "it has the unknown part note"),
    "another type": (lambda record: record | {"metadata": "none"}, "its metadata is a str"),
    "a value is missing": (lambda record: record | {"measurements": {"area": {}}}, "has no value"),
    "failed without a word": (lambda record: record | {"status": "failed"}, "it does not say why it failed"),
}


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record in its place."""
    monkeypatch.chdir(tmp_path)
    path = Path("results/find/p1.json")
    write_record(Record("p1", "find", "ok", measurements={"area": {"value": 3}}), path)
    return path


@pytest.mark.parametrize("name", DAMAGED)
def test_a_changed_record_is_none(record: Path, name: str) -> None:
    """What an edit may leave is told with what is wrong with it."""
    change, expected = DAMAGED[name]
    record.write_text(json.dumps(change(json.loads(record.read_bytes()))))
    (why,) = broken_records("results", [str(record)]).values()
    assert expected in why


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "it is empty"),
        (b'{"id": "p1", "st', "Unterminated string"),
        (b"\x00" * 200, "Expecting value"),
        (b"\xff\xfe\x00", "codec can't decode"),
        (b"[" * 3000 + b"]" * 3000, "it is nested too deep"),
    ],
)
def test_a_cut_record_is_none(record: Path, content: bytes, expected: str) -> None:
    """What a power cut may leave, too."""
    record.write_bytes(content)
    (why,) = broken_records("results", [str(record)]).values()
    assert expected in why


def test_whole_and_missing_records_are_not_broken(record: Path) -> None:
    """Neither a record of success or of failure nor one that is not there."""
    failed = Path("results/find/p2.json")
    write_record(Record("p2", "find", "failed", error=Failure("ValueError", "blurred")), failed)
    assert broken_records("results", [str(record), str(failed), "results/find/p3.json"]) == {}


def test_records_of_the_last_tables_are_not_opened(record: Path) -> None:
    """A look at ten thousand records opens those alone that are new, or have another size or date."""
    gather([str(record)], "results/.records.jsonl")
    found = record.stat()
    record.write_bytes(b"x" * found.st_size)
    os.utime(record, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert broken_records("results", [str(record)]) == {}
    os.utime(record)
    assert list(broken_records("results", [str(record)])) == [str(record)]


def test_gathering_a_damaged_record_has_it_found(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nothing tells from a whole one, as a power cut may leave: gathering it tells."""
    gather([str(record)], "results/.records.jsonl")
    monkeypatch.setattr("pixmake.results.record_lines.boot", lambda: "after the power cut")
    found = record.stat()
    record.write_bytes(b"\x00" * found.st_size)
    os.utime(record, ns=(found.st_atime_ns, found.st_mtime_ns))
    note_read("results", {str(record): stamp(str(record))})
    with pytest.raises(ValueError, match="is not a record of pixmake"):
        gather([str(record)], "results/.records.jsonl")
    assert list(broken_records("results", [str(record)])) == [str(record)]


def test_a_whole_record_is_read_as_it_was_written(record: Path) -> None:
    """`read_content` gives back all of it."""
    assert read_content(record)["measurements"] == {"area": {"value": 3}}
