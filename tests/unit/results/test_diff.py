"""Two folders of results, compared: what changed, by how much, for which images."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmake.cli.command_line import main
from pixmake.job.record import Failure, Record, write_record
from pixmake.results.diff import Tolerance, compare, lines


def results(
    folder: Path, images: Mapping[str, Mapping[str, Any] | None], step: str = "measure", **run: Any
) -> Path:
    """A folder of records; None stands for a failed image."""
    for job_id, values in images.items():
        failed = values is None
        record = Record(
            id=job_id,
            step=step,
            status="failed" if failed else "ok",
            measurements={
                name: value if isinstance(value, dict) else {"value": value}
                for name, value in (values or {}).items()
            },
            error=Failure("ValueError", "blurred") if failed else None,
            run=run,
        )
        write_record(record, folder / step / f"{job_id}.json")
    return folder


def test_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values, units, statuses and images, each with the image's id; the exit status tells a program."""
    old = results(
        tmp_path / "old",
        {
            "a": {"area": 100, "name": "x"},
            "b": {"area": 50},
            "c": {"area": 1},
            "d": None,
            "e": {"h": [1, 2, 3]},
        },
        seconds=1,
    )
    new = results(
        tmp_path / "new",
        {
            "a": {"area": 101, "name": "y"},
            "b": {"area": {"value": 50, "unit": "px"}},
            "d": {"area": 3},
            "e": {"h": [1, 2, 4], "more": 1},
            "f": {"area": 9},
        },
        seconds=2,
    )
    table = tmp_path / "changes.csv"
    assert main(["diff", str(old), str(new), "--csv", str(table)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "measure area: changed for 1 of 4 records, by +1 on average",
        "  a: 100 → 101 (+1.000%)",
        "measure area (unit): changed for 1 of 4 records",
        '  b: nothing → "px"',
        "measure h: changed for 1 of 4 records, by +1 on average",
        "  e: [1, 2, 3] → [1, 2, 4] (+33.333%)",
        "measure more: changed for 1 of 4 records",
        "  e: nothing → 1",
        "measure name: changed for 1 of 4 records",
        '  a: "x" → "y"',
        "measure: 1 failed → ok: d",
        "measure: 1 image added: f",
        "measure: 1 image removed: c",
    ]
    with table.open(newline="") as rows:
        changes = list(csv.DictReader(rows))
    assert [(row["id"], row["name"]) for row in changes] == [
        ("a", "area"),
        ("a", "name"),
        ("b", "area (unit)"),
        ("e", "h"),
        ("e", "more"),
    ]
    assert changes[3]["new"] == "[1, 2, 4]"
    assert main(["diff", str(old), str(new), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["removed"] == {"measure": 1}
    assert main(["diff", str(old), str(old)]) == 0
    assert capsys.readouterr().out == "no difference in 5 records\n"


def test_tolerance(tmp_path: Path) -> None:
    """A share of the old value, for all measurements or for one; what only the run decides never counts."""
    old = results(tmp_path / "old", {"a": {"area": 100, "height": -10.0, "zero": 0, "n": [10, 20]}}, host="x")
    new = results(
        tmp_path / "new", {"a": {"area": 101, "height": -10.4, "zero": 0, "n": [10, 20.1]}}, host="y"
    )

    def differing(tolerance: Tolerance) -> list[str]:
        return [name for _, name in compare(old, new, tolerance).measurements]

    assert differing(Tolerance()) == ["area", "height", "n"]
    assert differing(Tolerance(0.01)) == ["height"]
    assert differing(Tolerance(0.01, {"height": 0.05})) == []
    assert differing(Tolerance(0, {"area": 0.05})) == ["height", "n"]


def test_what_is_no_results_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong folder, or a record that is none, is an error, not a difference: exit status 2."""
    good = results(tmp_path / "good", {"a": {"x": 1}})
    (tmp_path / "empty").mkdir()
    (good / "measure" / "a.colours.json").write_text('{"a": "file of the step"}')
    for wrong in ("nowhere", "empty", "good/measure/a.json"):
        assert main(["diff", str(good), str(tmp_path / wrong)]) == 2
        assert capsys.readouterr().err.startswith(f"pixmake: {tmp_path / wrong}: ")
    assert compare(good, good, Tolerance()).compared == 1
    other = results(tmp_path / "other", {"a": {"x": 1}})
    assert not compare(good, other, Tolerance()).any
    (other / "measure" / "a.json").write_text('{"id": "a", "step": "measure", "status": "o')
    assert main(["diff", str(good), str(other)]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["diff", str(good), str(good), "--tolerance", "much"])


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(-10, 10),
    st.text("ab", max_size=3),
    st.lists(st.floats(-10, 10), max_size=3),
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("xyz"), VALUES), st.dictionaries(st.sampled_from("xyz"), VALUES))
def test_equal_only_if_equal(tmp_path_factory: pytest.TempPathFactory, old: Any, new: Any) -> None:
    """Whatever was measured: no difference is told for equal values, one is told for others."""
    folder = tmp_path_factory.mktemp("diff")
    found = compare(results(folder / "old", {"a": old}), results(folder / "new", {"a": new}), Tolerance())
    expected = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    assert {name for _, name in found.measurements} >= expected
    assert found.any == bool(found.measurements)
    assert list(lines(found))


def test_memory_does_not_grow_with_the_changes(tmp_path: Path) -> None:
    """Of many changes the largest are kept, and the count and mean of all."""
    many = 500
    old = results(tmp_path / "old", {f"i{number:05}": {"area": 1000} for number in range(many)})
    new = results(tmp_path / "new", {f"i{number:05}": {"area": 1000 + number} for number in range(many)})
    tracemalloc.start()
    found = compare(old, new, Tolerance())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    changed = found.measurements["measure", "area"]
    assert (changed.images, changed.mean) == (many - 1, many / 2)
    assert [change.id for change in changed.examples][:2] == ["i00499", "i00498"]
    assert len(changed.examples) == 10
    assert most < 3_000_000
