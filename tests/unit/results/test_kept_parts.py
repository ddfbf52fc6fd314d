"""What is made of records: updated, it is what it would be if it were made of nothing, byte for byte."""

from __future__ import annotations

import contextlib
import json
import os
import unittest.mock
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixmake.base.ids import memory_of
from pixmake.config.aggregate import Aggregate
from pixmake.images.read import write_file
from pixmake.job.record import Failure, Record, read_record, write_record
from pixmake.results.aggregate import write_tables
from pixmake.results.collect import collect_tables, known_in
from pixmake.results.gathering import write_gathered
from pixmake.results.provenance import write_provenance
from pixmake.results.record_lines import gather, gathered
from pixmake.results.report.content import collect
from pixmake.results.report.kept_records import records_of_page

TERMS = ("path", "plant")

values = st.one_of(
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.sampled_from(["nan", "inf", "=1+1", "é,\n", '"', "", True, None]),
    st.lists(st.integers(0, 3), max_size=2),
)
measurements = st.dictionaries(
    st.sampled_from(["area", "mean", "plant"]),
    st.builds(lambda value, unit: {"value": value, **unit}, values, st.sampled_from([{}, {"unit": "mm"}])),
    max_size=2,
)


@st.composite
def records(draw: st.DrawFn, job_id: str) -> list[Record]:
    """Those of an image: one of each step."""
    plant = draw(st.sampled_from(["p1", "p2", 7, 1.5]))
    found = []
    for step in ("one", "two"):
        error = draw(st.sampled_from([None, None, None, Failure("ValueError", "no")]))
        sha256 = draw(st.sampled_from(["ab", "ab", None]))
        seen = {"path": f"{job_id}.png", "size": 3, "mtime": 1.0, **({"sha256": sha256} if sha256 else {})}
        found.append(
            Record(
                *(job_id, step, "failed" if error else "ok"),
                metadata={"path": f"{job_id}.png", "plant": plant},
                measurements={} if error else draw(measurements),
                error=error,
                run={"started": f"2026-01-0{draw(st.integers(1, 9))}", "seconds": 0.5},
                images=(f"{job_id}.png",),
                origin={"task": {"kind": "function"}, "inputs": [seen]},
            )
        )
    return found


states = st.lists(
    st.sampled_from("abcdef").flatmap(lambda name: st.tuples(st.just(name), records(name))),
    min_size=1,
    max_size=6,
    unique_by=lambda pair: pair[0],
)


def put(folder: Path, state: list[tuple[str, list[Record]]]) -> list[str]:
    """Write the records that are not there as they are to be; the paths of all, in their order."""
    paths = []
    for _, found in state:
        for record in found:
            path = folder / f"r/{record.step}/{record.id}.json"
            if not path.exists() or read_record(path) != record:
                write_record(record, path)
            paths.append(str(path.relative_to(folder)))
    return paths


