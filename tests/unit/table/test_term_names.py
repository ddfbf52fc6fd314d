"""What terms are called in the result tables where a column of ours has their name."""

from __future__ import annotations

import pytest

from pixmake.job.record import Failure, Record
from pixmake.results.tables import survey
from pixmake.table.term_names import column_names, renaming_notes


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        (["path", "plant"], ["path", "plant"]),
        (["path", "id", "step"], ["path", "table.id", "table.step"]),
        (["id", "table.id"], ["table.table.id", "table.id"]),
    ],
)
def test_names(terms: list[str], names: list[str]) -> None:
    """Each term has a column of its own."""
    assert list(column_names(terms).values()) == names


def test_no_term_is_lost_in_the_tables() -> None:
    """`id` and `step` of a table are in all tables, `message` among the failures, and that is told."""
    metadata = {"path": "a.png", "id": "S-17", "step": "flowering", "message": "hello"}
    ok = Record("a", "measure", "ok", metadata, {"n": {"value": 1}})
    failed = Record("a", "count", "failed", metadata, error=Failure("E", "why", "", "a.log"))
    tables = survey([ok, failed], list(metadata))
    rows = {name: dict(zip(header_of(tables, name), row, strict=True)) for name, row in tables.rows(ok)}
    rows |= {name: dict(zip(header_of(tables, name), row, strict=True)) for name, row in tables.rows(failed)}
    assert rows["measurements"] == {
        **{"id": "a", "step": "measure", "path": "a.png", "table.id": "S-17", "table.step": "flowering"},
        **{"message": "hello", "n": 1},
    }
    assert rows["failures"] == {
        **{"id": "a", "step": "count", "error": "E", "message": "why", "log": "a.log", "path": "a.png"},
        **{"table.id": "S-17", "table.step": "flowering", "table.message": "hello"},
    }
    assert [note.why for note in renaming_notes(metadata)] == [
        "the column 'id' is called 'table.id' in the result tables",
        "the column 'step' is called 'table.step' in the result tables",
        "the column 'message' is called 'table.message' in failures.csv",
    ]


def header_of(tables: object, name: str) -> list[str]:
    return list(getattr(tables, name).header)