@pytest.fixture(autouse=True)
def few_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for the version of each package takes longer than all the rest."""
    monkeypatch.setattr("pixmake.results.provenance.software", dict)


def make(paths: list[str], results: str, tables: Aggregate) -> dict[str, bytes]:
    """All that is made of records, but for when it was."""
    lines = f"{results}/.records.jsonl"
    gather(paths, lines)
    write_tables(lines, TERMS, results, tables)
    write_provenance(lines, {"config": {}}, f"{results}/provenance.json")
    project = {"steps": {"one": {}, "two": {"per": ["plant"]}}, "terms": TERMS, "results": "r"}
    page = collect(records_of_page(lines, results), project, Path("page"))
    assert page == collect(gathered(lines), project, Path("page"))
    files = sorted(path for path in Path(results).rglob("*") if path.is_file() and path.suffix != ".json")
    told = Path(results, "provenance.json").read_text().splitlines()
    counts = Path(memory_of(results), "counts.json").read_bytes()
    found = {path.name: path.read_bytes() for path in files if path.name != "counts.json"}
    return {
        **found,
        "told": repr([line for line in told if "written" not in line]).encode(),
        "counts": counts,
        "page": repr(page).encode(),
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=int(os.environ.get("PIXMAKE_TEST_EXAMPLES", "15")),
    deadline=None,
)
@given(st.lists(states, min_size=2, max_size=4), st.sampled_from([("csv",), ("csv", "parquet", "sqlite")]))
def test_updated_is_made_anew(several: list[Any], formats: tuple[Any, ...]) -> None:
    """After any edits of records, what is updated has the bytes of what is made of nothing."""
    few_rows = unittest.mock.patch("pixmake.results.export.parquet.ROWS", 3)
    with TemporaryDirectory() as name, contextlib.chdir(name), few_rows:
        for state in several:
            paths = put(Path(name), state)
            wanted = Aggregate(tables=list(formats))
            assert make(paths, "r", wanted) == make(paths, f"new{len(os.listdir())}", wanted)


tables = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(
        st.permutations(["x", "y", "plant"]).flatmap(lambda names: st.sampled_from([names, names[:2]])),
        st.lists(st.integers(0, 99), max_size=3),
        st.sampled_from(["p1", "p2"]),
    ),
    max_size=4,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=int(os.environ.get("PIXMAKE_TEST_EXAMPLES", "15")),
    deadline=None,
)
@given(st.lists(tables, min_size=2, max_size=4), st.sampled_from(["csv", "parquet"]))
def test_collected_and_gathered_are_made_anew(several: list[Any], suffix: str) -> None:
    """The same for tables of steps as one, and for what jobs get of all jobs of a step."""
    with TemporaryDirectory() as name, contextlib.chdir(name):
        for state in several:
            paths, files = [], []
            for job_id, (columns, values, plant) in state.items():
                file, path = f"r/one/{job_id}.t.{suffix}", f"r/one/{job_id}.json"
                table = pd.DataFrame(dict.fromkeys(columns, values))
                made = Record(job_id, "one", "ok", {"plant": plant}, files={"t": file} if values else {})
                if not Path(path).exists() or read_record(path) != made or not Path(file).exists():
                    write_record(made, path)
                write_file(table, Path(f"new.{suffix}"))
                if not Path(file).exists() or Path(file).read_bytes() != Path(f"new.{suffix}").read_bytes():
                    Path(f"new.{suffix}").rename(file)
                paths.append(path)
                files.append(file)
            both = []
            for results in ("r", f"new{len(os.listdir())}"):
                gather(paths, f"{results}/.records.jsonl")
                known = known_in(f"{results}/.records.jsonl", "one", ["plant"], results)
                collect_tables(files, f".t.{suffix}", f"{results}/all.{suffix}", known)
                write_gathered(paths, f"{results}/.gathered/one")
                made_of = [f"{results}/all.{suffix}", f"{results}/.gathered/one"]
                both.append([Path(each).read_bytes() for each in made_of])
            assert both[0] == both[1]
            found = json.loads(both[0][1])
            assert [each["id"] for each in found["records"] if each] == list(state)


def some(number: int) -> list[tuple[str, list[Record]]]:
    """Images of which each has a row."""
    run = {"started": "2026", "seconds": 1}
    return [
        (f"i{n}", [Record(f"i{n}", "one", "ok", {"path": "p"}, {"x": {"value": n}}, run=run)])
        for n in range(number)
    ]


def read_when(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The records that are opened meanwhile."""
    from pixmake.results import record_lines

    opened: list[str] = []

    def counted(path: str) -> dict[str, Any]:
        opened.append(path)
        return read(path)

    read = record_lines.read_content
    monkeypatch.setattr(record_lines, "read_content", counted)
    act()
    monkeypatch.undo()
    return opened


def test_only_what_is_new_is_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more record: it alone is opened, also where Snakemake has removed what was made before."""
    paths = put(folder, some(5))
    gather(paths, "r/.records.jsonl")
    write_record(some(6)[-1][1][0], "r/one/i5.json")
    Path("r/.records.jsonl").unlink()
    opened = read_when(lambda: gather([*paths, "r/one/i5.json"], "r/.records.jsonl"), monkeypatch)
    assert opened == ["r/one/i5.json"]


@pytest.mark.parametrize("damage", ["cut", "other", "edited", "gone"])
def test_what_is_damaged_is_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """A memory that is cut, of another pixmake or gone, and a table that was edited, lose nothing."""
    paths = put(folder, some(5))
    first = make(paths, "r", Aggregate())
    for memory in Path(memory_of("r")).glob("*/parts"):
        if damage == "cut":
            memory.write_bytes(memory.read_bytes()[:-9])
        elif damage == "other":
            memory.write_bytes(memory.read_bytes().replace(b"pixmake parts", b"pixmake other", 1))
        elif damage == "gone":
            memory.unlink()
    if damage == "edited":
        for name in ("measurements.csv", ".records.jsonl", "provenance.json"):
            with Path("r", name).open("ab") as file:
                file.write(b"more\n")
    assert make(paths, "r", Aggregate()) == first
